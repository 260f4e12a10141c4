"""Arrays of all kinds as what the library reads: borrowed where the memory fits, converted where not.

A table becomes one of three forms, each with all that is needed to make the dataset again elsewhere:

- `Dense`: a NumPy array of numbers, borrowed when it is float32 or float64;
- `Sparse`: the three arrays of CSR;
- `Columns`: a list of columns of different types, copied by the library.

Arrow tables go to the library as they are (`_parts.py`).
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from ._errors import DataError

Texts = list[Union[str, None]]
Vector = Union["np.ndarray[Any, Any]", Texts]
AUTO, NUMERIC, CATEGORICAL = 0, 1, 2


@dataclass
class Dense:
    x: np.ndarray[Any, Any]
    names: list[str] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.x.shape[0], self.x.shape[1]


@dataclass
class Sparse:
    data: np.ndarray[Any, Any]
    indptr: np.ndarray[Any, Any]
    indices: np.ndarray[Any, Any]
    shape: tuple[int, int]
    names: list[str] | None = None


@dataclass
class Column:
    name: str | None
    values: Vector
    levels: list[str] | None = None
    type: int = AUTO


@dataclass
class Columns:
    columns: list[Column]
    rows: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, len(self.columns)

    @property
    def names(self) -> list[str | None]:
        return [c.name for c in self.columns]


Table = Union[Dense, Sparse, Columns]


# ---- numbers ----

def lies_well(a: np.ndarray[Any, Any]) -> bool:
    """Whether the library can walk over the memory: aligned, whole steps, no element twice."""
    steps = all(s % a.itemsize == 0 and (s != 0 or n < 2) for s, n in zip(a.strides, a.shape))
    return a.size == 0 or (a.flags.aligned and steps)


def number_array(a: np.ndarray[Any, Any], what: str) -> np.ndarray[Any, Any]:
    """An array of a number type that the library reads: the same memory where possible."""
    if isinstance(a, np.ma.MaskedArray):
        masked: np.ma.MaskedArray[Any, Any] = np.ma.masked_array(a, dtype=a.dtype if a.dtype.kind == "f" else np.float64)
        a = masked.filled(np.nan)
    kind = a.dtype.kind
    if kind == "c":
        raise DataError("complex numbers are not supported", what)
    if kind in "mM":
        raise DataError("dates and times are no numbers; make columns of them that are", what)
    if kind not in "biuf":
        raise DataError(f"values of type {a.dtype} are no numbers", what)
    if kind == "f" and a.dtype.itemsize not in (4, 8):
        a = a.astype(np.float32 if a.dtype.itemsize < 4 else np.float64)
    elif not a.dtype.isnative:
        a = a.astype(a.dtype.newbyteorder("="))
    return np.asarray(a) if lies_well(a) else np.array(a, order="C", subok=False)


def is_missing(v: Any) -> bool:
    """None, NaN, pandas' NA and NaT: none of them equals itself, or says whether it does."""
    if v is None:
        return True
    if isinstance(v, str):
        return False
    same = v == v
    return not isinstance(same, (bool, np.bool_)) or not same


def object_vector(values: Sequence[Any], what: str) -> Vector:
    """Objects as texts when all are texts, as numbers when all are numbers. Missing ones may lie between."""
    present = [v for v in values if not is_missing(v)]
    if all(isinstance(v, str) for v in present):
        return [None if is_missing(v) else str.__str__(v) for v in values]
    if all(isinstance(v, (bool, np.bool_)) for v in present):
        if len(present) == len(values):
            return np.array(values, dtype=bool)
        return [None if is_missing(v) else str(bool(v)).lower() for v in values]
    if all(isinstance(v, (int, float, decimal.Decimal, np.integer, np.floating)) and not isinstance(v, (bool, np.bool_))
           for v in present):
        if len(present) == len(values) and all(isinstance(v, (int, np.integer)) for v in values):
            whole = np.array(values, dtype=object)
            if all(-2**63 <= v < 2**63 for v in values):
                return whole.astype(np.int64)
        return np.array([np.nan if is_missing(v) else float(v) for v in values], dtype=np.float64)
    kinds = sorted({type(v).__name__ for v in present})
    if all(isinstance(v, (datetime.date, datetime.time, datetime.timedelta)) for v in present):
        raise DataError("dates and times are no numbers; make columns of them that are", what)
    raise DataError(f"objects of types {', '.join(kinds)} in one column; texts or numbers are needed", what)


def _from_array(a: np.ndarray[Any, Any], what: str) -> Vector:
    if a.dtype.kind == "O":
        return object_vector(a.tolist(), what)
    if a.dtype.kind in "UT":
        return object_vector(a.tolist(), what)
    if a.dtype.kind == "S":
        raise DataError("bytes are no text; decode them", what)
    return number_array(a, what)


def _series(s: Any, what: str) -> Column:
    """A column of a pandas table."""
    if type(s.dtype).__name__ == "SparseDtype":
        s = s.sparse.to_dense()
    dtype = s.dtype
    name = None if s.name is None else str(s.name)
    if hasattr(dtype, "categories") and hasattr(s, "cat"):
        levels = dtype.categories
        if all(isinstance(v, str) for v in levels):
            return Column(name, np.ascontiguousarray(s.cat.codes.to_numpy(), dtype=np.int32),
                          [str(v) for v in levels], CATEGORICAL)
        codes = s.cat.codes.to_numpy()
        if levels.dtype.kind not in "biuf":  # intervals of pandas.cut, periods
            return Column(name, np.ascontiguousarray(codes, dtype=np.int32), [str(v) for v in levels], CATEGORICAL)
        values = np.asarray(levels.to_numpy())
        found = [None if c < 0 else values[c] for c in codes]
        return Column(name, object_vector(found, what), None, CATEGORICAL)
    if isinstance(dtype, np.dtype):
        return Column(name, _from_array(s.to_numpy(), what))
    if getattr(dtype, "kind", "O") in "iuf":
        if not s.isna().any():
            return Column(name, number_array(s.to_numpy(dtype=dtype.numpy_dtype), what))
        return Column(name, s.to_numpy(dtype=np.float64, na_value=np.nan))
    return Column(name, object_vector(s.astype(object).tolist(), what))


def vector(values: Any, what: str) -> Vector | None:
    """Labels, amounts or weights: one value a row."""
    if values is None:
        return None
    if hasattr(values, "iloc") and hasattr(values, "columns"):
        if values.shape[1] != 1:
            raise DataError(f"{values.shape[1]} columns; one is needed", what)
        values = values.iloc[:, 0]
    if hasattr(values, "iloc") and hasattr(values, "dtype"):
        column = _series(values, what)
        if column.levels is None:
            return column.values
        levels = column.levels
        return [None if c < 0 else levels[c] for c in column.values]  # type: ignore[operator,index]
    if hasattr(values, "to_pylist"):  # pyarrow
        return object_vector(values.to_pylist(), what)
    if is_polars(values) and hasattr(values, "to_list"):
        return object_vector(values.to_list(), what)
    a = as_array(values, what)
    if a.ndim == 0:
        raise DataError(f"{_kind(values)} has 0 dimensions; one value a row is needed", what)
    if a.ndim == 2 and a.shape[1] == 1:
        a = a[:, 0]
    if a.ndim != 1:
        raise DataError(f"{a.ndim} dimensions; one value a row is needed", what)
    return _from_array(a, what)


def _kind(values: Any) -> str:
    """What an object is, with an article."""
    name = type(values).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def as_array(values: Any, what: str) -> np.ndarray[Any, Any]:
    """NumPy's view of an object: through DLPack (tensors) or NumPy's own protocols."""
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "__dlpack__"):
        try:
            return np.from_dlpack(values)
        except (BufferError, RuntimeError, TypeError, ValueError) as why:
            raise DataError(f"the tensor cannot be read where it lies ({why}); give its values on the CPU, without "
                            "gradients", what) from why
    if isinstance(values, (list, tuple)) and any(isinstance(v, str) for v in values):
        return np.array(values, dtype=object)
    try:
        return np.asarray(values)
    except ValueError as why:
        raise DataError("rows of different lengths, or of something that has no numbers, make no table", what) from why


# ---- tables ----

def is_sparse(x: Any) -> bool:
    return hasattr(x, "tocsr") and hasattr(x, "nnz")


def is_pandas(x: Any) -> bool:
    return hasattr(x, "iloc") and hasattr(x, "columns") and hasattr(x, "dtypes")


def is_polars(x: Any) -> bool:
    return type(x).__module__.partition(".")[0] == "polars"


def is_arrow(x: Any) -> bool:
    speaks = hasattr(x, "__arrow_c_stream__") or hasattr(x, "__arrow_c_array__")
    return speaks and not is_pandas(x) and not isinstance(x, (np.ndarray, type))


def arrow_table(x: Any, what: str) -> Any:
    """The same, unless it is one column or a plan of a table (polars' LazyFrame)."""
    one_column = hasattr(x, "iloc") or (hasattr(x, "type") and not hasattr(x, "schema"))
    if one_column or (is_polars(x) and not hasattr(x, "height")):
        raise DataError(f"{_kind(x)} is no table; a data frame is needed", what)
    return x


def _check_range(numbers: np.ndarray[Any, Any], most: int, what: str) -> None:
    if numbers.size and (numbers.min() < 0 or numbers.max() >= most):
        raise DataError(f"must be in [0, {most})", what)


def _sound(x: Any, what: str) -> Any:
    """The same sparse table, once its index arrays cannot lead SciPy, which trusts them, out of its memory."""
    if x.format == "coo":
        for axis, (name, most) in enumerate(zip(("row", "col"), x.shape)):
            _check_range(x.coords[axis], most, f"{what}.{name}")
    if x.format not in ("csr", "csc", "bsr"):
        return x
    unit = x.blocksize if x.format == "bsr" else (1, 1)
    major = x.shape[x.format == "csc"] // unit[x.format == "csc"]
    minor = x.shape[x.format != "csc"] // unit[x.format != "csc"]
    start, index = x.indptr, x.indices
    if start.shape != (major + 1,) or start[0] != 0 or (start[1:] < start[:-1]).any():
        raise DataError(f"must be {major + 1} numbers that begin with 0 and never fall", f"{what}.indptr")
    stored = int(start[-1])
    if index.ndim != 1 or stored > min(len(index), len(x.data)):
        raise DataError(f"ends with {stored}, but {min(len(index), len(x.data))} values are stored", f"{what}.indptr")
    _check_range(index[:stored], minor, f"{what}.indices")
    return x


def _sparse(x: Any, what: str) -> Sparse:
    if x.ndim != 2:
        raise DataError(f"{x.ndim} dimensions; a table has 2", what)
    csr = _sound(x, what).tocsr()
    if not csr.has_canonical_format:
        csr = csr.copy() if csr is x else csr
        csr.sum_duplicates()
    data = number_array(csr.data, what)
    if data.dtype.kind != "f":
        data = data.astype(np.float64)
    return Sparse(np.ascontiguousarray(data), np.ascontiguousarray(csr.indptr),
                  np.ascontiguousarray(csr.indices), csr.shape)


def _pandas(x: Any, what: str) -> Table:
    names = [str(c) for c in x.columns]
    if x.shape[1] == 0:
        raise DataError("0 columns; at least one is needed", what)
    first = x.dtypes.iloc[0]
    if first in (np.dtype("float32"), np.dtype("float64")) and (x.dtypes == first).all():
        return Dense(number_array(x.to_numpy(), what), names)
    columns = []
    for j, name in enumerate(names):
        column = _series(x.iloc[:, j], f"{what}[{name}]")
        column.name = name
        columns.append(column)
    return Columns(columns, x.shape[0])


def table(x: Any, what: str, *, flatten: bool = False) -> Table:
    """A table in one of the forms above."""
    if isinstance(x, (Dense, Sparse, Columns)):
        return x
    if isinstance(x, type):
        raise DataError(f"the class {x.__name__} is no table", what)
    if is_sparse(x):
        return _sparse(x, what)
    if is_pandas(x):
        return _pandas(x, what)
    a = as_array(x, what)
    if a.ndim > 2 and flatten:
        a = a.reshape(a.shape[0], -1)
    if a.ndim == 0:
        raise DataError(f"{_kind(x)} has 0 dimensions; an array of 2, sparse rows or a data frame is needed", what)
    if a.ndim != 2:
        hint = "flatten=True of a dataset, or x.reshape(len(x), -1), makes one row of each" if a.ndim > 2 else "x.reshape(1, -1) is one row, x.reshape(-1, 1) one column"
        raise DataError(f"{a.ndim} dimensions; a table has 2; {hint}", what)
    if a.dtype.kind in "OUST":
        values = [_from_array(a[:, j], f"{what}[:,{j}]") for j in range(a.shape[1])]
        if all(isinstance(v, np.ndarray) and v.dtype.kind != "b" for v in values):
            return Dense(np.column_stack([v.astype(np.float64) for v in values]))  # type: ignore[union-attr]
        return Columns([Column(None, v) for v in values], a.shape[0])
    return Dense(number_array(a, what))
