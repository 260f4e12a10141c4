"""Mappings that come again find their dataset.

By the addresses of their arrays and a hash of what these hold, or, for tables that have to be converted
first, by the fingerprint of the result.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import _hone
from ._arrays import Dense
from ._dataset import Dataset
from ._errors import DataError
from ._parts import Parts, arrays_of, from_mapping

MOST_DATASETS, MOST_BYTES = 4, 1 << 30


@dataclass
class _Entry:
    dataset: Dataset
    content: tuple[Any, ...]
    owners: list[weakref.ref[Any]]


_entries: OrderedDict[tuple[Any, ...], _Entry] = OrderedDict()
lock = threading.RLock()


def _renew_lock() -> None:
    global lock
    lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)


def clear_cache() -> None:
    """Forgets the datasets of mappings that were given to `train` and its like."""
    with lock:
        _entries.clear()


def _content(values: Any) -> Any:
    """A hash of what an array or a list holds."""
    if isinstance(values, np.ndarray):
        digest = _hone.digest(values)
        return digest if digest is not None else _hone.digest(np.ascontiguousarray(values))
    return None if values is None else hash(tuple(values))


def _place(a: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    return a.__array_interface__["data"][0], a.shape, a.strides, a.dtype.str


def _lent(p: Parts) -> bool:
    """Whether the whole table is the caller's memory, whose end can be watched."""
    whole = bool(p.owners) and all(type(o).__weakrefoffset__ for o in p.owners)  # that of None is 0
    return whole and (p.valid is None or _lent(p.valid))


def _own(p: Parts) -> Parts:
    """The same without memory of the caller's: what is found by its content alone must never change."""
    if p.valid is not None:
        p = replace(p, valid=_own(p.valid))
    if all(o is None for o in p.owners):
        return p
    t: Any = p.table
    table = replace(t, **{name: getattr(t, name).copy() for name in (
        ("x",) if isinstance(t, Dense) else ("data", "indptr", "indices"))})
    return replace(p, table=table, owners=[])


def _identity(p: Parts) -> tuple[tuple[Any, ...], tuple[Any, ...], list[Any]]:
    """(key, content, owners) of a dataset in the caller's memory."""
    arrays = arrays_of(p.table)  # type: ignore[arg-type]
    names = tuple(p.table.names or ())  # type: ignore[union-attr]
    vectors = [v.dtype.str if isinstance(v, np.ndarray) else type(v) for v in (p.y, p.weight)]
    key = (tuple(map(_place, arrays)), names, tuple(p.categorical or ()), p.target_name, p.task,
           p.cache_bytes, tuple(p.class_weight or ()), *vectors)
    content = (tuple(map(_content, arrays)), _content(p.y), _content(p.weight))
    if p.valid is not None:
        more = _identity(p.valid)
        return key + more[0], content + more[1], p.owners + more[2]
    return key, content, p.owners


def _remember(key: tuple[Any, ...], entry: _Entry) -> None:
    _entries[key] = entry
    kept = list(_entries)  # an array that dies takes its entry away at any time
    while len(kept) > 1 and (len(kept) > MOST_DATASETS or _bytes(kept) > MOST_BYTES):
        _entries.pop(kept.pop(0), None)


def _bytes(keys: list[tuple[Any, ...]]) -> int:
    return sum(e.dataset.cache_stats()["bytes"] for e in map(_entries.get, keys) if e is not None)


def _find(key: tuple[Any, ...], content: tuple[Any, ...]) -> Dataset | None:
    entry = _entries.get(key)
    if entry is None or entry.content != content:
        _entries.pop(key, None)
        return None
    _entries.move_to_end(key)
    return entry.dataset


def dataset_of(given: Any, task: str | None = None, *, any_words: bool = False) -> tuple[Dataset, Any]:
    """The dataset of an argument, and what must live as long as it is used."""
    if isinstance(given, Dataset):
        return given, None
    if not isinstance(given, Mapping):
        raise DataError(f"a mapping with 'X' and 'y' or a hone.Dataset is needed, not {type(given).__name__}",
                        "dataset")
    parts = from_mapping(given, task)
    parts.any_words = any_words
    with lock:
        if _lent(parts):
            key, content, owners = _identity(parts)
            found = _find(key, content)
            if found is None:
                found = Dataset._of(parts, hold=False)

                def drop(_: Any) -> None:
                    _entries.pop(key, None)

                gone = [weakref.ref(o, drop) for o in owners]
                _remember(key, _Entry(found, content, gone))
            return found, parts
        new = Dataset._of(_own(parts), hold=True)
        key = (new._fingerprint, type(parts.table), parts.task, parts.cache_bytes)
        found = _find(key, ())
        if found is None:
            _remember(key, _Entry(new, (), []))
        return found or new, None
