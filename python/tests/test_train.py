"""The call: losses, options, errors by name, what a result tells."""

import logging
import math
import pickle

import numpy as np
import pytest

import hone

MODELS = ["knn", "logistic_regression", "random_forest", "svm"]


@pytest.mark.parametrize("model", MODELS)
def test_a_loss_is_a_finite_float_and_the_same_twice(rows, model):
    data = dict(zip("Xy", rows))
    one = hone.train({"model": model}, data, 3)
    hone.clear_cache()
    assert type(one) is float and -1 <= one < -0.5
    assert hone.train({"model": model}, data, 3, n_threads=2) == one


def test_regression_gives_the_error_itself(amounts):
    loss = hone.train({"model": "linear_regression"}, dict(zip("Xy", amounts)), 1)
    assert 0 < loss < 0.3


def test_numpy_scalars_of_any_width_are_values(rows):
    data = hone.Dataset(*rows)
    plain = hone.train({"model": "svm", "C": 2.0, "kernel": "poly", "degree": 2, "shrinking": False}, data, 0)
    for integer in (np.int8, np.uint16, np.int64, np.float32, np.float64):
        for real in (np.float32, np.float64, np.longdouble, np.int64, np.array):
            cfg = {"model": np.str_("svm"), "C": real(2.0), "kernel": np.str_("poly"),
                   "degree": integer(2), "shrinking": np.bool_(False)}
            assert hone.train(cfg, data, np.int64(0)) == plain


BAD_CONFIGS = [
    ({}, "model"), ({"model": "xgb"}, "xgb"), ([1], "mapping"), ("svm", "mapping"), (None, "mapping"),
    ({"model": "svm", "C": "many"}, "config.C"), ({"model": "svm", "C": float("nan")}, "C"),
    ({"model": "svm", "C": float("inf")}, "C"), ({"model": "svm", "C": -1}, "C"), ({"model": "svm", "C": True}, "C"),
    ({"model": "svm", "C": [1]}, "config.C"), ({"model": "svm", "C": np.ones(2)}, "config.C"),
    ({"model": "svm", "C": 1j}, "config.C"), ({"model": "svm", "C": None}, "C"),
    ({"model": "svm", "C": 1, "svm:C": 2}, "C"), ({"model": "knn", "n_neighbors": 2.5}, "n_neighbors"),
    ({"model": "knn", "n_neighbors": 10**30}, "n_neighbors"), ({"model": "svm", 3: 1}, "key 3"),
    ({"model": "svm", "kernel": "r\0f"}, "kernel"), ({"model": "svm", "C\0junk": 5.0}, "zero character"), ({"model": "svm", "Gama": 1}, "Gama"), (dict, "mapping"),
    ({"model": "svm", "C": 10**400}, "Infinity"), ({"model": "svm", "C": 10**20}, "1e20"), ({"model": "svm", "C": -10**400}, "C"),
]


@pytest.mark.parametrize("cfg, said", BAD_CONFIGS)
def test_a_wrong_configuration_is_an_exception_that_names_the_key(rows, cfg, said):
    with pytest.raises(hone.Error) as caught:
        hone.train(cfg, dict(zip("Xy", rows)), 0)
    assert isinstance(caught.value, ValueError) and said in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_configuration_for_another_task_is_refused(rows, amounts):
    with pytest.raises(hone.UnsupportedError, match="linear_regression"):
        hone.train({"model": "linear_regression"}, hone.Dataset(*rows), 0)
    with pytest.raises(ValueError, match="0.|logistic_regression"):
        hone.train({"model": "logistic_regression"}, dict(zip("Xy", amounts)), 0)


@pytest.mark.parametrize("seed", [None, "1", 1.0, -1, 2**64, True, np.float64(1), np.array([1]), np.array(1.5)])
def test_a_seed_of_the_wrong_type_is_named(rows, seed):
    with pytest.raises(hone.ArgumentError, match="seed"):
        hone.train({"model": "knn"}, dict(zip("Xy", rows)), seed)


@pytest.mark.parametrize("option", [{"budget": 0}, {"budget": 2}, {"budget": "1"}, {"validation": "cv:1"},
                                    {"validation": "holdout:2"}, {"validation": 7}, {"n_threads": 0},
                                    {"deadline": -1}, {"memory_cap": 0}, {"cutoff": math.nan}, {"split_seed": -1},
                                    {"fidelity": "trees"}, {"isa": "sse"}, {"metric": 3}, {"metric": "error\0x"}, {"validation": [[1, 2]]}, {"instance": "a"}])
def test_a_wrong_option_is_named(rows, option):
    with pytest.raises(hone.ArgumentError, match=next(iter(option))):
        hone.train({"model": "knn"}, dict(zip("Xy", rows)), 0, **option)


def test_an_unknown_option_is_a_type_error(rows):
    with pytest.raises(TypeError, match="budgets"):
        hone.train({"model": "knn"}, dict(zip("Xy", rows)), 0, budgets=1)


def test_validation_is_what_was_asked_for(rows):
    data = hone.Dataset(*rows)
    for how, kind in [("holdout:0.5", "holdout"), ("cv:3", "folds"), ("none", "none"), (np.arange(50), "rows")]:
        assert hone.fit({"model": "knn"}, data, 0, validation=how).info["validation"]["kind"] == kind
    assert hone.fit({"model": "random_forest"}, data, 0, validation="oob").info["validation"]["kind"] == "oob"
    X, y = rows
    given = hone.fit({"model": "knn"}, {"X": X[:150], "y": y[:150], "X_val": X[150:], "y_val": y[150:]}, 0)
    asked = hone.fit({"model": "knn"}, data, 0, validation=np.arange(150, 200), refit=False)
    assert given.loss == asked.loss


def test_split_seed_and_instance_fix_the_split(rows):
    data = hone.Dataset(*rows)
    losses = {hone.train({"model": "knn"}, data, seed, instance="4") for seed in range(5)}
    assert losses == {hone.train({"model": "knn"}, data, 9, split_seed=4)}
    assert len({hone.train({"model": "knn"}, data, 0, instance=str(i)) for i in range(6)}) > 1


def test_a_result_has_model_metrics_and_file(rows, tmp_path):
    r = hone.fit({"model": "random_forest", "n_estimators": 7, "svm:C": 3}, dict(zip("Xy", rows)), 5, tmp_path / "new")
    assert r.end == "ok" and r.loss == -r.metrics["accuracy"] and "svm:C" in r.info["inactive"]
    assert r.model.config["random_forest:n_estimators"] == 7
    assert hone.inspect(r.path)["record"]["seed"] == "5"
    again = hone.load(r.path)
    assert (again.predict(rows[0]) == r.model.predict(rows[0])).all()


def test_a_list_of_trials_gives_what_single_calls_give(rows):
    data = dict(zip("Xy", rows))
    cfgs = [{"model": "random_forest", "n_estimators": n} for n in (20, 5)] + [{"model": "svm"}, {"model": "svm", "C": -1}]
    many = hone.train_many(cfgs, data, 4)
    assert [r.loss for r in many[:3]] == [hone.train(c, data, 4) for c in cfgs[:3]]
    assert isinstance(many[3].error, hone.ConfigError) and math.isnan(many[3].loss)
    assert hone.train_many([], data) == []
    for wrong, place in ((7, "cfgs[4]"), ({"C": [1, 2]}, "cfgs[4].C")):
        with pytest.raises(hone.ConfigError) as error:
            hone.train_many([*cfgs, wrong], data)
        assert error.value.path == place


def test_a_list_saves_its_best_model_unless_told_otherwise(rows, tmp_path):
    data = dict(zip("Xy", rows))
    cfgs = [{"model": "knn", "n_neighbors": n} for n in (100, 5, 120)]
    for keep, count in ((None, 1), ("best", 1), ("all", 3), ("none", 0)):
        many = hone.train_many(cfgs, data, 4, tmp_path / str(keep), keep=keep)
        assert sum(r.path is not None for r in many) == count
        if count == 1:
            assert hone.load(many[1].path).config["knn:n_neighbors"] == 5
    raced = hone.train_many(cfgs, data, 4, validation="cv:5", race=True)
    assert raced[1].end == "ok" and {r.end for r in raced} <= {"ok", "cutoff"}
    with pytest.raises(hone.ArgumentError):
        hone.train_many(cfgs, data, keep="some")


def test_a_warm_start_is_as_good_and_leaves_no_trace_on_others(rows):
    data = dict(zip("Xy", rows))
    cfgs = [{"model": "logistic_regression", "C": c} for c in (1, 2, 4)]
    cold = hone.train_many(cfgs, data, 4, metric="log_loss")
    warm = hone.train_many(cfgs, data, 4, metric="log_loss", warm_start=True)
    again = hone.train_many(cfgs, data, 4, metric="log_loss")
    for a, b, c in zip(cold, warm, again):
        assert b.loss == pytest.approx(a.loss, rel=1e-3) and c.loss == a.loss
        assert b.info["warm_start"] and not a.info["warm_start"] and not c.info["warm_start"]
    assert hone.Target(data, warm_start=True)(cfgs[0]) == pytest.approx(hone.train(cfgs[0], data), abs=0.02)
    with pytest.raises(hone.ArgumentError, match="warm_start"):
        hone.train(cfgs[0], data, warm_start=True, warm_from=hone.fit(cfgs[0], data).model)


def test_an_estimate_bounds_the_bytes_of_the_training(rows):
    data = dict(zip("Xy", rows))
    for model in ("svm", "knn", "random_forest", "logistic_regression"):
        found = hone.estimate({"model": model}, data, 3, validation="cv:3")
        result = hone.fit({"model": model}, data, 3, validation="cv:3", refit=False)
        assert list(found) == ["bytes_bound"] and found["bytes_bound"] >= result.info["run"]["peak_bytes"]
        likely = hone.estimate({"model": model}, data, pilot=0.01)
        assert 0 < likely["bytes_likely"] <= likely["bytes_bound"] and likely["seconds_likely"] > 0
    with pytest.raises(hone.ArgumentError):
        hone.estimate({"model": "knn"}, data, pilot=2)


def test_cross_validation_scores_every_row_once(rows):
    r = hone.cross_validate({"model": "logistic_regression"}, dict(zip("Xy", rows)), 2, folds=4)
    assert r.scores.shape == (200, 3) and np.isfinite(r.scores).all()
    assert np.mean(r.scores.argmax(1) == rows[1]) == pytest.approx(-r.loss, abs=0.01)


def test_lines_go_to_logging_and_nothing_is_printed(rows, caplog, capfd):
    with caplog.at_level(logging.DEBUG, "hone"):
        hone.train({"model": "knn"}, dict(zip("Xy", rows)), 0)
    assert any("knn" in r.message and r.levelno == logging.INFO for r in caplog.records)
    assert any(r.levelno == logging.DEBUG for r in caplog.records)
    assert capfd.readouterr() == ("", "")


def test_verbose_prints_stages_to_standard_error(rows, capfd):
    hone.train({"model": "knn"}, dict(zip("Xy", rows)), 0, verbose=1)
    out, err = capfd.readouterr()
    assert out == "" and "holdout" in err and "loss" in err


def test_progress_is_called_and_its_exception_ends_the_training(rows):
    seen = []
    hone.train({"model": "random_forest"}, dict(zip("Xy", rows)), 0, progress=lambda *a: seen.append(a))
    assert seen and seen[-1][1] == 1.0

    def stop(stage, fraction, eta):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        hone.train({"model": "random_forest"}, dict(zip("Xy", rows)), 0, progress=stop)


def test_a_model_directory_that_is_a_file_is_named(rows, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(hone.FileError, match="file") as caught:
        hone.train({"model": "knn"}, dict(zip("Xy", rows)), 0, tmp_path / "file")
    assert isinstance(caught.value, OSError)


def test_a_memory_cap_is_a_memory_error(rows):
    with pytest.raises(MemoryError) as caught:
        hone.train({"model": "random_forest"}, dict(zip("Xy", rows)), 0, memory_cap=1000)
    assert isinstance(caught.value, hone.Error)


class Getter:
    """What some engines pass: nothing but `get`."""

    def __init__(self, **known):
        self.known = known

    def get(self, key, default=None):
        return self.known.get(key, default)


def test_a_configuration_may_have_get_alone_and_seeds_any_list(rows):
    data, plain = hone.Dataset(*rows), {"model": "knn", "knn:n_neighbors": 3, "prep:scale": "none"}
    loss = hone.train(plain, data, 1)
    assert hone.train(Getter(**plain), data, 1) == hone.train(Getter(model="knn", n_neighbors=3, **{
        "prep:scale": "none"}), data, 1) == loss != hone.train({"model": "knn"}, data, 1)
    results = hone.train_many([plain, plain], data, range(2))
    assert [r.loss for r in results] == [hone.train(plain, data, s) for s in (0, 1)] and results[0].model is None
    for seeds in ("12", None, 1.0):
        with pytest.raises(hone.ArgumentError, match="seeds"):
            hone.train_many([plain, plain], data, seeds)
    with pytest.raises(hone.ArgumentError, match="cfgs"):
        hone.train_many(plain, data, 0)


@pytest.mark.parametrize("option", [
    {"warm_from": 3}, {"isa": [1]}, {"verbose": "a"}, {"verbose": None}, {"progress": 3}, {"judged": 3}, {"strict": "a"},
    {"refit": "no"}, {"warm_start": 1}, {"model_dir": 3}, {"model_dir": "a\0"}, {"instance": "\u00b2"}, {"fidelity": [1]}])
def test_an_option_of_the_wrong_type_is_named(rows, option):
    with pytest.raises(hone.ArgumentError, match=next(iter(option))):
        hone.train({"model": "knn"}, hone.Dataset(*rows), 0, **option)


@pytest.mark.parametrize("call", ["train", "fit", "cross_validate", "train_many", "estimate"])
def test_an_unknown_option_is_told_by_the_call_that_has_none(rows, call):
    cfg = [{"model": "knn"}] if call == "train_many" else {"model": "knn"}
    with pytest.raises(TypeError, match=f"^{call}.*'budgets'"):
        getattr(hone, call)(cfg, hone.Dataset(*rows), 0, budgets=1)
    for name in {"fit": ["keep", "race", "keep_model"], "cross_validate": ["validation", "refit"]}.get(call, []):
        with pytest.raises(TypeError, match=f"^{call}.*'{name}'"):
            getattr(hone, call)(cfg, hone.Dataset(*rows), 0, **{name: True})


def test_the_number_of_folds_is_named(rows):
    for folds in (1, 3.0, "3", 10**12):
        with pytest.raises(hone.ArgumentError, match="folds"):
            hone.cross_validate({"model": "knn"}, hone.Dataset(*rows), 0, folds=folds)


def test_halves_of_surrogates_are_errors_that_name_their_place(rows):
    X, y = rows
    bad = "\ud800"
    with pytest.raises(hone.ConfigError, match="config"):
        hone.train({"model": "knn", bad: 1}, hone.Dataset(X, y), 0)
    with pytest.raises(hone.ConfigError, match="model"):
        hone.train({"model": bad}, hone.Dataset(X, y), 0)
    with pytest.raises(hone.DataError, match="feature_names"):
        hone.Dataset(X, y, feature_names=[bad, "b", "c", "d"])
    with pytest.raises(hone.DataError, match="y.1."):
        hone.Dataset(X[:2], ["a", bad])


def test_metrics_are_floats(rows):
    X, _ = rows
    found = hone.fit({"model": "knn"}, {"X": X, "y": X[:, 0] > 5}, 0, validation="none", metric="error")
    assert {type(v) for v in found.metrics.values()} == {float}


def test_a_partial_loss_is_told():
    X = np.random.default_rng(0).normal(size=(4000, 20))
    data, cfg = hone.Dataset(X, X[:, 0] > 0), {"model": "knn"}
    whole = hone.fit(cfg, data, 0)
    assert (whole.info["judged_rows"], whole.info["partial"]) == (1000, False)
    found = hone.fit(cfg, data, 0, work_limit=10**4)
    assert found.end == "work_limit" and found.info["partial"] and 0 < found.info["judged_rows"] < 1000
    loss, info = hone.Target(data, info=True, work_limit=10**4)(cfg, 0)
    assert (loss, info["judged_rows"], info["partial"]) == (found.loss, found.info["judged_rows"], True)
    cost, info = hone.Target(data, info=True, partial_cost=1.0, work_limit=10**4)(cfg, 0)
    assert cost == 1.0 and info["loss"] == loss
    assert hone.Target(data, partial_cost=1.0, work_limit=10**4)(cfg, 0) == 1.0
    assert hone.Target(data, partial_cost=1.0)(cfg, 0) == whole.loss
    folds = hone.fit(cfg, data, 0, validation="cv:40", work_limit=10**6)
    assert folds.info["partial"] and 100 <= folds.info["judged_rows"] < 4000
    cut = hone.fit(cfg, data, 0, validation="cv:5", cutoff=-1.0)
    assert cut.end == "cutoff" and not cut.info["partial"]


def test_a_configuration_resolves_without_training():
    full = hone.resolve({"model": "svm", "knn:p": 3}, "classification")
    assert full["svm:C"] == 1 and "knn:p" not in full
    for task in (None, [1], "x"):
        with pytest.raises(hone.ArgumentError, match="task"):
            hone.resolve({"model": "svm"}, task)
    assert {m["name"] for m in hone.reference()["models"]} >= set(MODELS)
