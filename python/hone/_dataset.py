"""Datasets: a table with its target, which remembers what trials share.

A mapping that is given again finds its dataset (`dataset_of`): by the addresses of its arrays and a hash of
what they hold, or, for tables that have to be converted first, by the fingerprint of the result.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays, _hone
from ._arrays import Columns, Dense, Sparse, Table, Vector
from ._check import check_flag, check_integer, check_list, check_path, check_text, check_texts
from ._config import TASK_NAMES, check_task
from ._errors import ArgumentError, DataError
from ._log import level_of, log_line

if TYPE_CHECKING:
    from ._model import Model

DATA_KEYS = ("X", "y", "sample_weight", "feature_names", "categorical", "task", "X_val", "y_val",
             "sample_weight_val", "flatten", "cache_bytes", "class_weight")
FORMATS = ("csv", "svmlight", "npy", "npz")  # of files, as the library numbers them from 1


@dataclass
class Arrow:
    """An Arrow table, read by the library through the C interface; target and weights are columns of it."""

    source: Any
    target: str | None = None
    weight: str | None = None


@dataclass
class Parts:
    """All that makes a dataset, in the library's terms."""

    table: Table | Arrow
    y: Vector | None = None
    weight: Vector | None = None
    categorical: list[int] | list[str] | None = None
    target_name: str | None = None
    task: int = 0
    cache_bytes: int = 0
    valid: Parts | None = None
    class_weight: list[tuple[str, float]] | None = None
    # Of each array of the table, the caller's object that its memory dies with; None, or no list: it is ours alone.
    owners: list[Any] = field(default_factory=list, compare=False)
    any_words: bool = False  # text is never refused: the rows of a table or model that says what its columns are


# ---- from what the caller gave ----

def _categorical(given: Any, names: Sequence[str | None] | None, cols: int | None) -> list[Any] | None:
    if given is None:
        return None
    given = check_list(given, "categorical", "columns")
    if given and all(isinstance(c, (bool, np.bool_)) for c in given):
        flags = np.asarray(given)
        if cols is not None and flags.shape != (cols,):
            raise DataError(f"a mask of {flags.size} values; there are {cols} columns", "categorical")
        given = np.flatnonzero(flags).tolist()
    out: list[Any] = []
    for c in given:
        if isinstance(c, str) and names is not None:
            if c not in names:
                raise ArgumentError(f"no column is called {c!r}", "categorical")
            out.append(list(names).index(c))
        elif isinstance(c, (int, np.integer)) and not isinstance(c, bool):
            j = int(c) + (cols if cols is not None and c < 0 else 0)
            if j < 0 or (cols is not None and j >= cols):
                raise DataError(f"column {int(c)}; there are {cols}", "categorical")
            out.append(j)
        else:
            raise DataError(f"{c!r} is no name or number of a column", "categorical")
    return out


def _joined(given: Any, name: str) -> str:
    """A list of texts as the library takes it."""
    listed = check_texts(given, name)
    for text in listed:
        if "," in text:
            raise ArgumentError(f"{text!r} has a comma, which parts the texts of a list", name)
    return ",".join(listed)


def _names(given: Any) -> list[str] | None:
    if given is None:
        return None
    listed = check_list(given, "feature_names", "texts")
    if None in listed:
        raise DataError(f"column {listed.index(None)} has None for a name", "feature_names")
    names = [str(n) for n in listed]
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise DataError(f"two columns are called {twice!r}", "feature_names")
    return names


def _named(table: Table, names: list[str] | None) -> Table:
    if names is None:
        return table
    cols = table.shape[1]
    if len(names) != cols:
        raise DataError(f"{len(names)} names; there are {cols} columns", "feature_names")
    if isinstance(table, Columns):
        return Columns([replace(c, name=n) for c, n in zip(table.columns, names)], table.rows)
    return replace(table, names=names)


def _free_name(wanted: str, names: Sequence[str]) -> str:
    while wanted in names:
        wanted += "_"
    return wanted


def _with_columns(x: Any, columns: dict[str, Vector]) -> tuple[Any, dict[str, str]]:
    """An Arrow table with more columns, and the names that they got."""
    taken = [str(n) for n in _arrow_names(x)]
    names = {wanted: _free_name(wanted, taken) for wanted in columns}
    rows = x.height if _arrays.is_polars(x) else x.num_rows
    for wanted, values in columns.items():
        if len(values) != rows:
            raise DataError(f"{len(values)} values; there are {rows} rows", f"data.{_ROLES[wanted]}")
        if _arrays.is_polars(x):
            import polars

            x = x.with_columns(polars.Series(names[wanted], values))
        else:
            import pyarrow

            x = x.append_column(names[wanted], pyarrow.array(values))
    return x, names


_ROLES = {"target": "y", "sample_weight": "weight"}


def _arrow_names(x: Any) -> list[str]:
    return list(x.columns if _arrays.is_polars(x) else x.column_names)


def _arrow(x: Any, y: Any, weight: Any, categorical: Any) -> tuple[Arrow, list[str] | None]:
    """An Arrow table that has target and weights as columns, and the names of its categorical ones."""
    target, columns = (check_text(y, "y") if isinstance(y, str) else None), {}
    if y is not None and target is None:
        columns["target"] = _arrays.vector(y, "y")
    if weight is not None:
        columns["sample_weight"] = _arrays.vector(weight, "sample_weight")
    if _arrays.is_polars(x):
        import polars

        # A column of nothing but nulls goes over as numbers: polars gives type null a buffer that Arrow does not.
        x = x.with_columns([polars.col(n).cast(polars.Float64) for n, t in x.schema.items() if t == polars.Null])
    elif columns or categorical is not None:
        import pyarrow

        x = pyarrow.table(x)
    marked = None
    if categorical is not None:
        names = [n for n in _arrow_names(x) if n != target]
        marked = [names[j] for j in _categorical(categorical, names, len(names)) or ()]
    x, named = _with_columns(x, columns) if columns else (x, {})  # type: ignore[arg-type]
    return Arrow(x, named.get("target", target), named.get("sample_weight")), marked


def _arrays_of(t: Table) -> list[np.ndarray[Any, Any]]:
    return [t.x] if isinstance(t, Dense) else [t.data, t.indptr, t.indices]  # type: ignore[union-attr]


def _owners(x: Any, table: Table) -> list[Any]:
    """What `Parts.owners` says of a table that was made of `x`."""
    if isinstance(table, Columns):
        return []
    if _arrays.is_sparse(x):
        given = [getattr(x, name, None) for name in ("data", "indptr", "indices")]
    elif _arrays.is_pandas(x):
        given = [x.iloc[:, 0].to_numpy()]
    elif isinstance(x, (np.ndarray, list, tuple)):
        given = [x]
    else:
        return [x]  # a tensor, or something else that lends its memory
    lent = [o for o in given if isinstance(o, np.ndarray)]
    return [_owner(a) if any(np.may_share_memory(o, a) for o in lent) else None for a in _arrays_of(table)]


def _owner(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def _budget(cache_bytes: Any) -> int:
    """As the library has it: 0 is its default, negative is nothing."""
    return 0 if cache_bytes is None else check_integer(cache_bytes, "cache_bytes", 0, 2**63) or -1


def _class_weight(given: Any) -> list[tuple[str, float]] | None:
    """Labels as the texts that the library knows them by."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        way = "; 'balanced' is a hyperparameter and stands in the configuration" if isinstance(given, str) else ""
        raise ArgumentError(f"a mapping of labels to weights is needed, not {type(given).__name__}{way}", "class_weight")
    found = []
    for label, weight in given.items():
        if isinstance(weight, (bool, np.bool_)) or not isinstance(weight, (int, float, np.integer, np.floating)):
            raise ArgumentError(f"the weight of {label!r} is no number: {weight!r}", "class_weight")
        if not isinstance(label, (str, bool, np.bool_, int, float, np.integer, np.floating)):
            raise ArgumentError(f"{label!r} is no label", "class_weight")
        found.append((check_text(str(label), "class_weight"), float(weight)))
    return found


def _class_weight_text(given: Any) -> str | None:
    """As the library writes it down beside the file."""
    pairs = _class_weight(given) or ()
    for label, _ in pairs:
        if "," in label:
            raise ArgumentError(f"{label!r} has a comma; give the rows a column of weights", "class_weight")
    return ",".join(f"{label}={weight!r}" for label, weight in pairs) or None


def prepare(x: Any, y: Any = None, *, sample_weight: Any = None, feature_names: Any = None,
            categorical: Any = None, task: str | None = None, flatten: bool = False,
            cache_bytes: int | None = None, names: tuple[str, str] = ("X", "y"),
            valid: Parts | None = None, class_weight: Any = None) -> Parts:
    """The parts of a dataset from the caller's objects; nothing is copied that can be borrowed."""
    number, cache, classes = check_task(task), _budget(cache_bytes), _class_weight(class_weight)
    target_name = y if isinstance(y, str) else getattr(y, "name", None)
    target_name = None if target_name is None else str(target_name)
    if not isinstance(x, type) and (_arrays.is_arrow(x) or _arrays.is_polars(x)):
        if feature_names is not None:
            raise ArgumentError("an Arrow table has names of its own", "feature_names")
        source, marked = _arrow(_arrays.arrow_table(x, names[0]), y, sample_weight, categorical)
        return Parts(source, None, None, marked, None, number, cache, valid, classes)
    if isinstance(y, str):
        if not _arrays.is_pandas(x):
            raise DataError(f"the name of a column is for data frames, X is {type(x).__name__}", names[1])
        if y not in x.columns:
            raise ArgumentError(f"no column is called {y!r}", names[1])
        x, y = x.drop(columns=[y]), x[y]
    table = _named(_arrays.table(x, names[0], flatten=flatten), _names(feature_names))
    marks = _categorical(categorical, table.names, table.shape[1])
    if marks and isinstance(table, Columns):
        columns = [replace(c, type=_arrays.CATEGORICAL) if j in marks else c
                   for j, c in enumerate(table.columns)]
        table, marks = Columns(columns, table.rows), None
    weight = _arrays.vector(sample_weight, "sample_weight")
    return Parts(table, _arrays.vector(y, names[1]), weight, marks, target_name, number, cache, valid,
                 classes, _owners(x, table))


def from_mapping(data: Mapping[str, Any], task: str | None = None) -> Parts:
    """The parts of a dataset from a mapping with the keys of `DATA_KEYS`."""
    unknown = [k for k in data if k not in DATA_KEYS]
    if unknown:
        raise DataError(f"no key is called {unknown[0]!r}; there are {', '.join(DATA_KEYS)}", "dataset")
    if "X" not in data or data.get("X") is None:
        raise DataError("there is no 'X'", "dataset")
    if "y" not in data or data["y"] is None:
        raise DataError("there is no 'y'", "dataset")
    get = data.get
    same: dict[str, Any] = {"feature_names": get("feature_names"), "categorical": get("categorical"),
                            "task": get("task") or task, "flatten": check_flag(False if get("flatten") is None else get("flatten"), "flatten")}
    valid = None
    if get("X_val") is None:
        orphan = next((k for k in ("y_val", "sample_weight_val") if get(k) is not None), None)
        if orphan is not None:
            raise DataError(f"there is {orphan!r}, but no 'X_val'", "dataset")
    else:
        if get("y_val") is None:
            raise DataError("there is 'X_val', but no 'y_val'", "dataset")
        valid = prepare(get("X_val"), get("y_val"), sample_weight=get("sample_weight_val"),
                        names=("X_val", "y_val"), **same)
        valid.any_words = True
    return prepare(data["X"], data["y"], sample_weight=get("sample_weight"), cache_bytes=get("cache_bytes"),
                   valid=valid, class_weight=get("class_weight"), **same)


# ---- the library's handle ----

def make(parts: Parts, hold: bool, threads: int = 0) -> Any:
    """The handle of a new dataset. Without `hold` the caller keeps the arrays alive."""
    valid = None if parts.valid is None else make(parts.valid, hold, threads)
    log = logging.getLogger("hone.data")
    names = parts.table.names if isinstance(parts.table, (Dense, Sparse)) else None
    marks = None if isinstance(parts.table, Arrow) else parts.categorical
    about = (parts.y, parts.weight, names, marks, parts.target_name, valid, parts.task, threads,
             parts.cache_bytes, log_line(log), level_of(log), parts.class_weight, parts.any_words, hold)
    t = parts.table
    if isinstance(t, Dense):
        return _hone.dataset_dense(t.x, *about)
    if isinstance(t, Sparse):
        return _hone.dataset_csr(t.data, t.indptr, t.indices, *t.shape, *about)
    if isinstance(t, Columns):
        rows = [(c.name, c.type, c.values, c.levels) for c in t.columns]
        return _hone.dataset_columns(rows, t.rows, *about)
    categorical = _joined(parts.categorical or (), "categorical") or None
    how = (t.target, t.weight, categorical, None, None, None, None, None, False, 0, 0, 0, 0, None)
    if hasattr(t.source, "__arrow_c_stream__"):
        return _hone.dataset_arrow(t.source.__arrow_c_stream__(), None, how, *about)
    schema, array = t.source.__arrow_c_array__()
    return _hone.dataset_arrow(schema, array, how, *about)


class Dataset:
    """A table with its target, checked once, shared by any number of trainings.

    It remembers what trials share (ranks, distances, kernel matrices, folds), within `cache_bytes`; that never
    changes a result. float32 and float64 arrays are borrowed: they must not change while the dataset is in use.

    Args:
        data: a mapping with 'X' and 'y' (and any of the arguments below), or the table: NumPy, SciPy sparse,
            pandas, polars, Arrow, a tensor on the CPU.
        y: the target, one value a row, or the name of a column of a data frame.
        sample_weight: one weight >= 0 a row.
        feature_names: names of the columns, where the table has none.
        categorical: names or numbers of columns whose values are levels, not amounts; or a mask. A column of text is
            categorical by itself; dates and free text are refused unless they are named here, or have pandas' type
            `category`.
        task: 'classification' or 'regression'; otherwise the target decides.
        X_val, y_val, sample_weight_val: validation rows.
        flatten: makes one row of each item of an array with more than 2 dimensions.
        cache_bytes: budget of what is remembered; None: 1 GiB; 0: nothing.
        class_weight: a mapping of labels to what the weights of their rows are multiplied by, in fits and in metrics;
            other classes keep their weight.
    """

    def __init__(self, data: Any, y: Any = None, *, sample_weight: Any = None, feature_names: Any = None,
                 categorical: Any = None, task: str | None = None, X_val: Any = None, y_val: Any = None,
                 sample_weight_val: Any = None, flatten: bool = False,
                 cache_bytes: int | None = None, class_weight: Mapping[Any, float] | None = None) -> None:
        given = {"y": y, "sample_weight": sample_weight, "feature_names": feature_names,
                 "categorical": categorical, "task": task, "X_val": X_val, "y_val": y_val,
                 "sample_weight_val": sample_weight_val, "flatten": flatten if flatten is not False else None,
                 "cache_bytes": cache_bytes, "class_weight": class_weight}
        given = {k: v for k, v in given.items() if v is not None}
        if isinstance(data, Mapping):
            if given:
                raise ArgumentError("a mapping holds everything; there are no further arguments",
                                    next(iter(given)))
            given = dict(data)
        else:
            given["X"] = data
        self._fill(from_mapping(given), hold=True)

    def _fill(self, parts: Parts | None, *, hold: bool, handle: Any = None) -> None:
        self._parts = parts if hold else None
        self._folder: str | None = None
        self._source: tuple[str, dict[str, Any]] | None = None
        self._handle = handle if handle is not None else make(parts, hold)  # type: ignore[arg-type]
        self._n_rows, self._n_columns, task, self._classes, self._fingerprint = _hone.dataset_facts(
            self._handle)
        self._task = TASK_NAMES[task]

    @classmethod
    def _of(cls, parts: Parts, *, hold: bool) -> Dataset:
        new = cls.__new__(cls)
        new._fill(parts, hold=hold)
        return new

    @classmethod
    def read(cls, file: str | os.PathLike[str], *, target: str | int | None = None, weight: str | None = None,
             categorical: Sequence[str] = (), drop: Sequence[str] = (), na: Sequence[str] | None = None,
             labels: str | None = None, delimiter: str | None = None, decimal: str | None = None, header: bool = True,
             format: str | None = None, columns: int | None = None, first_index: int | None = None,
             class_weight: Mapping[Any, float] | None = None,
             task: str | None = None, model: Model | None = None, memory: int | None = None,
             cache_bytes: int | None = None) -> Dataset:
        """A dataset from a file: CSV, svmlight (both also gzipped), .npy or .npz, by its name.

        Rows for a `model` are read as its training data were: its columns, with their types and tokens of missing cells.
        Its pickle is the path: the file is read again where the pickle is opened, once a process.

        Args:
            target: name or number of the column to predict; an svmlight file has it in front, an .npz as 'y'.
            weight: name or number of the column of row weights.
            categorical: columns whose numbers are levels, or whose words are, whatever they look like.
            drop: columns to leave out.
            na: missing cells besides empty ones; 'default' among them for those that count without `na`.
            labels: an .npy file with the target of an .npy table.
            delimiter: between the cells of a row; None: a comma, in .tsv files a tab.
            decimal: '.' or ','; None: '.'.
            header: whether the first line has the names of the columns.
            format: 'csv', 'svmlight', 'npy' or 'npz'; None: what the name says.
            columns: of an svmlight table; None: the largest index, or those of the model.
            first_index: 0 or 1, of an svmlight table; None: 1 unless an index 0 occurs, or as the model's.
            class_weight: what the weights of a class's rows are multiplied by, as in `Dataset`.
            task: 'classification' or 'regression'; None: the target decides.
            model: whose rows to predict these are.
            memory: bytes that the read may take, the dataset included; None: no limit.
            cache_bytes: budget of what is remembered; None: 1 GiB; 0: nothing.
        """
        from ._model import Model

        asked = {"target": target, "weight": weight, "categorical": categorical, "drop": drop, "na": na,
                 "labels": labels, "delimiter": delimiter, "decimal": decimal, "header": header, "format": format,
                 "columns": columns, "first_index": first_index, "class_weight": class_weight, "task": task,
                 "model": model, "memory": memory, "cache_bytes": cache_bytes}
        log = logging.getLogger("hone.data")
        name = check_path(file, "file")
        if model is not None and not isinstance(model, Model):
            raise ArgumentError(f"a hone.Model is needed, not {type(model).__name__}", "model")
        for what, mark in (("delimiter", delimiter), ("decimal", decimal)):
            if mark is not None and len(check_text(mark, what).encode()) != 1:
                raise ArgumentError(f"one character is needed, not {mark!r}", what)
        if format is not None and check_text(format, "format") not in FORMATS:
            raise ArgumentError(f"{format!r} is none of {', '.join(FORMATS)}", "format")
        how = (None if target is None else check_text(str(target), "target"),
               None if weight is None else check_text(weight, "weight"),
               _joined(categorical, "categorical") or None, _joined(drop, "drop") or None,
               None if na is None else _joined(na, "na"),
               None if labels is None else os.fsdecode(check_path(labels, "labels")), delimiter, decimal,
               not check_flag(header, "header"), 0 if columns is None else check_integer(columns, "columns", 1, 2**31),
               0 if memory is None else check_integer(memory, "memory", 1, 2**63),
               0 if format is None else 1 + FORMATS.index(format),
               0 if first_index is None else 1 + check_integer(first_index, "first_index", 0, 2),
               _class_weight_text(class_weight))
        about = (None, None, None, None, None, None, check_task(task), 0,
                 _budget(cache_bytes), log_line(log), level_of(log), None, False, False)
        new = cls.__new__(cls)
        new._fill(None, hold=False, handle=_hone.dataset_read(name, how, None if model is None else model._handle, *about))
        new._source = os.path.abspath(os.fsdecode(name)), asked
        return new

    @property
    def task(self) -> str | None:
        """classification, regression, or None without a target."""
        return self._task

    @property
    def n_rows(self) -> int:
        return self._n_rows

    @property
    def n_columns(self) -> int:
        return self._n_columns

    @property
    def classes(self) -> list[str]:
        """The labels as texts, in the order of probabilities; empty when regressing."""
        return list(self._classes)

    @property
    def fingerprint(self) -> str:
        """A hash of the content: equal for equal content, whatever its layout and type."""
        return f"{self._fingerprint:016x}"

    def describe(self) -> dict[str, Any]:
        """Rows, columns with types, levels and missing counts, target, classes."""
        return json.loads(_hone.dataset_describe(self._handle))  # type: ignore[no-any-return]

    def cache_stats(self) -> dict[str, Any]:
        """Hits, misses, evictions, bytes, and the seconds that hits saved."""
        return _hone.dataset_cache(self._handle)

    def __repr__(self) -> str:
        return f"hone.Dataset({self._n_rows} rows, {self._n_columns} columns, {self._task})"

    # ---- in other processes ----

    def share(self, directory: str | os.PathLike[str] | None = None) -> Dataset:
        """Writes the arrays to files once, so that a pickle of the dataset is a path and workers map the files.

        Args:
            directory: where; None: a new temporary folder. The files stay: remove them when the work is done.

        Returns:
            The dataset itself.
        """
        from ._share import write

        if self._folder is None:
            self._folder = write(self._require_parts(), directory)
        return self

    def _require_parts(self) -> Parts:
        if self._parts is None:
            raise ArgumentError("a dataset from a file is shared by its file", "dataset")
        from ._share import plain_columns

        self._parts = plain_columns(self._parts)
        return self._parts

    def __reduce__(self) -> tuple[Callable[..., Dataset], tuple[Any, ...]]:
        if self._folder is not None:
            from ._share import attach

            return attach, (self._folder,)
        if self._source is not None:
            from ._share import read_again

            return read_again, (*self._source, self.fingerprint)
        return _rebuild, (self._require_parts(),)


def _rebuild(parts: Parts) -> Dataset:
    return Dataset._of(parts, hold=True)


# ---- mappings that come again ----

MOST_DATASETS, MOST_BYTES = 4, 1 << 30


@dataclass
class _Entry:
    dataset: Dataset
    content: tuple[Any, ...]
    owners: list[weakref.ref[Any]]


_entries: OrderedDict[tuple[Any, ...], _Entry] = OrderedDict()
_lock = threading.RLock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)


def clear_cache() -> None:
    """Forgets the datasets of mappings that were given to `train` and its like."""
    with _lock:
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
    arrays = _arrays_of(p.table)  # type: ignore[arg-type]
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
    with _lock:
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
