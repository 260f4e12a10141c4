"""What makes a dataset, from whatever the caller gave: tables, targets, weights, marks of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import _arrays
from ._arrays import Columns, Dense, Sparse, Table, Vector
from ._check import check_flag, check_integer, check_list, check_text, check_texts
from ._config import check_task
from ._errors import ArgumentError, DataError

DATA_KEYS = ("X", "y", "sample_weight", "feature_names", "categorical", "task", "X_val", "y_val",
             "sample_weight_val", "flatten", "cache_bytes", "class_weight")


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


def joined(given: Any, name: str) -> str:
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


def arrays_of(t: Table) -> list[np.ndarray[Any, Any]]:
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
    return [_owner(a) if any(np.may_share_memory(o, a) for o in lent) else None for a in arrays_of(table)]


def _owner(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def budget(cache_bytes: Any) -> int:
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


def class_weight_text(given: Any) -> str | None:
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
    number, cache, classes = check_task(task), budget(cache_bytes), _class_weight(class_weight)
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
