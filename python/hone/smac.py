"""The random forest as SMAC3's surrogate model.

    model = hone.smac.get_model(scenario)
    smac = HyperparameterOptimizationFacade(scenario, hone.Target(data), model=model)

The model is that of SMAC3's own facades: ten trees of random cuts on bootstraps, mean and variance over trees, costs as
logarithms. Fitting and asking it takes a small part of the time (`bench/surrogate`). Categories are split as sets, which
SMAC3's forest takes for numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

try:
    from smac.model.random_forest.abstract_random_forest import AbstractRandomForest
except ImportError as why:
    raise ImportError('hone.smac needs SMAC3: pip install "smac>=2.3"') from why

from ._check import check_flag, check_integer
from ._config import check_seed
from ._dataset import Dataset
from ._errors import ArgumentError
from ._model import Model
from ._train import fit

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from smac import Scenario

Array = np.ndarray[Any, Any]
_MOST_ROWS = 1 << 16  # at a time, where each configuration is asked for with every instance


class Forest(AbstractRandomForest):
    """A surrogate model for SMAC3's facades (`model=`).

    A hyperparameter that is not active has the value that SMAC3's own forest gives it: below all others, or one more
    category. Equal seeds and trials give equal predictions, bit for bit.

    Args:
        configspace: the space of the scenario.
        n_trees: number of trees.
        ratio_features: share of the hyperparameters that are tried at each node.
        splitter: 'random': the best of one random cut of each; 'best': the best cut.
        min_samples_split: trials that a node needs to be split.
        min_samples_leaf: trials that each side of a split keeps.
        max_depth: longest path from the root to a leaf; None: any.
        bootstrapping: whether each tree sees a sample of the trials, drawn with replacement.
        log_y: costs are logarithms, as the encoder of `HyperparameterOptimizationFacade` and `MultiFidelityFacade` makes
            them: a leaf answers with the logarithm of the mean cost, not with the mean logarithm.
        instance_features: features of each instance, as in the scenario; predictions are means over instances.
        pca_components: instances with at least so many features are told by their principal components.
        seed: of all that is drawn.
    """

    def __init__(self, configspace: ConfigurationSpace, *, n_trees: int = 10, ratio_features: float = 1.0,
                 splitter: str = "random", min_samples_split: int = 2, min_samples_leaf: int = 1,
                 max_depth: int | None = None, bootstrapping: bool = True, log_y: bool = False,
                 instance_features: dict[str, list[int | float]] | None = None, pca_components: int | None = 7,
                 seed: int = 0) -> None:
        super().__init__(configspace, instance_features, pca_components, check_seed(seed))
        if not 0 < ratio_features <= 1:
            raise ArgumentError(f"{ratio_features} is not in (0, 1]", "ratio_features")
        self._log_y, self._ratio = check_flag(log_y, "log_y"), float(ratio_features)
        self._config: dict[str, Any] = {
            "model": "random_forest", "n_estimators": check_integer(n_trees, "n_trees", 1, 100001), "splitter": splitter,
            "constant_features": "redraw",
            "min_samples_split": check_integer(min_samples_split, "min_samples_split", 2, 2**30),
            "min_samples_leaf": check_integer(min_samples_leaf, "min_samples_leaf", 1, 2**30),
            "min_impurity_decrease": 1e-8, "bootstrap": check_flag(bootstrapping, "bootstrapping")}
        if max_depth is not None:
            self._config["max_depth"] = check_integer(max_depth, "max_depth", 1, 2**30)
        # What a hyperparameter is that is not active; NaN: it always is.
        self._inactive: Array = self._impute_inactive(np.full((1, self._n_hps), np.nan))[0]
        self._model: Model | None = None

    @property
    def meta(self) -> dict[str, Any]:
        """What SMAC3 writes down, to tell whether a run is the same as an earlier one."""
        return {**super().meta, **self._config, "ratio_features": self._ratio, "log_y": self._log_y, "seed": self._seed}

    # ---- training ----

    def _train(self, X: Array, y: Array) -> Forest:
        X, y = self._filled(X), np.asarray(y, dtype=np.float64).ravel()
        config = {**self._config, "max_features": max(1, int(X.shape[1] * self._ratio))}
        data = Dataset(X, y, task="regression", categorical=np.flatnonzero(self._types), cache_bytes=0)
        self._model = fit(config, data, self._seed, validation="none", unjudged=True, n_threads=1).model
        assert self._model is not None
        self._first_node = self._model.output("tree_start")[:-1, 0].astype(np.intp)
        self._answer = self._model.output("threshold")[:, 0]
        if self._log_y:
            self._answer = self._log_of_means(X, y, self._model.output("bag", data, n_threads=1))
        return self

    def _log_of_means(self, X: Array, y: Array, drawn: Array) -> Array:
        """For each leaf the logarithm of the mean cost of the trials that its tree drew."""
        leaf, most = self._leaves(X).ravel(), y.max()
        cost = drawn * np.exp(y - most)[:, None]
        trials = np.bincount(leaf, drawn.ravel(), len(self._answer))
        total = np.bincount(leaf, cost.ravel(), len(self._answer))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = most + np.log(total / trials)
        # NaN in nodes that are no leaves. Never below the mean of logarithms, but for costs that exp makes 0.
        answer: Array = np.fmax(found, self._answer)
        return answer

    # ---- prediction ----

    def _filled(self, X: Array) -> Array:
        X = np.array(X, dtype=np.float64)
        active = X[:, :self._n_hps]
        np.copyto(active, self._inactive, where=~np.isfinite(active))
        return X

    def _leaves(self, X: Array) -> Array:
        """The node where each row ends in each tree, numbered through the forest."""
        assert self._model is not None
        return self._model.output("leaf", X, n_threads=1).astype(np.intp) + self._first_node

    def _answers(self, X: Array) -> Array:
        """Rows by trees."""
        return self._answer[self._leaves(self._filled(X))]

    def _predict(self, X: Array, covariance_type: str | None = "diagonal") -> tuple[Array, Array | None]:
        if covariance_type != "diagonal":
            raise ArgumentError(f"only 'diagonal' is known, not {covariance_type!r}", "covariance_type")
        return _moments(self._answers(X))

    def predict_marginalized(self, X: Array) -> tuple[Array, Array]:
        """Mean and variance over trees of the mean over instances, one row a configuration.

        Args:
            X: configurations, without features of instances.
        """
        if X.ndim != 2 or X.shape[1] != self._n_hps:
            raise ArgumentError(f"a table of {self._n_hps} columns is needed, not one of shape {X.shape}", "X")
        if self._n_features == 0:
            answers = self._answers(X)
        else:
            features = self._instances()
            step = max(1, _MOST_ROWS // len(features))
            answers = np.concatenate([self._over_instances(X[i:i + step], features) for i in range(0, len(X), step)])
        mean, variance = _moments(answers)
        return mean, np.maximum(variance, self._var_threshold)

    def _over_instances(self, X: Array, features: Array) -> Array:
        k = len(features)
        rows = np.hstack((np.repeat(X, k, axis=0), np.tile(features, (len(X), 1))))
        means: Array = self._answers(rows).reshape(len(X), k, -1).mean(axis=1)
        return means

    def _instances(self) -> Array:
        """Features of all instances, as the forest was shown them."""
        assert self._instance_features is not None
        features = np.array(list(self._instance_features.values()), dtype=np.float64)
        if self._apply_pca:
            features = self._pca.transform(self._scaler.transform(features))
        return features


def _moments(answers: Array) -> tuple[Array, Array]:
    mean = answers.mean(axis=1, keepdims=True)
    return mean, np.square(answers - mean).mean(axis=1, keepdims=True)


def get_model(scenario: Scenario, **options: Any) -> Forest:
    """The surrogate for `HyperparameterOptimizationFacade` and `MultiFidelityFacade` of a scenario.

    Args:
        scenario: space, features of instances and seed are taken from it.
        options: further arguments of `Forest`.
    """
    return Forest(scenario.configspace, **{"log_y": True, "instance_features": scenario.instance_features,
                                           "seed": scenario.seed, **options})
