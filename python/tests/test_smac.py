"""The surrogate model for SMAC3."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import hone

pytest.importorskip("smac")

from ConfigSpace import (CategoricalHyperparameter, ConfigurationSpace, Constant, EqualsCondition, Float, Integer,
                         OrdinalHyperparameter)
from smac import HyperparameterOptimizationFacade, Scenario
from smac.model.random_forest.random_forest import RandomForest

from hone.smac import Forest, get_model


@pytest.fixture(scope="module")
def space():
    """Every kind of hyperparameter, some under a condition."""
    found = ConfigurationSpace(seed=3)
    kind = CategoricalHyperparameter("kind", [f"k{i}" for i in range(6)])
    x, y, n = Float("x", (0, 1)), Float("y", (1e-3, 10), log=True), Integer("n", (1, 30))
    size, mode, only = OrdinalHyperparameter("size", ["s", "m", "l"]), CategoricalHyperparameter("mode", ["a", "b"]), Constant("only", 1)
    found.add(kind, x, y, n, size, mode, only)
    found.add(EqualsCondition(y, kind, "k1"), EqualsCondition(mode, kind, "k2"), EqualsCondition(only, kind, "k3"))
    return found


def table(space, n, seed):
    """Configurations as SMAC3 has them, and a cost that hangs on categories without an order."""
    space.seed(seed)
    configs = space.sample_configuration(n)
    X = np.array([c.get_array() for c in configs])
    high = np.isin(X[:, list(space).index("kind")], (1, 4))
    x, y = X[:, list(space).index("x")], np.nan_to_num(X[:, list(space).index("y")])
    cost = 0.05 + high + (x - 0.3) ** 2 + 0.5 * y + 0.02 * np.random.default_rng(seed).uniform(size=n)
    return X, np.log(cost)


def trained(space, n=120, **options):
    X, y = table(space, n, 1)
    return Forest(space, **{"seed": 5, **options}).train(X, y[:, None]), X, y


def test_mean_and_variance_are_those_over_trees(space):
    forest, X, y = trained(space)
    mean, variance = forest.predict(X)
    filled = forest._impute_inactive(X)
    model = forest._model
    assert np.allclose(mean[:, 0], model.predict(filled), rtol=1e-12)
    leaf = model.output("leaf", filled).astype(int)
    drawn = model.output("bag", hone.Dataset(filled, y, task="regression", categorical=np.flatnonzero(forest._types)))
    assert (drawn.sum(axis=0) == len(X)).all() and (drawn == 0).any()
    answers = np.empty_like(leaf, dtype=float)
    for i, t in np.ndindex(*leaf.shape):
        same = drawn[:, t] * (leaf[:, t] == leaf[i, t])
        answers[i, t] = same @ y / same.sum()
    assert np.allclose(mean[:, 0], answers.mean(axis=1)) and np.allclose(variance[:, 0], answers.var(axis=1))


@pytest.mark.parametrize("bootstrapping", [True, False])
def test_a_leaf_of_logarithms_answers_with_the_logarithm_of_the_mean_cost(space, bootstrapping):
    options = {"n_trees": 1, "min_samples_leaf": 10, "bootstrapping": bootstrapping}
    plain, X, y = trained(space, **options)
    forest, X, y = trained(space, log_y=True, **options)
    data = hone.Dataset(forest._filled(X), y, task="regression", categorical=np.flatnonzero(forest._types))
    drawn = forest._model.output("bag", data)[:, 0]
    assert bootstrapping or (drawn == 1).all()
    leaf = forest._leaves(forest._filled(X))[:, 0]
    for node in np.unique(leaf):
        inside = leaf == node
        expected = np.log(drawn[inside] @ np.exp(y[inside]) / drawn[inside].sum())
        assert np.allclose(forest.predict(X[inside])[0], expected)
    assert (forest.predict(X)[0] >= plain.predict(X)[0]).all()


def test_costs_that_exp_makes_zero_stay_finite(space):
    X, y = table(space, 60, 1)
    mean, variance = Forest(space, log_y=True).train(X, 1000 * y[:, None]).predict_marginalized(X)
    assert np.isfinite(mean).all() and np.isfinite(variance).all()


def test_predictions_are_means_over_instances(space):
    for width in (2, 9):  # principal components stand for nine features
        dice = np.random.default_rng(0)
        features = {str(i): list(dice.uniform(size=width)) for i in range(12)}
        X, y = table(space, 120, 1)
        shown = np.array([features[str(i % 12)] for i in range(120)])
        forest = Forest(space, instance_features=features, log_y=True, seed=2)
        forest.train(np.hstack((X, shown)), (y + 0.2 * shown[:, 0])[:, None])
        assert forest._apply_pca == (width == 9)
        mean, variance = forest.predict_marginalized(X[:7])
        assert mean.shape == variance.shape == (7, 1) and len(np.unique(mean)) > 3
        means = np.array([[forest.predict(np.array([[*x, *f]]))[0][0, 0] for f in features.values()] for x in X[:7]])
        assert np.allclose(means.mean(axis=1), mean[:, 0])


def test_marginal_variances_are_not_below_the_threshold(space):
    forest, X, y = trained(space, n_trees=1)
    assert (forest.predict(X)[1] == 0).all() and (forest.predict_marginalized(X)[1] == forest._var_threshold).all()


def test_what_is_not_active_counts_as_in_the_forest_of_smac(space):
    X, _ = table(space, 50, 1)
    assert np.isnan(X).any()
    forest = Forest(space)
    assert np.array_equal(forest._filled(X), forest._impute_inactive(X))


def test_it_predicts_what_the_forest_of_smac_predicts(space):
    ours, theirs = [], []
    for seed in range(8):
        X, y = table(space, 100, 10 + seed)
        new, cost = table(space, 400, 90 + seed)
        for model, error in ((get_model, ours), (HyperparameterOptimizationFacade.get_model, theirs)):
            scenario = Scenario(space, seed=seed, n_trials=10)
            mean, variance = model(scenario).train(X, y[:, None]).predict_marginalized(new)
            error.append(np.sqrt(np.mean((mean[:, 0] - cost) ** 2)))
            assert np.corrcoef(np.abs(mean[:, 0] - cost), np.sqrt(variance[:, 0]))[0, 1] > 0.1
    assert np.mean(ours) < 1.05 * np.mean(theirs)


def test_equal_seeds_give_equal_predictions_also_after_pickle(space):
    forest, X, y = trained(space, log_y=True)
    again, _, _ = trained(space, log_y=True)
    other = Forest(space, seed=6, log_y=True).train(X, y[:, None])
    for same in (again, pickle.loads(pickle.dumps(forest))):
        assert all(np.array_equal(a, b) for a, b in zip(forest.predict(X), same.predict(X)))
    assert not np.array_equal(forest.predict(X)[0], other.predict(X)[0])


def test_few_trials_are_enough(space):
    X, y = table(space, 4, 1)
    for n in (1, 2, 4):
        mean, variance = Forest(space, log_y=True).train(X[:n], y[:n, None]).predict_marginalized(X)
        assert np.isfinite(mean).all() and (variance > 0).all()
    mean, _ = Forest(space, log_y=True).train(X, np.full((4, 1), -2.5)).predict_marginalized(X)
    assert np.allclose(mean, -2.5)


def test_smac_searches_with_it_and_knows_its_run_again(space, tmp_path):
    def cost(config, seed=0):
        return (config["x"] - 0.3) ** 2 + (config["kind"] != "k4")

    def search(seed, **options):
        scenario = Scenario(space, deterministic=True, n_trials=60, seed=1, output_directory=tmp_path)
        smac = HyperparameterOptimizationFacade(scenario, cost, model=Forest(space, log_y=True, seed=seed), **options)
        return smac.runhistory, cost(smac.optimize())

    _, best = search(4, overwrite=True)
    assert best < 0.01
    again, _ = search(4)
    assert len(again) == 60  # found on the disk
    fresh, _ = search(5, overwrite=True)
    assert len(fresh) == 60


@pytest.mark.parametrize("options, name", [({"ratio_features": 0.0}, "ratio_features"), ({"n_trees": 0}, "n_trees"),
                                           ({"log_y": 1}, "log_y"), ({"seed": -1}, "seed"),
                                           ({"max_depth": 0}, "max_depth"), ({"min_samples_leaf": 1.5}, "min_samples_leaf"),
                                           ({"splitter": "worst"}, "splitter")])
def test_wrong_arguments_are_named(space, options, name):
    with pytest.raises(hone.Error, match=name):
        trained(space, **options)


def test_wrong_tables_are_refused(space):
    forest, X, _ = trained(space)
    for call in (forest.predict, forest.predict_marginalized):
        with pytest.raises(ValueError):
            call(X[:, 1:])
    with pytest.raises(hone.ArgumentError, match="diagonal"):
        forest.predict(X, "full")
    with pytest.raises(hone.DataError):
        forest.train(X, np.full((len(X), 1), np.inf))


def test_without_smac_the_error_says_what_is_needed():
    code = "import sys; sys.modules['smac'] = None; import hone; hone.train; import hone.smac"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=60)
    assert done.returncode == 1 and 'pip install "smac' in done.stderr.splitlines()[-1]
