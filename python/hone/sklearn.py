"""Estimators under scikit-learn's names and conventions.

Each class is made from the hyperparameter table of its model: signature, defaults and docstring come from there
(`python/tools/stubs.py` writes them into `sklearn.pyi`). Preprocessing belongs to the pipeline around an estimator, so
these neither scale nor encode.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, check_random_state, validate_data

from ._check import check_integer, check_threads
from ._config import plain, reference
from ._model import Model
from ._train import fit as train_model

Array = np.ndarray[Any, Any]
_MODELS = {m["name"]: m for m in reference()["models"]}
_COMMON = {"random_state": None, "n_jobs": None}
_COMMON_HELP = {
    "random_state": "Seed of what is drawn: an integer, a RandomState or None.",
    "n_jobs": "Threads; None or -1: as many as the process may use.",
}


def _rows_of(model: str, task: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in _MODELS[model]["hyperparameters"] if task in row["tasks"]}


def _default(row: Mapping[str, Any]) -> Any:
    return None if row["default"] == "none" else row["default"]


def _coded(y: Array) -> tuple[Array, Array]:
    """The labels that there are, in order, and the number of each row's. Whole numbers that lie close are counted."""
    if y.dtype.kind in "iu" and len(y):
        low = int(y.min())
        if int(y.max()) - low < len(y):
            place = (y - np.uint64(low)).astype(np.int64) if y.dtype == np.uint64 else y.astype(np.int64) - low
            there = np.bincount(place) > 0
            return np.flatnonzero(there).astype(y.dtype) + y.dtype.type(low), (np.cumsum(there) - 1)[place]
    return np.unique(y, return_inverse=True)


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What all have in common; `_model`, `_task`, `_fixed` and `_defaults` are those of the class."""

    _model: str
    _task: str
    _fixed: dict[str, Any]
    _defaults: dict[str, Any]
    model_: Model

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True  # a model that takes none gets a dense copy
        tags.input_tags.allow_nan = "missing" in self._takes()
        return tags

    # ---- from scikit-learn's terms to the library's ----

    def _config(self, weight_sum: float) -> dict[str, Any]:
        rows = _rows_of(self._model, self._task)
        config: dict[str, Any] = {"model": self._model, "prep:scale": "none"}
        if "missing" not in self._takes():
            config["prep:impute"] = "mean"  # no cell is missing where NaN is refused: the statistic that costs least
        if self._task == "regression":
            config["prep:target"] = "none"
        given = {name: getattr(self, name) for name in self._defaults if name in rows}
        for name, value in {**given, **self._fixed}.items():
            if name == "class_weight" and isinstance(value, Mapping):
                continue
            given_as = "none" if value is None else plain(f"{self._model}:{name}", value)
            if isinstance(given_as, bool) or given_as != rows[name]["default"]:
                config[f"{self._model}:{name}"] = given_as
        return config

    def _takes(self) -> list[str]:
        """What the model takes as it is, with these parameters."""
        for name, row in _rows_of(self._model, self._task).items():
            value = self._fixed.get(name, getattr(self, name, None))
            if isinstance(value, str) and value in row.get("choice_takes", {}):
                return list(row["choice_takes"][value])
        return list(_MODELS[self._model]["takes"])

    def _checked(self, X: Any, *target: Any, **how: Any) -> Any:
        takes = self._takes()
        return validate_data(
            self, X, *target, accept_sparse="csr", dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan" if "missing" in takes else True, accept_large_sparse=False, **how)

    def _threads(self) -> int | None:
        if self.n_jobs is None:
            return None
        number = check_integer(self.n_jobs, "n_jobs", -(2**31), 2**31)
        return None if number < 0 else check_threads(number, "n_jobs")

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _train(self, X: Any, y: Array, weight: Array | None) -> None:
        data = {"X": X, "y": y, "task": self._task}
        if weight is not None:
            data["sample_weight"] = weight
        config = self._config(float(X.shape[0]) if weight is None else float(weight.sum()))
        found = train_model(config, data, self._seed(), validation="none", unjudged=True,
                            n_threads=self._threads())
        self.model_ = found.model  # type: ignore[assignment]

    def _ready(self, X: Any) -> Any:
        check_is_fitted(self, "model_")
        return self._checked(X, reset=False)


class _Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    _task = "classification"

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> _Classifier:
        X, y = self._checked(X, y)
        check_classification_targets(y)
        self.classes_, codes = _coded(y)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        if isinstance(getattr(self, "class_weight", None), Mapping):
            weight = compute_sample_weight(self.class_weight, y) * (1 if weight is None else weight)
        self._train(X, codes.astype(np.int64, copy=False), weight)
        return self

    def predict(self, X: Any) -> Array:
        """The label of each row."""
        X = self._ready(X)
        return self.classes_[self.model_.predict(X, n_threads=self._threads()).astype(np.intp)]

    def _probable(self) -> bool:
        return self._model != "svm" or bool(self.probability)

    @available_if(_probable)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Probabilities, a column a class, in the order of `classes_`."""
        X = self._ready(X)
        return self.model_.predict_proba(X, n_threads=self._threads())

    @available_if(_probable)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            logarithms: Array = np.log(self.predict_proba(X))
        return logarithms


class _Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    _task = "regression"

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> _Regressor:
        X, y = self._checked(X, y, y_numeric=True)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        self._train(X, np.asarray(y, dtype=np.float64), weight)
        return self

    def predict(self, X: Any) -> Array:
        """The amount of each row."""
        X = self._ready(X)
        return self.model_.predict(X, n_threads=self._threads())


# ---- what the models of one kind have ----

class _Weighted(_Estimator):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Trains on rows `X` with targets `y`."""
        return self._fit(X, y, sample_weight)


class _Unweighted(_Estimator):
    def fit(self, X: Any, y: Any) -> Any:
        """Trains on rows `X` with targets `y`."""
        return self._fit(X, y, None)


class _Forest(_Weighted):
    @property
    def feature_importances_(self) -> Array:
        """Share of each feature in the decrease of impurity."""
        check_is_fitted(self, "model_")
        return self.model_.output("feature_importances").ravel()

    def apply(self, X: Any) -> Array:
        """The leaf of each row in each tree."""
        X = self._ready(X)
        return self.model_.output("leaf", X, n_threads=self._threads()).astype(np.int64)


class _Iterative(_Weighted):
    @property
    def n_iter_(self) -> int:
        """Steps that the solver took."""
        check_is_fitted(self, "model_")
        return max(1, int(self.model_.output("iterations").max()))


class _Linear(_Iterative):
    @property
    def coef_(self) -> Array:
        """Coefficients: a row a class (one row for two classes), or one a feature when regressing."""
        check_is_fitted(self, "model_")
        found = self.model_.output("coefficients")
        return found.ravel() if self._task == "regression" else found

    @property
    def intercept_(self) -> Any:
        check_is_fitted(self, "model_")
        found = self.model_.output("intercepts").ravel()
        return float(found[0]) if self._task == "regression" else found


class _LinearMargins(_Linear):
    def decision_function(self, X: Any) -> Array:
        """Margins: of the second class when there are two, else a column a class."""
        X = self._ready(X)
        margins: Array = X @ self.coef_.T + self.intercept_
        return margins.ravel() if margins.shape[1] == 1 else margins


class _Logistic(_LinearMargins):
    """As in scikit-learn an infinite C is no penalty."""

    def _config(self, weight_sum: float) -> dict[str, Any]:
        config = super()._config(weight_sum)
        if isinstance(self.C, (float, np.floating)) and np.isposinf(self.C):
            del config["logistic_regression:C"]
            config["logistic_regression:penalty"] = "none"
        if "logistic_regression:l1_ratio" in config and self.penalty != "elasticnet":
            warnings.warn(f"l1_ratio has no effect while penalty is {self.penalty!r}; elasticnet takes it",
                          UserWarning, stacklevel=4)
        return config


class _MeanLoss(_Linear):
    """The penalty stands against the mean of the errors, not against their sum: Lasso and ElasticNet."""

    def _config(self, weight_sum: float) -> dict[str, Any]:
        config = super()._config(weight_sum)
        config["linear_regression:alpha"] = float(self.alpha) * weight_sum
        return config


class _Machine(_Iterative):
    """Machines. Of two classes the second is the positive one."""

    def _train(self, X: Any, y: Array, weight: Array | None) -> None:
        super()._train(X, y, weight)
        if self.fit_status_:
            warnings.warn(f"{type(self).__name__} did not converge: gap {self.model_.output('gap')[0, 0]:.3g} after "
                          f"{self.n_iter_} iterations; raise max_iter or tol, scale the data or lower C",
                          ConvergenceWarning, stacklevel=4)

    @property
    def fit_status_(self) -> int:
        """0, or 1 where the solver stopped before its gap was below tol."""
        check_is_fitted(self, "model_")
        return int(self.model_.output("converged")[0, 0] == 0)

    def _turned(self, found: Array) -> Array:
        return -found if len(getattr(self, "classes_", ())) == 2 else found

    @property
    def coef_(self) -> Array:
        """Coefficients: a row a class or pair of classes, one row for two classes and for numbers."""
        check_is_fitted(self, "model_")
        told = self.model_.output
        if told("n_sparse_planes")[0, 0] == 0:
            return self._turned(np.asarray(told("plane")))
        entries = told("plane_value").ravel(), told("plane_column").ravel(), told("plane_start").ravel()
        rows = scipy.sparse.csr_matrix(entries, shape=(len(entries[2]) - 1, self.n_features_in_))
        return self._turned(rows.toarray())

    @property
    def intercept_(self) -> Array:
        """Margins where all features are 0, or all kernel values."""
        check_is_fitted(self, "model_")
        return self._turned(self.model_.output("intercept").ravel())


class _KernelMachine(_Machine):
    """With kernel='precomputed' rows are rows of a kernel matrix K of all pairs. K = Z Z^T is factored, and the rows
    of Z are points of the linear kernel: the same problem. A query k becomes k Z (Z^T Z)^-1."""

    _basis: Array

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._given()
        tags.input_tags.sparse = not self._given()
        return tags

    def _given(self) -> bool:
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    def _config(self, weight_sum: float) -> dict[str, Any]:
        config = super()._config(weight_sum)
        if self._given():
            config = {k: v for k, v in config.items() if k not in ("svm:gamma", "svm:coef0", "svm:degree")}
            config["svm:kernel"] = "linear"
        return config

    def _checked(self, X: Any, *target: Any, **how: Any) -> Any:
        found = super()._checked(X, *target, **how)
        if self._given() and scipy.sparse.issparse(X):
            raise ValueError("X: a precomputed kernel is a dense matrix, not a sparse one")
        return found

    def _train(self, X: Any, y: Array, weight: Array | None) -> None:
        super()._train(self._coordinates(X) if self._given() else X, y, weight)

    def _coordinates(self, kernel: Array) -> Array:
        """Z, which also fixes the basis."""
        rows, columns = kernel.shape
        if rows != columns:
            raise ValueError(f"X: a precomputed kernel is square, not {rows} by {columns}")
        most = np.abs(kernel).max()
        if np.abs(kernel - kernel.T).max() > 1e-5 * most:
            raise ValueError("X: a precomputed kernel is symmetric")
        values, vectors = np.linalg.eigh(kernel.astype(np.float64))
        if values[0] < -1e-5 * max(values[-1], 0):
            raise ValueError(f"X: a precomputed kernel has no negative eigenvalues; here there is {values[0]:g}")
        kept = values > 1e-12 * values[-1]
        if not kept.any():
            kept[-1], values[-1] = True, 1
        roots = np.sqrt(values[kept])
        self._basis = vectors[:, kept] / roots
        return np.ascontiguousarray(vectors[:, kept] * roots)

    def _ready(self, X: Any) -> Any:
        X = super()._ready(X)
        return np.ascontiguousarray(X @ self._basis) if self._given() else X

    @property
    def coef_(self) -> Array:
        """Coefficients of a linear kernel: a row a pair of classes, one row for two classes and for numbers."""
        if self.kernel != "linear":
            raise AttributeError("coef_ is there for a linear kernel only")
        return super().coef_

    @property
    def support_(self) -> Array:
        """Rows of the support vectors in the training data, by class."""
        check_is_fitted(self, "model_")
        found: Array = self.model_.output("support").ravel().astype(np.int32)
        return found

    @property
    def n_support_(self) -> Array:
        """Support vectors of each class; of all rows for numbers."""
        check_is_fitted(self, "model_")
        found: Array = np.diff(self.model_.output("class_start").ravel()).astype(np.int32)
        return found

    @property
    def dual_coef_(self) -> Array:
        """Coefficients of the support vectors: a column a vector, a row towards each other class."""
        check_is_fitted(self, "model_")
        return self._turned(self.model_.output("coef").T)


class _Kernel(_KernelMachine):
    def decision_function(self, X: Any) -> Array:
        """Margins, whether or not there are probabilities: of the second class when there are two, else a column a class."""
        X = self._ready(X)
        scores = self.model_.output("margins", X, n_threads=self._threads())
        return scores[:, 1] if scores.shape[1] == 2 else scores


class _LinearMachine(_Machine):
    def decision_function(self, X: Any) -> Array:
        """Margins: of the second class when there are two, else a column a class."""
        X = self._ready(X)
        scores = self.model_.scores(X, n_threads=self._threads())
        return scores[:, 1] if scores.shape[1] == 2 else scores


# ---- the table ----

_POSITIONAL = ("alpha", "n_estimators", "n_neighbors")  # where scikit-learn takes the first argument by position

def _init_of(defaults: Mapping[str, Any]) -> Any:
    first = next(iter(defaults))
    by_position = first in _POSITIONAL

    def __init__(self: Any, *one: Any, **given: Any) -> None:
        if len(one) > by_position:
            raise TypeError(f"{type(self).__name__} takes {int(by_position)} arguments by position, not {len(one)}")
        if one and first in given:
            raise TypeError(f"{first} is given twice")
        given.update({first: value for value in one})
        for name, default in defaults.items():
            setattr(self, name, given.pop(name, default))
        if given:
            raise TypeError(f"{type(self).__name__} has no parameter {next(iter(given))!r}")

    shown = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    shown += [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD if n == first and by_position
                                else inspect.Parameter.KEYWORD_ONLY, default=d) for n, d in defaults.items()]
    __init__.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return __init__


def _made(name: str, bases: tuple[type, ...], model: str, summary: str, *, fixed: Mapping[str, Any] | None = None,
          defaults: Mapping[str, Any] | None = None, only: tuple[str, ...] | None = None) -> Any:
    task = "classification" if issubclass(bases[0], _Classifier) else "regression"
    rows = _rows_of(model, task)
    fixed, changed = dict(fixed or {}), dict(defaults or {})
    own = {n: changed.get(n, _default(r)) for n, r in rows.items() if n not in fixed and (only is None or n in only)}
    known = {**own, **_COMMON}
    text = [summary, "", "Args:"]
    text += [f"    {n}: {rows[n]['help']} {rows[n]['takes']}{_MORE.get(n, '')}; default {d!r}." for n, d in own.items()]
    text += [f"    {n}: {help_}" for n, help_ in _COMMON_HELP.items()]
    return type(name, bases, {"__init__": _init_of(known), "__doc__": "\n".join(text), "__module__": __name__,
                              "_model": model, "_fixed": fixed, "_defaults": known})


_MORE = {"kernel": ", or precomputed", "class_weight": ", or a dict of weights by label"}
_EXTRA = {"splitter": "random"}
_HINGE = {"loss": "hinge"}
SVC = _made("SVC", (_Classifier, _Kernel), "svm", "C-support vector classifier.", fixed={"formulation": "c", **_HINGE})
NuSVC = _made("NuSVC", (_Classifier, _Kernel), "svm", "Nu-support vector classifier.",
              fixed={"formulation": "nu", **_HINGE})
LinearSVC = _made("LinearSVC", (_Classifier, _LinearMachine), "svm",
                  "Linear support vector classifier, each class against the rest; the intercept has no penalty.",
                  fixed={"kernel": "linear", "formulation": "c", "multi_class": "ovr"},
                  defaults={"loss": "squared_hinge", "tol": 1e-4}, only=("C", "loss", "tol", "class_weight", "max_iter"))
SVR = _made("SVR", (_Regressor, _KernelMachine), "svm", "Epsilon-support vector regressor.", fixed={"formulation": "c"})
NuSVR = _made("NuSVR", (_Regressor, _KernelMachine), "svm", "Nu-support vector regressor.", fixed={"formulation": "nu"})
RandomForestClassifier = _made("RandomForestClassifier", (_Classifier, _Forest), "random_forest",
                               "Mean of trees on resampled rows and drawn features.", fixed={"splitter": "best"})
RandomForestRegressor = _made("RandomForestRegressor", (_Regressor, _Forest), "random_forest",
                              "Mean of trees on resampled rows and drawn features.", fixed={"splitter": "best"})
ExtraTreesClassifier = _made("ExtraTreesClassifier", (_Classifier, _Forest), "random_forest",
                             "Mean of trees with random cuts.", fixed=_EXTRA, defaults={"bootstrap": False})
ExtraTreesRegressor = _made("ExtraTreesRegressor", (_Regressor, _Forest), "random_forest",
                            "Mean of trees with random cuts.", fixed=_EXTRA, defaults={"bootstrap": False})
LogisticRegression = _made("LogisticRegression", (_Classifier, _Logistic), "logistic_regression",
                           "Linear classifier with probabilities.")
_COMMON_LINEAR = ("fit_intercept", "tol", "max_iter")
LinearRegression = _made("LinearRegression", (_Regressor, _Linear), "linear_regression", "Least squares.",
                         fixed={"penalty": "none"}, only=_COMMON_LINEAR)
Ridge = _made("Ridge", (_Regressor, _Linear), "linear_regression",
              "Least squares: sum of squares + alpha |w|^2.", fixed={"penalty": "l2"}, only=("alpha", *_COMMON_LINEAR))
Lasso = _made("Lasso", (_Regressor, _MeanLoss), "linear_regression",
              "Least squares: mean of squares / 2 + alpha |w|.", fixed={"penalty": "l1"},
              only=("alpha", *_COMMON_LINEAR))
ElasticNet = _made("ElasticNet", (_Regressor, _MeanLoss), "linear_regression",
                   "Least squares: mean of squares / 2 + alpha (l1_ratio |w| + (1 - l1_ratio) |w|^2 / 2).",
                   fixed={"penalty": "elasticnet"}, only=("alpha", "l1_ratio", *_COMMON_LINEAR))
KNeighborsClassifier = _made("KNeighborsClassifier", (_Classifier, _Unweighted), "knn", "Vote of the nearest training rows.")
KNeighborsRegressor = _made("KNeighborsRegressor", (_Regressor, _Unweighted), "knn", "Mean of the nearest training rows.")

__all__ = ["ElasticNet", "ExtraTreesClassifier", "ExtraTreesRegressor", "KNeighborsClassifier", "KNeighborsRegressor",
           "Lasso", "LinearRegression", "LinearSVC", "LogisticRegression", "NuSVC", "NuSVR", "RandomForestClassifier",
           "RandomForestRegressor", "Ridge", "SVC", "SVR"]
