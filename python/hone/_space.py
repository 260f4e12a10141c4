"""The search space."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from . import _hone
from ._check import check_flag, check_texts
from ._config import check_task
from ._dataset import Dataset
from ._errors import ArgumentError
from ._mappings import dataset_of


def space_dict(dataset_or_task: Any, models: str | Sequence[str] | None = None, *,
               preprocessing: bool = True) -> dict[str, Any]:
    """The search space as ConfigSpace's serialised form (format_version 0.4), without ConfigSpace."""
    listed = [models] if isinstance(models, str) else None if models is None else check_texts(models, "models")
    bare = not check_flag(preprocessing, "preprocessing")
    if isinstance(dataset_or_task, str):
        text = _hone.space(check_task(dataset_or_task), None, listed, bare)
    elif isinstance(dataset_or_task, (Mapping, Dataset)):
        data, alive = dataset_of(dataset_or_task)
        text = _hone.space(check_task(data.task), data._handle, listed, bare)
        del alive
    else:
        raise ArgumentError(f"a task or a dataset is needed, not {type(dataset_or_task).__name__}", "space")
    return json.loads(text)  # type: ignore[no-any-return]


def space(dataset_or_task: Any, models: str | Sequence[str] | None = None, *, preprocessing: bool = True,
          seed: int | None = None) -> Any:
    """The search space as a ConfigSpace.ConfigurationSpace. Every configuration in it trains to a finite loss.

    Args:
        dataset_or_task: 'classification', 'regression', or a dataset, which leaves out what does not apply to it.
        models: names; None: all that do the task.
        preprocessing: with 'prep:' hyperparameters.
        seed: of the space's own sampling.
    """
    from ConfigSpace import ConfigurationSpace

    found = ConfigurationSpace.from_serialized_dict(
        space_dict(dataset_or_task, models, preprocessing=preprocessing))
    if seed is not None:
        found.seed(seed)
    return found
