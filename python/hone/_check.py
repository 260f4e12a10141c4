"""Arguments that are what they should be, or an error that names them."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from ._errors import ArgumentError


def check_flag(value: Any, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"True or False is needed, not {value!r}", name)
    return bool(value)


def check_integer(value: Any, name: str, low: int, end: int) -> int:
    """An integer in [low, end)."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise ArgumentError(f"an integer is needed, not {type(value).__name__}", name)
    try:
        number = operator.index(value)
    except TypeError as why:  # arrays have __index__ too, for when they hold one integer alone
        raise ArgumentError(f"an integer is needed, not {value!r}", name) from why
    if not low <= number < end:
        shown = next((f"2**{k}" for k in (31, 63, 64) if end == 2**k), str(end))
        raise ArgumentError(f"{number} is not in [{low}, {shown})", name)
    return number


def check_threads(value: Any, name: str = "n_threads") -> int:
    """A number of threads; 0 when it is left to the library."""
    return 0 if value is None else min(check_integer(value, name, 1, 2**63), 4096)


def check_text(value: Any, name: str) -> str:
    """Text that C can take."""
    if not isinstance(value, str):
        raise ArgumentError(f"a text is needed, not {type(value).__name__}", name)
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ArgumentError(f"{value!r} has a character that is none", name)
    return str.__str__(value)


def check_path(value: Any, name: str) -> str | bytes:
    """The name of a file."""
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise ArgumentError(f"a path is needed, not {type(value).__name__}", name)
    path = os.fspath(value)
    if ("\0" if isinstance(path, str) else b"\0") in path:
        raise ArgumentError(f"{path!r} has a zero character", name)
    return path


def check_list(value: Any, name: str, of: str) -> list[Any]:
    """The items of anything that has items, but a text."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ArgumentError(f"a list of {of} is needed, not {type(value).__name__}", name)
    return list(value)


def check_texts(value: Any, name: str) -> list[str]:
    return [check_text(v, name) for v in check_list(value, name, "texts")]


def check_function(value: Any, name: str) -> Any:
    if value is not None and not callable(value):
        raise ArgumentError(f"a function is needed, not {type(value).__name__}", name)
    return value
