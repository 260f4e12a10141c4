"""Datasets: a table with its target, which remembers what trials share."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _hone
from ._arrays import Columns, Dense, Sparse
from ._check import check_flag, check_integer, check_path, check_text
from ._config import TASK_NAMES, check_task
from ._errors import ArgumentError
from ._log import level_of, log_line
from ._parts import Arrow, Parts, budget, class_weight_text, from_mapping, joined

if TYPE_CHECKING:
    from ._model import Model

FORMATS = ("csv", "svmlight", "npy", "npz")  # of files, as the library numbers them from 1


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
    categorical = joined(parts.categorical or (), "categorical") or None
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
               joined(categorical, "categorical") or None, joined(drop, "drop") or None,
               None if na is None else joined(na, "na"),
               None if labels is None else os.fsdecode(check_path(labels, "labels")), delimiter, decimal,
               not check_flag(header, "header"), 0 if columns is None else check_integer(columns, "columns", 1, 2**31),
               0 if memory is None else check_integer(memory, "memory", 1, 2**63),
               0 if format is None else 1 + FORMATS.index(format),
               0 if first_index is None else 1 + check_integer(first_index, "first_index", 0, 2),
               class_weight_text(class_weight))
        about = (None, None, None, None, None, None, check_task(task), 0,
                 budget(cache_bytes), log_line(log), level_of(log), None, False, False)
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
