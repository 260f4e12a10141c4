"""The installed package: what an import costs and brings, types, tensors of other libraries, log lines."""

import importlib.metadata
import importlib.util
import logging
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import hone

SOURCES = pathlib.Path(__file__).parents[1]


def fresh(code):
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=120,
                          cwd=os.path.dirname(__file__))
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_an_import_is_quick_and_starts_no_thread():
    code = ("import os, sys, time, numpy; tasks = lambda: len(os.listdir('/proc/self/task'));"
            "before, known, t = tasks(), set(sys.modules), time.process_time(); import hone;"
            "print(time.process_time() - t, tasks() - before);"
            "print(*[m for m in ('sklearn', 'scipy', 'pandas', 'ConfigSpace', 'smac', 'optuna', 'tqdm') if m in sys.modules])")
    seconds, threads, *brought = fresh(code)
    assert float(seconds) < 0.3 and threads == "0" and not brought  # 0.04 s on a free machine


def test_our_blas_leaves_that_of_numpy_alone():
    code = ("import numpy as np, threadpoolctl as t; old = t.threadpool_info(); import hone;"
            "X = np.random.default_rng(0).normal(size=(500, 30));"
            "hone.train({'model': 'linear_regression'}, {'X': X, 'y': X @ np.ones(30)}, 0);"
            "print([i for i in t.threadpool_info() if i['user_api'] == 'blas']"
            " == [i for i in old if i['user_api'] == 'blas'])")
    assert fresh(code) == ["True"]


def test_the_wheel_is_for_the_stable_abi():
    if importlib.util.find_spec("hone").origin.startswith(str(SOURCES)) or not list(
            importlib.metadata.distributions(name="hone-ml")):
        pytest.skip("not installed from a wheel")
    wheel = importlib.metadata.distribution("hone-ml").read_text("WHEEL")
    assert "cp311-abi3-" in wheel


# ---- types ----

def mypy(*arguments):
    done = subprocess.run([sys.executable, "-m", *arguments], text=True, capture_output=True, timeout=200, cwd=SOURCES.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_is_typed():
    pytest.importorskip("mypy")
    mypy("mypy", "--exclude", r"sklearn\.pyi", "python/hone", "python/tools")


def test_what_a_user_sees_is_typed(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(
        "import hone\nfrom hone.sklearn import SVC\n"
        "loss: float = hone.train({'model': 'svm'}, {'X': [[0.0]], 'y': [1]}, 0)\n"
        "machine: SVC = SVC(C=2.0).fit([[0.0]], [1])\n"
        "reveal_type(machine.predict([[0.0]]))\n")
    mypy("mypy", "--strict", str(tmp_path / "user.py"))


def test_the_stub_of_the_estimators_is_that_of_the_tables():
    spec = importlib.util.spec_from_file_location("stubs", SOURCES / "tools" / "stubs.py")
    stubs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stubs)
    assert (SOURCES / "hone" / "sklearn.pyi").read_text(encoding="utf-8") == stubs.text()


# ---- tensors ----

class Tensor:
    """A tensor of a library that knows DLPack only."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **how):
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_tensors_come_through_dlpack_without_a_copy(rows, dtype):
    X, y = rows[0].astype(dtype), rows[1]
    expected = hone.train({"model": "knn"}, {"X": X, "y": y}, 0)
    assert hone.train({"model": "knn"}, {"X": Tensor(X), "y": Tensor(y)}, 0) == expected
    assert np.may_share_memory(hone.Dataset(Tensor(X), y)._parts.table.x, X)


def test_tensors_of_torch_are_borrowed(rows):
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.float64):
        X, y = torch.tensor(rows[0], dtype=dtype), torch.tensor(rows[1])
        data = hone.Dataset(X, y)
        assert data._parts.table.x.__array_interface__["data"][0] == X.data_ptr()
        assert hone.train({"model": "knn"}, {"X": X, "y": y}, 0) == hone.train({"model": "knn"}, data, 0)
    with pytest.raises(hone.DataError, match="X"):
        hone.train({"model": "knn"}, {"X": torch.tensor(rows[0], requires_grad=True), "y": y}, 0)


# ---- log lines and bars ----

LOG = """\
hone.data INFO table: 40 rows, 2 numeric and 0 categorical columns, 0 missing cells
hone.data INFO task: classification, 2 classes (inferred)
hone.train INFO knn on 40 rows and 2 columns, classification
hone.train INFO validation: 2 folds
hone.train DEBUG svm:C is inactive: model is knn
hone.train DEBUG default: knn:weights, knn:metric, knn:algorithm, knn:class_weight, prep:impute, prep:indicator, \
prep:encode, prep:max_levels, prep:scale
hone.train DEBUG knn:n_neighbors adjusted to 20
hone.train INFO fold 1 of 2: accuracy 0.5
hone.train INFO fold 2 of 2: accuracy 0.5
hone.train INFO loss -0.5
hone.train INFO saved FILE
"""


def test_the_log_of_a_run_is_the_stored_one(caplog, tmp_path):
    data = {"X": np.arange(80.0).reshape(40, 2), "y": np.arange(40) % 2}
    with caplog.at_level(logging.DEBUG, "hone"):
        found = hone.fit({"model": "knn", "n_neighbors": 90, "svm:C": 1}, data, 0, tmp_path, validation="cv:2")
    lines = "".join(f"{r.name} {r.levelname} {r.getMessage()}\n" for r in caplog.records)
    assert lines.replace(found.path, "FILE") == LOG


def test_a_bar_of_tqdm_when_asked_for(rows, capfd):
    pytest.importorskip("tqdm")
    hone.train({"model": "random_forest"}, dict(zip("Xy", rows)), 0, progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "100%" in err and "done" in err
