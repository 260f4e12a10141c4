"""Datasets that processes share: arrays in .npy files that workers map, everything else in one JSON file."""

from __future__ import annotations

import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from . import _mappings
from ._arrays import AUTO, CATEGORICAL, Column, Columns, Dense, Sparse, Table, Vector
from ._check import check_path
from ._dataset import Dataset
from ._errors import CorruptError, DataError, file_errors
from ._parts import Arrow, Parts

INDEX = "dataset.json"
MOST_ATTACHED = 4


def _from_arrow(values: Any) -> Vector:
    from ._arrays import object_vector

    return object_vector(values.to_pylist(), "data")


def plain_columns(parts: Parts) -> Parts:
    """The same dataset with the columns of Arrow tables as NumPy arrays and texts."""
    if parts.valid is not None:
        parts = replace(parts, valid=plain_columns(parts.valid))
    if not isinstance(parts.table, Arrow):
        return parts
    import pyarrow

    source = parts.table
    if hasattr(source.source, "read_all"):
        raise DataError("a stream can be read once only; make a table of it to pickle or share it", "dataset")
    table = pyarrow.table(source.source)
    found: dict[str, Vector] = {name: _from_arrow(table.column(name)) for name in table.column_names}
    y = found.pop(source.target) if source.target is not None else None
    weight = found.pop(source.weight) if source.weight is not None else None
    marks = set(parts.categorical or ())
    typed = [Column(n, v, None, CATEGORICAL if n in marks else AUTO) for n, v in found.items()]
    return replace(parts, table=Columns(typed, table.num_rows), y=y, weight=weight, categorical=None,
                   target_name=source.target)


# ---- writing ----

class _Writer:
    def __init__(self, folder: str) -> None:
        self.folder, self.arrays = folder, 0

    def vector(self, values: Vector | None) -> Any:
        if not isinstance(values, np.ndarray):
            return values
        name = f"{self.arrays}.npy"
        self.arrays += 1
        np.save(os.path.join(self.folder, name), values)
        return {"npy": name}

    def table(self, t: Any) -> dict[str, Any]:
        if isinstance(t, Dense):
            return {"form": "dense", "x": self.vector(t.x), "names": t.names}
        if isinstance(t, Sparse):
            return {"form": "sparse", "data": self.vector(t.data), "indptr": self.vector(t.indptr),
                    "indices": self.vector(t.indices), "shape": [int(n) for n in t.shape], "names": t.names}
        return {"form": "columns", "rows": t.rows, "columns": [
            [c.name, self.vector(c.values), c.levels, c.type] for c in t.columns]}

    def parts(self, p: Parts) -> dict[str, Any]:
        return {"table": self.table(p.table), "y": self.vector(p.y), "weight": self.vector(p.weight),
                "categorical": p.categorical, "target_name": p.target_name, "task": p.task,
                "cache_bytes": p.cache_bytes, "class_weight": p.class_weight,
                "valid": None if p.valid is None else self.parts(p.valid)}


def write(parts: Parts, directory: str | os.PathLike[str] | None) -> str:
    """Writes the parts into a folder of their own; gives its path."""
    where = tempfile.gettempdir() if directory is None else os.fsdecode(check_path(directory, "directory"))
    with file_errors("written", where):
        os.makedirs(where, exist_ok=True)
        folder = tempfile.mkdtemp(prefix="hone-dataset-", dir=where)
        index = _Writer(folder).parts(parts)
        with open(os.path.join(folder, INDEX), "w", encoding="utf-8") as file:
            json.dump(index, file)
    return os.path.abspath(folder)


# ---- reading ----

class _Reader:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def vector(self, found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        return np.load(os.path.join(self.folder, found["npy"]), mmap_mode="r", allow_pickle=False)

    def table(self, t: dict[str, Any]) -> Table:
        if t["form"] == "dense":
            return Dense(self.vector(t["x"]), t["names"])
        if t["form"] == "sparse":
            return Sparse(self.vector(t["data"]), self.vector(t["indptr"]), self.vector(t["indices"]),
                          tuple(t["shape"]), t["names"])
        return Columns([Column(n, self.vector(v), levels, kind) for n, v, levels, kind in t["columns"]], t["rows"])

    def parts(self, p: dict[str, Any]) -> Parts:
        return Parts(self.table(p["table"]), self.vector(p["y"]), self.vector(p["weight"]), p["categorical"],
                     p["target_name"], p["task"], p["cache_bytes"],
                     None if p["valid"] is None else self.parts(p["valid"]),
                     None if p["class_weight"] is None else [(label, weight) for label, weight in p["class_weight"]])


_attached: OrderedDict[Any, Dataset] = OrderedDict()


def _kept(key: Any, make: Callable[[], Dataset]) -> Dataset:
    """A process keeps the last few datasets, with what trials left in their memory; each is read once, by one thread."""
    with _mappings.lock:
        found = _attached.get(key)
        if found is None:
            found = _attached[key] = make()
        _attached.move_to_end(key)
        while len(_attached) > MOST_ATTACHED:
            _attached.popitem(last=False)
        return found


def attach(folder: str) -> Dataset:
    """The dataset in a folder."""

    def make() -> Dataset:
        index = os.path.join(folder, INDEX)
        with file_errors("read", index), open(index, encoding="utf-8") as file:
            text = file.read()
        try:
            with file_errors("read", folder):
                parts = _Reader(folder).parts(json.loads(text))
        except (ValueError, KeyError, TypeError) as why:
            raise CorruptError(f"the shared dataset is damaged ({type(why).__name__}: {why})", folder) from why
        found = Dataset._of(parts, hold=True)
        found._folder = folder
        return found

    return _kept(folder, make)


def read_again(file: str, how: dict[str, Any], fingerprint: str) -> Dataset:
    """The dataset of a file that was read elsewhere; the file must still be the same."""

    def make() -> Dataset:
        found = Dataset.read(file, **how)
        if found.fingerprint != fingerprint:
            raise DataError("the file has changed since the dataset was read", file)
        return found

    return _kept((file, repr(how), fingerprint), make)
