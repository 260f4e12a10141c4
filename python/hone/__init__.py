"""Hone: one train() for tabular machine learning.

    loss = hone.train({"model": "svm", "C": 10}, {"X": X, "y": y}, seed=0, model_dir="models")

`train` gives the loss that an optimiser minimises; `fit` the model too. `Dataset` keeps what trials share;
`space` is the search space; `Target` the function that SMAC3 calls; `hone.sklearn` has estimators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _hone
from ._config import reference, resolve
from ._dataset import Dataset
from ._errors import (ArgumentError, ConfigError, CorruptError, DataError, Error, FileError, InternalError,
                      MissingFileError, OutOfMemoryError, StoppedError, UnsupportedError)
from ._mappings import clear_cache, dataset_of
from ._model import Model, export_libsvm, export_onnx, import_libsvm, inspect, load
from ._space import space, space_dict
from ._target import Target
from ._train import Result, cross_validate, estimate, fit, train, train_many

if TYPE_CHECKING:
    from . import hpo, sklearn, smac

__version__: str = _hone.version
__all__ = ["ArgumentError", "ConfigError", "CorruptError", "DataError", "Dataset", "Error", "FileError",
           "InternalError", "MissingFileError", "Model", "OutOfMemoryError", "Result", "StoppedError", "Target", "UnsupportedError",
           "clear_cache", "cross_validate", "describe", "estimate", "export_libsvm", "export_onnx", "fit",
           "hpo", "import_libsvm", "inspect", "load", "reference", "resolve", "sklearn", "space", "space_dict", "train",
           "train_many"]


def describe(dataset: Any) -> dict[str, Any]:
    """Rows, columns with types, levels and missing counts, target, classes, of anything that `train` takes."""
    data, alive = dataset_of(dataset)
    found = data.describe()
    del alive
    return found


def __getattr__(name: str) -> Any:
    if name in ("hpo", "sklearn", "smac"):
        import importlib

        return importlib.import_module(f"hone.{name}")
    raise AttributeError(f"module 'hone' has no attribute {name!r}")
