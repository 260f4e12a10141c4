"""Processes and threads: fork, spawn, joblib, limits of threads, signals, memory, crashes while saving."""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import hone

FOREST = {"model": "random_forest", "n_estimators": 30}


@pytest.fixture(scope="module")
def data():
    dice = np.random.default_rng(5)
    X = dice.normal(size=(2000, 10))
    return {"X": X, "y": (X[:, 0] * X[:, 1] > 0).astype(int)}


def python(code, *arguments, **environment):
    """Runs a program in a fresh interpreter; what it prints."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], text=True, timeout=120,
                          env={**os.environ, **environment}, capture_output=True, cwd=os.path.dirname(__file__))
    assert done.returncode == 0, done.stderr
    return done.stdout


def loss_of(data):
    return hone.train(FOREST, data, 1, n_threads=2)


# ---- processes ----

def test_a_forked_child_and_its_child_train_after_the_parent_did(data):
    expected, shared = loss_of(data), hone.Dataset(data)
    loss_of(shared)
    for what in (data, shared):
        started = time.perf_counter()
        child = os.fork()
        if child == 0:
            good = loss_of(what) == expected
            grandchild = os.fork()
            if grandchild == 0:
                os._exit(0 if loss_of(what) == expected else 3)
            os._exit(0 if good and os.waitpid(grandchild, 0)[1] == 0 else 2)
        assert os.waitpid(child, 0)[1] == 0
        assert time.perf_counter() - started < 5


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_every_way_to_start_a_process_gives_the_same_loss(data, method):
    expected = loss_of(data)
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        assert list(pool.map(loss_of, [data, hone.Dataset(data)], timeout=100)) == [expected] * 2


def test_joblib_workers_give_the_same_loss(data, tmp_path):
    joblib = pytest.importorskip("joblib")
    shared = hone.Dataset(data).share(tmp_path)
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(loss_of)(d) for d in (data, shared, shared))
    assert found == [loss_of(data)] * 3


def test_threads_train_on_one_dataset_at_once(data):
    shared = hone.Dataset(data)
    models = ["random_forest", "svm", "knn", "logistic_regression"]
    expected = [hone.train({"model": m}, data, 0) for m in models]
    with ThreadPoolExecutor(4) as pool:
        for what in (shared, data):
            assert list(pool.map(lambda m: hone.train({"model": m}, what, 0), models * 3)) == expected * 3


def test_bits_do_not_depend_on_threads_process_or_hash_seed(data):
    code = """
        import numpy as np, hone
        dice = np.random.default_rng(5)
        X = dice.normal(size=(2000, 10))
        data = {"X": X, "y": (X[:, 0] * X[:, 1] > 0).astype(int)}
        for model in ("random_forest", "svm", "knn", "logistic_regression"):
            for budget in (1 / 9, 1):
                print(hone.train({"model": model}, data, 1, budget=budget, metric="log_loss"
                                 if model != "svm" else None).hex())
    """
    found = {python(code, OMP_NUM_THREADS=n, PYTHONHASHSEED=h) for n, h in (("1", "0"), ("2", "1"), ("2", "7"))}
    assert len(found) == 1


@pytest.mark.parametrize("model", ["random_forest", "svm", "knn", "logistic_regression"])
def test_a_shared_dataset_gives_the_bits_of_a_plain_one(data, model, tmp_path):
    shared = hone.Dataset(data).share(tmp_path)
    code = """
        import pickle, sys, hone
        data = pickle.load(open(sys.argv[1], "rb"))
        print(hone.train({"model": sys.argv[2]}, data, 1, budget=1 / 3).hex())
    """
    with open(tmp_path / "pickle", "wb") as file:
        pickle.dump(shared, file)
    loss = hone.train({"model": model}, data, 1, budget=1 / 3)
    assert hone.train({"model": model}, shared, 1, budget=1 / 3) == loss
    assert python(code, tmp_path / "pickle", model).strip() == loss.hex()


def test_a_smaller_budget_sees_a_part_of_the_rows_of_a_larger_one():
    """The nearest neighbour of a row that was trained on is that row."""
    X, number = np.random.default_rng(9).normal(size=(500, 3)), np.arange(500.0)
    config = {"model": "knn", "n_neighbors": 1}
    seen = []
    for budget in (1 / 9, 1 / 3, 1):
        model = hone.fit(config, hone.Dataset(X, number, task="regression"), 3, budget=budget, refit=False).model
        seen.append(set(np.flatnonzero(model.predict(X) == number)))
    assert seen[0] < seen[1] < seen[2] and [round(len(s) / 375, 2) for s in seen] == [0.11, 0.33, 1]


def test_a_smaller_budget_grows_the_first_trees_of_a_larger_one(data):
    thirty, ten = {**FOREST, "n_estimators": 30}, {**FOREST, "n_estimators": 10}
    for metric in ("accuracy", "log_loss"):
        assert hone.train(thirty, data, 1, budget=1 / 3, metric=metric) == hone.train(ten, data, 1, metric=metric)


# ---- limits of threads ----

THREADS = """
    import numpy as np, os, sys, threading, time, hone
    X = np.random.default_rng(0).normal(size=(20000, 20))
    y = (X[:, 0] > 0).astype(int)
    most, going = [0], True
    def watch():
        while going:
            running = sum(open(f"/proc/self/task/{t}/comm").read().startswith("python")
                          for t in os.listdir("/proc/self/task"))
            most[0] = max(most[0], running)
            time.sleep(0.002)
    before = len(os.listdir("/proc/self/task"))
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    def fit():
        hone.train({"model": "random_forest", "n_estimators": 40}, hone.Dataset(X, y), 0, validation="none")
        for model in ("svm", "knn", "logistic_regression"):
            hone.train({"model": model}, hone.Dataset(X[:3000], y[:3000]), 0)
    PLACE
    going = False
    watcher.join()
    print(most[0] - before - 1)
"""


@pytest.mark.parametrize("place, environment", [
    ("fit()", {"OMP_NUM_THREADS": "1"}),
    ("import threadpoolctl\n    with threadpoolctl.threadpool_limits(1): fit()", {}),
    ("import threadpoolctl\n    with threadpoolctl.threadpool_limits(1, user_api='openmp'): fit()", {}),
    ("os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); fit()", {"OMP_NUM_THREADS": "4"}),
])
def test_a_limit_of_one_thread_is_kept(place, environment):
    code = THREADS.replace("PLACE", place)
    assert python(code, **environment)== "0\n"


def test_several_threads_are_used_when_allowed():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one CPU")
    assert int(python(THREADS.replace("PLACE", "fit()"), OMP_NUM_THREADS="2")) >= 1


def threads_of_fits(size):
    """The most threads that trainings in this process ran on, beyond those that were there."""
    X = np.random.default_rng(0).normal(size=(size, 20))
    most, done = 0, threading.Event()
    before = len(os.listdir("/proc/self/task"))

    def watch():
        nonlocal most
        while not done.wait(0.002):
            most = max(most, len(os.listdir("/proc/self/task")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for model in ("random_forest", "svm", "knn", "logistic_regression"):
        hone.train({"model": model}, hone.Dataset(X, (X[:, 0] > 0).astype(int)), 0)
    done.set()
    watcher.join()
    return most - before - 1


def test_two_workers_of_joblib_do_not_run_more_threads_than_there_are_cpus():
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config("loky", n_jobs=2):
        more = joblib.Parallel()(joblib.delayed(threads_of_fits)(n) for n in (3000, 3001, 3002, 3003))
    assert all(2 * (1 + m) <= max(2, joblib.cpu_count()) for m in more), more


# ---- signals ----

LONG = {
    "random_forest": {"n_estimators": 100000},
    "svm": {"C": 1e6, "gamma": 0.01, "tol": 1e-9},
    "knn": {"algorithm": "brute", "metric": "minkowski", "p": 3.5},
    "logistic_regression": {"C": 1e10, "tol": 0, "max_iter": 10**9, "penalty": "l1"},
}
CLASSES = {"logistic_regression": 300}  # else 2


@pytest.fixture(scope="module")
def hard():
    dice = np.random.default_rng(6)
    X = dice.normal(size=(60000, 60))
    return {n: hone.Dataset(X, dice.integers(0, n, 60000), task="classification") for n in (2, *CLASSES.values())}


def interrupted(send, hard, model, seconds=0.3):
    """Seconds from a signal to the exception that it became."""
    sent = []

    def fire():
        sent.append(time.perf_counter())
        send()

    timer = threading.Timer(seconds, fire)
    timer.start()
    with pytest.raises((KeyboardInterrupt, TimeoutError)) as caught:
        hone.train({"model": model, **LONG[model]}, hard[CLASSES.get(model, 2)], 0)
    ended = time.perf_counter()
    timer.join()
    return ended - sent[0], caught.type


def quickest(send, hard, model):
    """The least of up to three tries: what is left when the machine has something else to do now and then."""
    least, kind = np.inf, None
    for _ in range(3):
        took, kind = interrupted(send, hard, model)
        least = min(least, took)
        if least < 0.2:
            break
    return least, kind


@pytest.mark.parametrize("model", LONG)
def test_ctrl_c_ends_a_training_soon(hard, model):
    old = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it
    took, kind = quickest(lambda: os.kill(os.getpid(), signal.SIGINT), hard, model)
    signal.signal(signal.SIGINT, old)
    assert kind is KeyboardInterrupt and took < 0.2


@pytest.mark.parametrize("model", LONG)
def test_what_a_handler_of_another_signal_raises_ends_a_training(hard, model):
    def ring(*_):
        raise TimeoutError("rang")

    old = signal.signal(signal.SIGALRM, ring)
    took, kind = quickest(lambda: signal.setitimer(signal.ITIMER_REAL, 0.001), hard, model)
    signal.signal(signal.SIGALRM, old)
    assert kind is TimeoutError and took < 0.2


def test_the_interpreter_is_free_while_a_training_runs(hard):
    ticks, going = [], True

    def tick():
        while going:
            ticks.append(time.perf_counter())
            time.sleep(0.005)

    other = threading.Thread(target=tick, daemon=True)
    other.start()
    hone.train({"model": "random_forest", "n_estimators": 100000}, hard[2], 0, deadline=0.7, n_threads=1)
    going = False
    other.join()
    assert len(ticks) > 40 and np.diff(ticks).max() < 0.3


def test_two_threads_train_at_the_same_time(hard):
    """Each waits inside its training for the other: with the interpreter's lock held, both would wait forever."""
    meet = threading.Barrier(2, timeout=30)

    def fit(seed):
        met = []

        def progress(stage, fraction, eta):
            if not met:
                met.append(meet.wait())

        hone.train({"model": "random_forest", "n_estimators": 100000}, hard[2], seed, deadline=0.5, n_threads=1,
                   progress=progress)
        return met

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(fit, [0, 1])) == [[0], [1]]


# ---- memory and files ----

@pytest.mark.parametrize("model, rows", [("random_forest", 3000), ("svm", 300000), ("knn", 300000),
                                         ("logistic_regression", 300000)])
def test_a_limit_of_address_space_is_a_memory_error(model, rows):
    code = """
        import numpy as np, resource, sys, hone
        X = np.random.default_rng(0).normal(size=(3000, 30))
        large = np.resize(X, (int(sys.argv[2]), 30))
        large = hone.Dataset(large, (large[:, 0] > 0).astype(int))
        data = hone.Dataset(X, (X[:, 0] > 0).astype(int))
        hone.train({"model": "knn"}, data, 0)
        pages = int(open("/proc/self/statm").read().split()[0])
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (24 << 20), hard))
        try:
            hone.train({"model": sys.argv[1], **({"n_estimators": 30000} if sys.argv[1] == "random_forest" else {})},
                       large, 0)
        except MemoryError as error:
            print(type(error).__name__)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        print(hone.train({"model": "knn"}, data, 0) < -0.5)
    """
    assert python(code, model, rows).split() == ["OutOfMemoryError", "True"]


def save(folder):
    data = {"X": np.arange(40.0).reshape(20, 2), "y": np.arange(20) % 2}
    return hone.fit({"model": "knn"}, data, os.getpid(), folder).path


def test_processes_save_into_one_new_directory(tmp_path):
    folder = tmp_path / "a" / "b"
    with ProcessPoolExecutor(10, multiprocessing.get_context("fork")) as pool:
        paths = list(pool.map(save, [folder] * 50))
    assert len(set(paths)) == 50
    assert sorted(os.path.basename(p) for p in paths) == sorted(f for f in os.listdir(folder) if f.endswith(".hone"))
    for p in paths:
        assert hone.load(p).n_features == 2 and json.dumps(hone.inspect(p))


def test_a_process_killed_while_it_saves_leaves_no_partial_model(tmp_path):
    code = """
        import itertools, sys, numpy as np, hone
        X = np.random.default_rng(0).normal(size=(20000, 50))
        model = hone.fit({"model": "knn"}, {"X": X, "y": (X[:, 0] > 0).astype(int)}, 0, validation="none").model
        print("ready", flush=True)
        for i in itertools.count():
            model.save(f"{sys.argv[1]}/{i % 3}.hone", fast=True)
    """
    for wait in (0.02, 0.05, 0.11):
        with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), tmp_path],
                              stdout=subprocess.PIPE, cwd=os.path.dirname(__file__)) as child:
            child.stdout.readline()
            time.sleep(wait)
            child.kill()
    whole = [f for f in os.listdir(tmp_path) if f.endswith(".hone")]
    assert whole and all(hone.load(tmp_path / f).n_features == 50 for f in whole)
