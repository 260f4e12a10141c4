"""Fitted models: predictions, files, pickles, what they tell."""

import errno
import os
import pickle

import numpy as np
import pandas
import pytest
import scipy.sparse

import hone


@pytest.fixture(scope="module", params=["knn", "logistic_regression", "random_forest", "svm"])
def fitted(request, rows):
    cfg = {"model": request.param, **({"probability": True} if request.param == "svm" else {})}
    return hone.fit(cfg, dict(zip("Xy", rows)), 0).model


def test_every_form_of_the_rows_is_predicted_alike(fitted, rows):
    X = rows[0]
    p = fitted.predict_proba(X)
    assert p.shape == (200, 3) and np.allclose(p.sum(1), 1) and (p >= 0).all()
    assert (fitted.predict(X) == fitted.classes[p.argmax(1)]).all()
    for view in (np.asfortranarray(X), X[::-1].copy()[::-1], X.tolist(), X.astype(object),
                 scipy.sparse.csr_array(X), hone.Dataset(X, rows[1])):
        assert np.array_equal(fitted.predict_proba(view), p), type(view)
    one = np.vstack([fitted.predict_proba(X[i : i + 1]) for i in range(200)])
    assert np.array_equal(one, p)


def test_a_model_is_the_same_after_pickle_and_file(fitted, rows, tmp_path):
    path = fitted.save(tmp_path / "m.hone", sidecar=True)
    assert (tmp_path / "m.hone.json").exists()
    unique = fitted.save(tmp_path)
    assert unique != path and fitted.algorithm in unique
    for again in (pickle.loads(pickle.dumps(fitted)), hone.load(path), hone.load(unique),
                  hone.Model.from_bytes(bytearray(fitted.to_bytes()))):
        assert np.array_equal(again.predict_proba(rows[0]), fitted.predict_proba(rows[0]))
        assert again.record == fitted.record


@pytest.mark.parametrize("X, said", [(np.ones((2, 3)), "3"), (np.ones(4), "dimension"), ([["a"] * 4], "word|text|number"),
                                     (np.full((1, 4), np.inf), "inf"), (np.ones((2, 4), complex), "complex")])
def test_rows_of_another_shape_are_refused(fitted, X, said):
    with pytest.raises(ValueError, match=said):
        fitted.predict(X)


def test_no_rows_give_no_predictions(fitted):
    assert fitted.predict(np.zeros((0, 4))).shape == (0,)
    assert fitted.predict_proba(np.zeros((0, 4))).shape == (0, 3)


def test_frames_are_matched_by_name():
    f = pandas.DataFrame({"a": np.arange(40.0), "b": ["u", "v"] * 20, "c": 1.5})
    y = f["b"]
    model = hone.fit({"model": "random_forest"}, {"X": f, "y": y}, 0).model
    assert model.feature_names == ["a", "b", "c"]
    assert (model.predict(f[["c", "b", "a"]]) == y).all()
    with pytest.raises(hone.DataError, match="b"):
        model.predict(f[["a", "c"]])
    with pytest.raises(hone.DataError, match="a"):
        model.predict(f.assign(a="word"))


def test_numbers_that_are_levels_stay_levels():
    X = np.column_stack([np.arange(60) % 5 * 10.0, np.random.default_rng(0).normal(size=60)])
    y = np.isin(X[:, 0], [10, 30]).astype(int)
    model = hone.fit({"model": "logistic_regression"}, {"X": X, "y": y, "categorical": [0]}, 0).model
    assert (model.predict(X) == y).all()
    assert (model.predict(X[::-1].tolist()) == y[::-1]).all()


def test_a_damaged_file_is_refused(fitted, tmp_path):
    data = bytearray(fitted.to_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(hone.CorruptError):
        hone.Model.from_bytes(bytes(data))
    (tmp_path / "bad").write_bytes(data[:100])
    with pytest.raises(hone.CorruptError, match="bad"):
        hone.load(tmp_path / "bad")
    with pytest.raises(OSError, match="absent"):
        hone.load(tmp_path / "absent")


def test_outputs_are_named_and_an_unknown_name_lists_them(rows):
    model = hone.fit({"model": "random_forest", "n_estimators": 9}, dict(zip("Xy", rows)), 0).model
    assert model.output("feature_importances").sum() == pytest.approx(1)
    assert model.output("leaf", rows[0]).shape == (200, 9)
    with pytest.raises(hone.ArgumentError, match="feature_importances"):
        model.output("coeff")


def test_a_metric_on_other_rows(fitted, rows):
    data = dict(zip("Xy", rows))
    assert fitted.evaluate(data) == np.mean(fitted.predict(rows[0]) == rows[1])
    assert fitted.evaluate(data, "error") == pytest.approx(1 - fitted.evaluate(data))


def test_labels_that_a_model_does_not_know_are_told(fitted, rows, caplog):
    y = rows[1].copy()
    y[:3] = max(y) + 1
    assert fitted.evaluate({"X": rows[0], "y": y}) <= 1 - 3 / len(y)
    assert [r.name for r in caplog.records if r.levelname == "WARNING"] == ["hone.model"]
    assert "3 of 200 labels" in caplog.text


def test_models_leave_as_onnx_and_libsvm(rows, tmp_path):
    X, y = rows
    svm = hone.fit({"model": "svm", "prep:scale": "none"}, {"X": X, "y": y}, 0).model
    assert hone.export_onnx(svm, tmp_path / "m.onnx") == (tmp_path / "m.onnx").read_bytes()
    text = hone.export_libsvm(svm)
    assert text.startswith(b"svm_type c_svc")
    again = hone.import_libsvm(text, columns=4)
    assert np.mean(again.predict(X) == svm.predict(X)) > 0.99
    for view in (bytearray(text), memoryview(text)):
        assert np.array_equal(hone.import_libsvm(view, columns=4).predict(X), again.predict(X))
    for columns in (2**70, 2**31, -1):
        with pytest.raises(hone.ArgumentError, match="columns"):
            hone.import_libsvm(text, columns=columns)
    with pytest.raises(hone.ArgumentError):
        hone.export_onnx("model")


def test_an_export_replaces_its_file_whole(rows, tmp_path):
    model = hone.fit({"model": "random_forest"}, dict(zip("Xy", rows)), 0).model
    old, link = tmp_path / "old.onnx", tmp_path / "link.onnx"
    old.write_bytes(b"old")
    old.chmod(0o640)
    link.symlink_to(old)

    for place in ("/dev/full", tmp_path, tmp_path / "none" / "m.onnx"):
        with pytest.raises(hone.FileError, match="cannot be"):
            hone.export_onnx(model, place)
    assert old.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 2
    data = hone.export_onnx(model, link)
    assert link.is_symlink() and old.read_bytes() == data and old.stat().st_mode & 0o777 == 0o640
    hone.export_onnx(model, "/dev/null")
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")


def test_wrong_arguments_of_models_and_files_are_named(rows, tmp_path):
    model = hone.fit({"model": "svm"}, dict(zip("Xy", rows)), 0).model
    for call, name in [
            (lambda: hone.load(3), "path"), (lambda: hone.load(None), "path"), (lambda: hone.load("a\0"), "path"),
            (lambda: hone.load("a", max_bytes=-1), "max_bytes"), (lambda: hone.inspect(3), "path"),
            (lambda: hone.import_libsvm(3), "source"), (lambda: hone.import_libsvm(b"", columns="3"), "columns"),
            (lambda: hone.export_onnx(model, 3.5), "path"), (lambda: hone.export_onnx(3), "model"),
            (lambda: hone.Model.from_bytes("abc"), "data"), (lambda: model.save(3), "path"),
            (lambda: model.save(tmp_path, sidecar="no"), "sidecar"), (lambda: model.output(3), "name"),
            (lambda: model.output("a\0"), "name"), (lambda: model.output("\ud800"), "name"),
            (lambda: model.predict(rows[0], n_threads=0), "n_threads"),
            (lambda: model.predict(rows[0], n_threads="x"), "n_threads"),
            (lambda: model.evaluate(dict(zip("Xy", rows)), 3), "metric"),
            (lambda: hone.space_dict("classification", 3), "models"),
            (lambda: hone.space_dict("classification", preprocessing="no"), "preprocessing")]:
        with pytest.raises(hone.ArgumentError) as caught:
            call()
        assert caught.value.path == name


def test_errors_of_files_are_those_of_the_system_too(rows, tmp_path):
    model = hone.fit({"model": "svm"}, dict(zip("Xy", rows)), 0).model
    absent = str(tmp_path / "none" / "m")
    for call in (hone.load, hone.inspect, hone.import_libsvm, lambda path: hone.export_onnx(model, path)):
        with pytest.raises(FileNotFoundError) as caught:
            call(absent)
        for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
            assert isinstance(error, hone.FileError) and error.filename == error.path == absent
            assert (error.errno, error.strerror) == (errno.ENOENT, os.strerror(errno.ENOENT)) and absent in str(error)
    for call in (hone.load, hone.import_libsvm, lambda path: hone.export_onnx(model, path)):
        with pytest.raises(hone.FileError) as caught:
            call(str(tmp_path))
        assert not isinstance(caught.value, FileNotFoundError) and caught.value.filename == str(tmp_path)
