"""Configurations: any mapping, with Python or NumPy scalars, as a dict of plain values."""

from __future__ import annotations

import json
import numbers
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Union

import numpy as np

from . import _hone
from ._check import check_integer
from ._errors import ArgumentError, ConfigError

Scalar = Union[str, bool, int, float, None]
TASKS = {None: 0, "classification": 1, "regression": 2}
TASK_NAMES = {number: name for name, number in TASKS.items()}


def plain(key: str, value: Any) -> Scalar:
    """The value of a hyperparameter as one of Python's own."""
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
    hint = "; weights of single classes belong to the dataset: its 'class_weight'" if "class_weight" in key else ""
    raise ConfigError(f"{type(value).__name__} is no number, boolean, text or None{hint}", f"config.{key}")


@lru_cache
def _all_keys() -> tuple[str, ...]:
    """Every name that a configuration can use, for mappings that cannot list theirs."""
    known = reference()
    rows = [(m["name"], h["name"]) for m in known["models"] for h in m["hyperparameters"]]
    keys = ["model", *(f"prep:{h['name']}" for h in known["preprocessing"]), *(f"{m}:{h}" for m, h in rows)]
    return (*keys, *dict.fromkeys(h for _, h in rows))


def config_dict(cfg: Any) -> dict[str, Scalar]:
    """The keys that `cfg` has, as plain values. Inactive keys of a ConfigSpace configuration are absent."""
    if isinstance(cfg, type) or not (isinstance(cfg, Mapping) or (hasattr(cfg, "keys") and hasattr(cfg, "__getitem__"))):
        if isinstance(cfg, type) or not callable(getattr(cfg, "get", None)):
            raise ConfigError(f"a mapping is needed, not {type(cfg).__name__}", "config")
        asked = ((key, cfg.get(key)) for key in _all_keys())
        return {key: plain(key, value) for key, value in asked if value is not None}
    found: dict[str, Scalar] = {}
    for key in list(cfg.keys()):
        if not isinstance(key, str):
            raise ConfigError(f"the key {key!r} is no text", "config")
        found[str.__str__(key)] = plain(key, cfg[key])
    return found


def check_seed(seed: Any, name: str = "seed") -> int:
    """A seed as an int in [0, 2**64)."""
    return check_integer(seed, name, 0, 2**64)


def check_task(task: str | None) -> int:
    """The library's number of a task."""
    if not (task is None or isinstance(task, str)) or task not in TASKS:
        raise ArgumentError(f"classification or regression is needed, not {task!r}", "task")
    return TASKS[task]


def resolve(cfg: Any, task: str) -> dict[str, Scalar]:
    """The configuration with defaults filled in and inactive keys left out, as the library sees it."""
    if task is None:
        raise ArgumentError("classification or regression is needed, not None", "task")
    text, _ = _hone.canonical(config_dict(cfg), check_task(task))
    return json.loads(text)  # type: ignore[no-any-return]


def reference() -> dict[str, Any]:
    """Every model and hyperparameter: range, default, condition, help."""
    return json.loads(_hone.reference())  # type: ignore[no-any-return]
