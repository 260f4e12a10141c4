"""Fitted models."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _arrays, _hone
from ._arrays import Dense
from ._check import check_flag, check_integer, check_path, check_text, check_threads
from ._config import TASK_NAMES
from ._dataset import Dataset, make
from ._errors import ArgumentError, file_errors
from ._log import level_of, log_line
from ._mappings import dataset_of
from ._parts import prepare

Array = np.ndarray[Any, Any]
LABELS, PROBABILITIES, SCORES = 0, 1, 2
_KINDS: dict[str, Callable[[list[str]], Array]] = {
    "integer": lambda v: np.array([int(t) for t in v]),
    "real": lambda v: np.array([float(t) for t in v]),
    "boolean": lambda v: np.array([t == "true" for t in v]),
    "text": lambda v: np.array(v, dtype=object),
}


class Model:
    """A fitted model. Safe to use from many threads; pickles as the bytes of its file, without code.

    Attributes:
        algorithm: svm, random_forest, ...
        task: classification or regression.
        n_features: columns that it predicts from.
        classes: the labels in the order of probabilities, as they were given; None when regressing.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        algorithm, task, features, outputs, probable, record = _hone.model_facts(handle)
        self.algorithm: str = algorithm
        self.task: str = TASK_NAMES[task]  # type: ignore[assignment]
        self.n_features: int = features
        self._outputs, self._probable, self._text = outputs, bool(probable), record
        self._known: dict[str, Any] | None = None
        self.classes: Array | None = None
        if self.task == "classification":
            classes = self.record["classes"]
            self.classes = _KINDS[classes["kind"]](classes["values"])
        schema = self.record["schema"]
        self._named = bool(schema["named"])
        self._categorical = [c["column"] for c in schema.get("categorical", ())]

    @property
    def record(self) -> dict[str, Any]:
        """How the model came to be: configuration, seed, fingerprint of the data, loss, metrics, schema."""
        if self._known is None:
            self._known = json.loads(self._text)
        return self._known

    @property
    def config(self) -> dict[str, Any]:
        """The configuration with every active hyperparameter."""
        return dict(self.record["config"])

    @property
    def feature_names(self) -> list[str] | None:
        """Names of the columns; None when the training data had none."""
        return list(self.record["schema"]["names"]) if self._named else None

    @property
    def has_probabilities(self) -> bool:
        return self._probable

    def __repr__(self) -> str:
        return f"hone.Model({self.algorithm}, {self.task}, {self.n_features} columns)"

    # ---- prediction ----

    def _predict(self, x: Any, what: int, n_threads: int | None, n_trees: int | None) -> Array:
        threads, trees = check_threads(n_threads), _check_trees(n_trees)
        if isinstance(x, Dataset):
            return self._predict_dataset(x._handle, x.n_rows, what, threads, trees)
        if type(x) is np.ndarray and x.ndim == 2 and x.dtype.kind == "f" and not self._categorical:
            a = _arrays.number_array(x, "X")  # the short way, for a row at a time
            out = np.empty(len(a) * (self._outputs if what else 1))
            _hone.model_predict_dense(self._handle, a, what, threads, trees, out)
            return out
        parts = prepare(x)
        if isinstance(parts.table, Dense) and self._categorical:
            parts.categorical = self._categorical
        handle = make(parts, hold=True, threads=threads)
        return self._predict_dataset(handle, _hone.dataset_facts(handle)[0], what, threads, trees)

    def _predict_dataset(self, handle: Any, rows: int, what: int, threads: int, trees: int) -> Array:
        out = np.empty(rows * (self._outputs if what else 1))
        _hone.model_predict(self._handle, handle, what, threads, trees, out)
        return out

    def predict(self, X: Any, *, n_threads: int | None = None, n_trees: int | None = None) -> Array:
        """Labels as they were given at training, or amounts; one a row.

        Data frames are matched by the names of their columns, arrays by position. With `n_trees` a forest answers, here
        and below, as if it had the first so many of its trees alone.
        """
        out = self._predict(X, LABELS, n_threads, n_trees)
        return out if self.classes is None else self.classes[out.astype(np.intp)]

    def predict_proba(self, X: Any, *, n_threads: int | None = None, n_trees: int | None = None) -> Array:
        """Probabilities, a column a class, in the order of `classes`."""
        return self._predict(X, PROBABILITIES, n_threads, n_trees).reshape(-1, self._outputs)

    def scores(self, X: Any, *, n_threads: int | None = None, n_trees: int | None = None) -> Array:
        """What the model compares: margins or probabilities, a column a class; amounts when regressing."""
        return self._predict(X, SCORES, n_threads, n_trees).reshape(-1, self._outputs)

    def evaluate(self, dataset: Any, metric: str | None = None, *, n_threads: int | None = None,
                 n_trees: int | None = None) -> float:
        """A metric in its natural sign on a dataset with a target; default: accuracy or rmse.

        A label that the model does not know counts as wrong; the logger `hone.model` warns of them.
        """
        data, alive = dataset_of(dataset, self.task, any_words=True)
        name = metric or ("accuracy" if self.task == "classification" else "rmse")
        log = logging.getLogger("hone.model")
        value: float = _hone.model_evaluate(self._handle, data._handle, check_text(name, "metric"),
                                            check_threads(n_threads), _check_trees(n_trees), log_line(log), level_of(log))
        del alive
        return value

    def output(self, name: str, X: Any = None, *, n_threads: int | None = None) -> Array:
        """A named thing that the model can tell ('feature_importances', 'leaf', ...), rows by columns.

        'prepared', of every model, is X as its module sees it: imputed, encoded and scaled.
        An unknown name raises an error that lists those there are.
        """
        alive = None
        if X is None:
            handle = None
        elif isinstance(X, Dataset):
            handle = X._handle
        else:
            alive = prepare(X)
            if isinstance(alive.table, Dense) and self._categorical:
                alive.categorical = self._categorical
            handle = make(alive, hold=True)
        values, rows, cols = _hone.model_output(self._handle, check_text(name, "name"), handle, check_threads(n_threads))
        return np.frombuffer(values, dtype=np.float64).reshape(rows, cols)

    # ---- files ----

    def save(self, path: str | os.PathLike[str], *, sidecar: bool = False, fast: bool = False) -> str:
        """Saves the model, whole or not at all.

        Args:
            path: a directory, where it gets a new unique name; or the name of a file, which is replaced.
            sidecar: also writes the record as `<file>.json`.
            fast: without waiting for the disk.

        Returns:
            The path of the file.
        """
        name = os.fsdecode(check_path(path, "path"))
        folder = os.path.isdir(name) or name.endswith(os.sep)
        return _hone.model_save(self._handle, name, folder, check_flag(sidecar, "sidecar"), check_flag(fast, "fast"))

    def to_bytes(self) -> bytes:
        """The bytes of the file."""
        return _hone.model_bytes(self._handle)

    @classmethod
    def from_bytes(cls, data: Any, *, max_bytes: int = 0) -> Model:
        """A model from the bytes of a file, which are checked before use."""
        if not isinstance(data, (bytes, bytearray, memoryview, np.ndarray)):
            raise ArgumentError(f"bytes are needed, not {type(data).__name__}", "data")
        return cls(_hone.model_load_bytes(data, check_integer(max_bytes, "max_bytes", 0, 2**63)))

    def __reduce__(self) -> tuple[Callable[[bytes], Model], tuple[bytes]]:
        return Model.from_bytes, (self.to_bytes(),)


def load(path: str | os.PathLike[str], *, max_bytes: int = 0) -> Model:
    """A model from a file. The file is not trusted: every count, index and checksum is checked before use.

    Args:
        max_bytes: the most memory that loading may take; 0: 16 times the file, at least 64 MiB.
    """
    most = check_integer(max_bytes, "max_bytes", 0, 2**63)
    return Model(_hone.model_load(check_path(path, "path"), most))


def inspect(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a model file says about itself, without loading the model; every checksum is looked at."""
    return json.loads(_hone.model_inspect(check_path(path, "path")))  # type: ignore[no-any-return]


def export_onnx(model: Model, path: str | os.PathLike[str] | None = None) -> bytes:
    """The model with its preprocessing as ONNX; also written to `path`, whole or not at all."""
    return _written(_hone.model_onnx(_checked(model)._handle), path)


def export_libsvm(model: Model, path: str | os.PathLike[str] | None = None) -> bytes:
    """An svm model in LIBSVM's text format; also written to `path`, whole or not at all."""
    return _written(_hone.model_libsvm(_checked(model)._handle), path)


def import_libsvm(source: str | os.PathLike[str] | bytes | bytearray | memoryview, *, columns: int = 0) -> Model:
    """A model from LIBSVM's text: a file, or its bytes."""
    if not isinstance(source, (bytes, bytearray, memoryview)):
        path = check_path(source, "source")
        with file_errors("read", path), open(path, "rb") as file:
            source = file.read()
    return Model(_hone.model_from_libsvm(bytes(source), check_integer(columns, "columns", 0, 2**31)))


def _check_trees(value: Any) -> int:
    """A number of trees; 0 for all."""
    return 0 if value is None else check_integer(value, "n_trees", 1, 2**63)


def _checked(model: Any) -> Model:
    if not isinstance(model, Model):
        raise ArgumentError(f"a hone.Model is needed, not {type(model).__name__}", "model")
    return model


def _written(data: bytes, path: str | os.PathLike[str] | None) -> bytes:
    if path is not None:
        _hone.file_save(check_path(path, "path"), data)
    return data
