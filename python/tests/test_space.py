"""The search space in ConfigSpace, and configurations of every kind from it."""

import json
import math
import pickle
import random

import numpy as np
import pytest

import hone

ConfigSpace = pytest.importorskip("ConfigSpace")


@pytest.fixture(scope="module")
def small():
    dice = np.random.default_rng(3)
    X = dice.normal(size=(60, 4))
    return {"classification": hone.Dataset(X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)),
            "regression": hone.Dataset(X, X[:, 0] + 0.1 * dice.normal(size=60))}


def numpy_scalars(config):
    kinds = {str: np.str_, bool: np.bool_, int: np.int32, float: np.float64}
    return {k: kinds[type(v)](v) for k, v in config.items()}


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_samples_in_every_form_give_the_same_finite_loss(small, task):
    space, data = hone.space(task, seed=4), small[task]
    again = space.from_serialized_dict(json.loads(json.dumps(space.to_serialized_dict())))
    assert again == space and hone.space(data) is not None
    for configuration in space.sample_configuration(250):
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in dict(configuration).items()}
        forms = (configuration, plain, numpy_scalars(plain), json.loads(json.dumps(plain)))
        losses = {hone.train(form, data, 0, budget=0.1).hex() for form in forms}
        assert len(losses) == 1 and math.isfinite(float.fromhex(losses.pop()))
        assert pickle.loads(pickle.dumps(configuration)) == configuration


def test_no_integer_is_on_a_log_scale():
    for task in ("classification", "regression"):
        rows = hone.space_dict(task)["hyperparameters"]
        assert not [h["name"] for h in rows if h["type"] == "uniform_int" and h["log"]]


def test_a_space_of_one_model_keeps_its_name():
    assert dict(hone.space("classification", "svm").get_default_configuration())["model"] == "svm"
    with pytest.raises(hone.Error, match="xgb"):
        hone.space("classification", ["svm", "xgb"])
    with pytest.raises(hone.ArgumentError, match="space"):
        hone.space(3)
    with pytest.raises(hone.ArgumentError, match="task"):
        hone.space("ranking")


def test_random_dicts_are_refused_by_name_or_trained(small):
    dice = random.Random(1)
    keys = [f"{m['name']}:{h['name']}" for m in hone.reference()["models"] for h in m["hyperparameters"]]
    keys += ["model", "C", "prep:scale", "budget", "", "model:x", "svm:", ":C", "nonsense"]
    values = [0, 1, -1, 2, 0.5, 1e308, math.nan, math.inf, True, None, "", "svm", "knn", "scale", "1", [1], {}, 10**40,
              np.float32(0.5), np.array([1, 2]), b"x", 1j, "none", np.bool_(True), -0.0]
    trained = 0
    for _ in range(10000):
        config = {dice.choice(keys): dice.choice(values) for _ in range(dice.randrange(6))}
        if dice.random() < 0.9:
            config["model"] = dice.choice(["svm", "knn", "random_forest", "logistic_regression"])
        config = {k: v for k, v in config.items() if k != "random_forest:n_estimators"}
        try:
            loss = hone.train(config, small["classification"], 0, budget=0.1, work_limit=10**6)
        except hone.ConfigError as error:
            assert error.path.startswith("config") and error.message
        except hone.UnsupportedError as error:  # a cap that not one tree keeps
            assert error.path == "random_forest:max_model_bytes" and error.path in config
        else:
            assert type(loss) is float and math.isfinite(loss)
            trained += 1
    assert trained > 500
