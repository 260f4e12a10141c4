"""Levels of categorical columns: a model knows those of its training rows, and not every text is one."""

import datetime
import decimal
import logging
import pickle

import numpy as np
import pandas
import polars
import pyarrow
import pytest
import scipy.sparse

import hone

ROWS, HELD = 160, np.arange(5, 160, 9)
TRIALS = [(m, dict(more, **prep)) for m, more in (
    ("svm", {}), ("svm", {"kernel": "linear"}), ("knn", {}), ("logistic_regression", {}), ("linear_regression", {}),
    ("random_forest", {})) for prep in ({}, {"prep:encode": "ordinal"}, {"prep:scale": "quantile"})] + [
    ("knn", {"metric": "gower"}), ("svm", {"prep:max_levels": 3}), ("random_forest", {"max_features": "sqrt"})]


def table(held):
    """A word, a code that is named as categorical, an amount; rows that are held out have `held` words."""
    dice = np.random.default_rng(3)
    word = dice.choice(["ant", "bee", "cat", None], ROWS).astype(object)
    code = dice.choice(["2", "10", "7"], ROWS).astype(object)
    size = dice.normal(size=ROWS)
    y = (size + (word == "bee") + (code == "10") > 0.5).astype(int)
    for k, row in enumerate(HELD):
        word[row], code[row] = held[k % len(held)]
    return pandas.DataFrame({"word": word, "code": code, "size": size}), y


KNOWN = [("ant", "2"), ("cat", "10"), ("bee", "7")]
STRANGE = [("aardvark", "2.0"), ("bear", "x"), ("zebra", "10"), ("cat", "007"), (None, "y")]


def trained(trial, frame, y, **how):
    model, more = trial
    task = "regression" if model == "linear_regression" else "classification"
    data = hone.Dataset({"X": frame, "y": y, "categorical": ["code"], "task": task})
    return hone.fit({"model": model, **more}, data, 4, **how)


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_levels_of_rows_held_out_change_nothing(trial):
    frames = [table(held) for held in (KNOWN, STRANGE, STRANGE[1:], [("zebra", "x")])]
    models = [trained(trial, *f, validation=HELD, refit=False).model for f in frames]
    train = np.setdiff1d(np.arange(ROWS), HELD)
    inside = [m.scores(frames[0][0].iloc[train]) for m in models]
    outside = [m.scores(frames[1][0].iloc[HELD]) for m in models]
    for other in range(1, len(models)):
        assert np.array_equal(inside[0], inside[other])
        assert np.array_equal(outside[0], outside[other])


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_a_level_of_held_out_rows_is_an_unknown_level(trial):
    frame, y = table(STRANGE)
    train = np.setdiff1d(np.arange(ROWS), HELD)
    own = trained(trial, frame.iloc[train].reset_index(drop=True), y[train], validation="none").model
    found = trained(trial, frame, y, validation=HELD, refit=False)
    assert np.array_equal(own.scores(frame), found.model.scores(frame))
    amounts = trial[0] == "linear_regression"
    held = hone.Dataset({"X": frame.iloc[HELD].reset_index(drop=True), "y": y[HELD], "categorical": ["code"],
                         "task": "regression" if amounts else "classification"})
    assert found.loss == (1 if amounts else -1) * own.evaluate(held)
    again = hone.Model.from_bytes(found.model.to_bytes())
    assert np.array_equal(again.scores(frame), found.model.scores(frame))


def test_levels_are_those_of_a_fold_of_a_budget_and_of_rows_that_weigh():
    frame, y = table(STRANGE)
    weight = np.ones(ROWS)
    weight[HELD] = 0
    cfg = {"model": "logistic_regression"}
    held = {"X": frame, "y": y, "sample_weight": weight}
    model = hone.fit(cfg, held, 0, validation="none").model
    train = np.setdiff1d(np.arange(ROWS), HELD)
    own = hone.fit(cfg, {"X": frame.iloc[train].reset_index(drop=True), "y": y[train]}, 0, validation="none").model
    assert np.array_equal(model.scores(frame), own.scores(frame))
    assert all(np.isfinite(hone.cross_validate(cfg, {"X": frame, "y": y}, 0, folds=8).scores.ravel()))
    assert np.isfinite(hone.train(cfg, {"X": frame, "y": y}, 0, budget=0.1))
    # A model of all rows knows more levels than a part of them: there is nothing to begin from.
    assert np.isfinite(hone.train(cfg, {"X": frame, "y": y}, 0, warm_from=hone.fit(cfg, {"X": frame, "y": y}, 0).model))


# ---- words that are no levels ----

DATES = [f"2024-01-{k % 28 + 1:02}" for k in range(40)]
MONTHS = [f"2024-{k % 12 + 1:02}" for k in range(40)]
DAYS = [f"Wed, {k % 28 + 1} Jan 2024" for k in range(40)]
TEXT = [f"remark no {k}" for k in range(1500)]


def tables(values, folder):
    """The column in every form that holds text."""
    y = (["no", "yes"] * len(values))[: len(values)]
    frame = pandas.DataFrame({"when": values, "size": range(len(values))})
    frame.assign(y=y).to_csv(folder / "t.csv", index=False)
    forms = {
        "str": frame.astype({"when": "string"}), "object": frame.astype({"when": object}), "frame": frame,
        "numpy": frame.astype(object).to_numpy(),
        "polars": polars.from_pandas(frame), "polars levels": polars.from_pandas(frame).with_columns(
            polars.col("when").cast(polars.Categorical)),
        "arrow": pyarrow.table({"when": values, "size": range(len(values))}),
        "dictionary": pyarrow.table({"when": pyarrow.array(values).dictionary_encode(), "size": range(len(values))}),
    }
    return forms, y


@pytest.mark.parametrize("values, said", [(DATES, "dates"), (MONTHS, "dates"), (DAYS, "dates"), (TEXT, "free text")])
def test_dates_and_free_text_are_refused_in_every_form(values, said, tmp_path):
    forms, y = tables(values, tmp_path)
    for name, form in forms.items():
        with pytest.raises(hone.DataError, match=said):
            hone.Dataset(form, y)
        asked = [0] if name == "numpy" else ["when"]
        assert hone.Dataset(form, y, categorical=asked).n_columns == 2, name
    with pytest.raises(hone.DataError, match=said):
        hone.Dataset.read(tmp_path / "t.csv", target="y")
    assert hone.Dataset.read(tmp_path / "t.csv", target="y", categorical=["when"]).n_columns == 2


def test_rows_to_evaluate_may_hold_any_words():
    """Their columns are the model's; rows to train on are asked all the same."""
    cfg, y = {"model": "random_forest", "n_estimators": 5}, ["no", "yes"] * (len(TEXT) // 2)
    frame = pandas.DataFrame({"when": TEXT, "size": range(len(TEXT))})
    model = hone.fit(cfg, hone.Dataset(frame, y, categorical=["when"]), 0, validation="none").model
    for form in (frame, polars.from_pandas(frame), pyarrow.Table.from_pandas(frame)):
        assert model.evaluate({"X": form, "y": y}) == np.mean(model.predict(form) == y)
        with pytest.raises(hone.DataError, match="free text"):
            hone.train(cfg, {"X": form, "y": y}, 0)


def test_a_category_of_pandas_is_what_its_owner_says():
    for values in (DATES, TEXT):
        frame = pandas.DataFrame({"when": pandas.Categorical(values)})
        assert hone.Dataset(frame, (np.arange(len(values)) % 2)).n_columns == 1


def test_levels_of_any_kind_are_known_by_their_texts():
    """Intervals of pandas.cut above all."""
    size, y = np.arange(60) % 7, ["no", "yes"] * 30
    for levels in (pandas.cut(size, 3), pandas.Series(pandas.cut(size, 3)).astype(object).astype("category"),
                   pandas.Categorical(pandas.period_range("2024", periods=7, freq="M")[size])):
        cut = pandas.Series(levels)
        texts = cut.astype(str)
        got, expected = (hone.Dataset(pandas.DataFrame({"c": c}), y, categorical=["c"]) for c in (cut, texts))
        assert got.fingerprint == expected.fingerprint and got.describe()["columns"][0]["levels"]


def test_decimals_are_numbers():
    values = [decimal.Decimal("1.5"), None, decimal.Decimal("-2.25"), decimal.Decimal("NaN")] * 15
    y, floats = ["no", "yes"] * 30, [1.5, None, -2.25, None] * 15
    got, expected = (hone.Dataset(pandas.DataFrame({"c": c, "n": range(60)}), y) for c in (values, floats))
    assert got.fingerprint == expected.fingerprint
    assert hone.Dataset(np.arange(60.0)[:, None], [decimal.Decimal(k) / 7 for k in range(60)]).task == "regression"


@pytest.mark.parametrize("values", [pandas.date_range("2024", periods=60, tz="UTC"),
                                    [datetime.date(2024, 1, 1)] * 60, [datetime.time(9)] * 60])
def test_dates_that_are_objects_are_refused_as_dates(values):
    with pytest.raises(hone.DataError, match="dates and times"):
        hone.Dataset(pandas.DataFrame({"when": values}), ["no", "yes"] * 30)


def test_texts_are_no_classes_unless_the_task_says_so():
    X = np.arange(1500.0).reshape(-1, 1)
    for y in (TEXT, pyarrow.array(TEXT), pandas.Series(TEXT)):
        with pytest.raises(hone.DataError, match="no classes"):
            hone.Dataset(X, y)
        assert len(hone.Dataset(X, y, task="classification").classes) == 1500


@pytest.mark.parametrize("values, said", [
    (["0,5", "1,5", "2,25"], "--decimal ,"), (["$1.50", "$2.00", "$3"], "sign"), (["12 %", "5%", "7 %"], "sign"),
    (["1,200", "13,000", "7"], "thousands"), (["1 200", "13 000", "700"], "thousands")])
def test_numbers_as_people_write_them_are_told_of(values, said, tmp_path, caplog):
    frame = pandas.DataFrame({"price": values * 20, "y": ["p", "n", "n"] * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with caplog.at_level(logging.WARNING, "hone"):
        hone.Dataset.read(tmp_path / "t.csv", target="y")
        assert len(caplog.records) == 1 and said in caplog.text and "price" in caplog.text
        hone.Dataset(frame, "y")
        assert len(caplog.records) == 2 and "look like numbers" in caplog.records[1].getMessage()
        hone.Dataset.read(tmp_path / "t.csv", target="y", categorical=["price"])
        hone.Dataset(frame.assign(price=["small", "large", "12 feet"] * 20), "y")
        hone.Dataset(frame.assign(price=["007", "012", "112"] * 20), "y")
    assert len(caplog.records) == 2


# ---- sparse rows ----

@pytest.mark.parametrize("cfg", [{"model": "random_forest"}, {"model": "knn", "metric": "gower"}])
def test_models_that_take_no_sparse_rows_get_dense_ones(cfg, rows):
    X, y = np.where(rows[0] > 0.3, rows[0], 0), rows[1]
    sparse = scipy.sparse.csr_array(X)
    one, two = (hone.fit(cfg, {"X": x, "y": y}, 1) for x in (X, sparse))
    assert one.loss == two.loss
    for asked in (X, sparse):
        assert np.array_equal(one.model.scores(asked), two.model.scores(asked))
    again = hone.Model.from_bytes(two.model.to_bytes())
    assert np.array_equal(again.scores(sparse), one.model.scores(X))
    assert hone.cross_validate(cfg, {"X": sparse, "y": y}, 1, folds=4).loss == hone.cross_validate(
        cfg, {"X": X, "y": y}, 1, folds=4).loss
    held = {"X": sparse[:150], "y": y[:150], "X_val": sparse[150:], "y_val": y[150:]}
    dense = {"X": X[:150], "y": y[:150], "X_val": X[150:], "y_val": y[150:]}
    assert hone.train(cfg, held, 1) == hone.train(cfg, dense, 1)


def test_a_dense_copy_keeps_to_the_memory_cap(caplog):
    wide = scipy.sparse.random(300, 200_000, 1e-4, "csr", random_state=0)
    y = np.arange(300) % 2
    with pytest.raises(hone.OutOfMemoryError, match="480000000 bytes, but the memory cap is 100000000"):
        hone.train({"model": "random_forest"}, {"X": wide, "y": y}, 0, memory_cap=100_000_000)
    huge = scipy.sparse.csr_array((300, 2_000_000))
    with pytest.raises(hone.UnsupportedError, match="4800000000 bytes"):
        hone.train({"model": "random_forest"}, {"X": huge, "y": y}, 0)
    small = scipy.sparse.random(300, 20, 0.2, "csr", random_state=0)
    with caplog.at_level(logging.INFO, "hone"):
        hone.train({"model": "random_forest", "n_estimators": 2}, {"X": small, "y": y}, 0)
    assert "random_forest gets sparse rows as a dense copy: 48000 bytes" in caplog.text


# ---- weights of classes ----

WEIGHTS = {"a": 3, "c": 0.25}


def labelled(rows):
    X, y = rows
    return X, np.array(["a", "b", "c"])[y]


@pytest.mark.parametrize("model", ["svm", "knn", "logistic_regression", "random_forest"])
def test_weights_of_classes_are_weights_of_their_rows(model, rows):
    X, y = labelled(rows)
    of_rows = np.array([WEIGHTS.get(v, 1) for v in y])
    one = hone.fit({"model": model}, {"X": X, "y": y, "class_weight": WEIGHTS}, 2)
    two = hone.fit({"model": model}, {"X": X, "y": y, "sample_weight": of_rows}, 2)
    assert one.loss == two.loss != hone.train({"model": model}, {"X": X, "y": y}, 2)
    assert np.array_equal(one.model.scores(X), two.model.scores(X))
    both = {"X": X, "y": y, "class_weight": WEIGHTS, "sample_weight": np.arange(200) % 3 + 1.0}
    assert hone.train({"model": model}, both, 2) == hone.train(
        {"model": model}, {"X": X, "y": y, "sample_weight": of_rows * both["sample_weight"]}, 2)


def test_weights_of_classes_by_every_way_in(rows, tmp_path):
    X, y = labelled(rows)
    expected = hone.Dataset(X, y, class_weight=WEIGHTS).fingerprint
    assert expected != hone.Dataset(X, y).fingerprint
    assert hone.Dataset(X, y, sample_weight=[WEIGHTS.get(v, 1) for v in y]).fingerprint == expected
    frame = pandas.DataFrame(X, columns=list("pqrs")).assign(y=y)
    frame.to_csv(tmp_path / "t.csv", index=False)
    read = hone.Dataset.read(tmp_path / "t.csv", target="y", class_weight=WEIGHTS)
    arrow = hone.Dataset(pyarrow.Table.from_pandas(frame), "y", class_weight=WEIGHTS)
    assert read.fingerprint == arrow.fingerprint == hone.Dataset(frame, "y", class_weight=WEIGHTS).fingerprint
    whole = np.where(rows[1] > 0, 7, 3)
    ways = [{7: 2.5}, {7.0: 2.5}, {"7": 2.5}, {np.int32(7): np.float32(2.5)}]
    assert len({hone.Dataset(X, whole, class_weight=w).fingerprint for w in ways}) == 1
    assert hone.Dataset(X, whole == 7, class_weight={True: 2, False: 1}).task == "classification"
    shared = hone.Dataset(X, y, class_weight=WEIGHTS).share(tmp_path)
    assert pickle.loads(pickle.dumps(shared)).fingerprint == expected
    assert pickle.loads(pickle.dumps(read)).fingerprint == read.fingerprint


def test_validation_rows_weigh_as_their_classes_do(rows):
    X, y = labelled(rows)
    of_rows = np.array([WEIGHTS.get(v, 1) for v in y])
    cfg = {"model": "logistic_regression"}
    held = {"X": X[:150], "y": y[:150], "X_val": X[150:], "y_val": y[150:]}
    assert hone.train(cfg, {**held, "class_weight": WEIGHTS}, 0) == hone.train(
        cfg, {**held, "sample_weight": of_rows[:150], "sample_weight_val": of_rows[150:]}, 0)


@pytest.mark.parametrize("given, said", [
    ({"d": 2}, "no class"), ({"a": 0}, "above 0"), ({"a": -1}, "above 0"), ({"a": float("nan")}, "above 0"),
    ({"a": "2"}, "number"), ([1, 2], "mapping"), ({"a": True}, "number"), ({None: 1}, "label")])
def test_weights_of_classes_that_cannot_be_are_refused(given, said, rows):
    X, y = labelled(rows)
    with pytest.raises(hone.Error, match=said):
        hone.Dataset(X, y, class_weight=given)


def test_weights_of_classes_are_no_hyperparameter_and_not_for_amounts(rows, amounts):
    X, y = labelled(rows)
    with pytest.raises(hone.ConfigError, match="belong to the dataset"):
        hone.train({"model": "svm", "class_weight": {"a": 2}}, {"X": X, "y": y})
    with pytest.raises(hone.ArgumentError, match="no classes"):
        hone.Dataset(*amounts, class_weight={"a": 2})
