"""Configurations: any mapping, with Python or NumPy scalars, as a dict of plain values."""

from __future__ import annotations

import json
import numbers
import operator
from collections.abc import Mapping
from typing import Any, Union

import numpy as np

from . import _hone
from ._errors import ArgumentError, ConfigError

Scalar = Union[str, bool, int, float, None]
TASKS = {None: 0, "classification": 1, "regression": 2}
TASK_NAMES = {number: name for name, number in TASKS.items()}


def _plain(key: str, value: Any) -> Scalar:
    if isinstance(value, np.ndarray):
        if value.ndim:
            raise ConfigError(f"an array of shape {value.shape}; a single value is needed", f"config.{key}")
        value = value[()]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (str, bool, int, float):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) or isinstance(value, np.longdouble):
        return float(value)
    raise ConfigError(f"{type(value).__name__} is no number, boolean, text or None", f"config.{key}")


def config_dict(cfg: Any) -> dict[str, Scalar]:
    """The keys that `cfg` has, as plain values. Inactive keys of a ConfigSpace configuration are absent."""
    if not (isinstance(cfg, Mapping) or (hasattr(cfg, "keys") and hasattr(cfg, "__getitem__"))):
        raise ConfigError(f"a mapping is needed, not {type(cfg).__name__}", "config")
    plain: dict[str, Scalar] = {}
    for key in list(cfg.keys()):
        if not isinstance(key, str):
            raise ConfigError(f"the key {key!r} is no text", "config")
        plain[str.__str__(key)] = _plain(key, cfg[key])
    return plain


def check_seed(seed: Any, name: str = "seed") -> int:
    """A seed as an int in [0, 2**64)."""
    if isinstance(seed, (bool, np.bool_)) or not hasattr(seed, "__index__"):
        raise ArgumentError(f"an integer is needed, not {type(seed).__name__}", name)
    number = operator.index(seed)
    if not 0 <= number < 2**64:
        raise ArgumentError(f"{number} is not in [0, 2**64)", name)
    return number


def check_task(task: str | None) -> int:
    """The library's number of a task."""
    if task not in TASKS:
        raise ArgumentError(f"classification or regression is needed, not {task!r}", "task")
    return TASKS[task]


def resolve(cfg: Any, task: str) -> dict[str, Scalar]:
    """The configuration with defaults filled in and inactive keys left out, as the library sees it."""
    text, _ = _hone.canonical(config_dict(cfg), check_task(task))
    return json.loads(text)  # type: ignore[no-any-return]


def reference() -> dict[str, Any]:
    """Every model and hyperparameter: range, default, condition, help."""
    return json.loads(_hone.reference())  # type: ignore[no-any-return]
