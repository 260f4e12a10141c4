"""Support vector machines against their peers: bench/svm [CASE ...] [--pairs 3] [--threads 2]

Every side runs in a fresh process, in turn: a first fit (cold: fresh pages), a second (warm), a batch
prediction and single rows. Each side gets the dtype that is faster for it. Prints medians and ratios
(a peer's time over Hone's: above 1, Hone is faster), and the held-out score of both.
Two questions more: `text`, a linear kernel on sparse rows against LIBLINEAR, by the objective that each
reaches; `grid`, a search over C and gamma with 5 folds on 5,000 rows of adult through one dataset, as
asked for by default and with `warm_start`; peers run cell by cell and go on where an earlier run ended, so
that --seconds 0 compares with what they have. `--list` names the cases.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from harness import data

ROOT = Path(__file__).resolve().parents[2]

RBF = {"kernel": "rbf", "gamma": "scale"}
# name: (data, task, hyperparameters, peers)
CASES = {
    "adult": (("adult.csv.gz", "income"), "SVC", {"C": 10, **RBF}, ("sklearnex", "libsvm")),
    "letter": (("letter.csv.gz", "lettr"), "SVC", {"C": 10, **RBF}, ("libsvm", "sklearnex")),
    "spam": (("spam.csv.gz", "type"), "SVC", {"C": 10, **RBF}, ("libsvm", "sklearnex")),
    "vehicle": (("vehicle.csv.gz", "Class"), "SVC", {"C": 10, **RBF}, ("libsvm", "sklearnex")),
    "pima": (("pima.csv.gz", "diabetes"), "SVC", {"C": 1, **RBF}, ("libsvm", "sklearnex")),
    "abalone": (("abalone.csv.gz", "Rings"), "SVR", {"C": 10, "epsilon": 0.1, **RBF}, ("sklearnex", "libsvm")),
}


def arrays(case, dtype):
    """Three quarters to train on; numbers standardised, targets of a regression too."""
    (file, target), kind, _, _ = CASES[case]
    X, y = data.table(data.find(ROOT, file), target)
    X, y, X_test, y_test = data.split(X, y, 0, True)
    if kind == "SVR":
        mean, deviation = y.mean(), y.std()
        y, y_test = (y - mean) / deviation, (y_test - mean) / deviation
    else:
        y, y_test = data.classes_as_numbers(y, y_test)
    return X.astype(dtype), y, X_test.astype(dtype), y_test


def estimator(side, kind, params, threads):
    if side == "hone":
        import hone.sklearn

        return getattr(hone.sklearn, kind)(**params, n_jobs=threads)
    if side == "sklearnex":
        from sklearnex.svm import SVC, SVR

        return {"SVC": SVC, "SVR": SVR}[kind](**params, cache_size=2000)
    from sklearn.svm import SVC, SVR  # scikit-learn's LIBSVM with BLAS inside: the faster of the two

    return {"SVC": SVC, "SVR": SVR}[kind](**params, cache_size=2000)


def work(case, side, dtype, threads, clock):
    """One process of one side: prints its times as JSON."""
    now = {"wall": time.perf_counter, "cpu": time.process_time}[clock]
    _, kind, params, _ = CASES[case]
    X, y, X_test, y_test = arrays(case, dtype)
    model = estimator(side, kind, params, threads)
    estimator(side, kind, params, threads).fit(X[:200], np.arange(200) % 2)  # libraries are loaded
    took = {}
    for name in ("cold", "warm"):
        start = now()
        model.fit(X, y)
        took[name] = now() - start
    model.predict(X_test[:50])
    start = now()
    found = model.predict(X_test)
    took["predict"] = now() - start
    score = float(np.mean(found == y_test)) if kind == "SVC" else -float(np.sqrt(np.mean((found - y_test) ** 2)))
    rows = X_test[:200]
    each = []
    for i in range(len(rows)):
        start = now()
        model.predict(rows[i : i + 1])
        each.append(now() - start)
    took["row"] = statistics.median(each)
    print(json.dumps({"score": score, **took}))


def run(case, side, dtype, threads, clock):
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-m", "harness.svm", "--work", case, side, dtype, str(threads), clock],
                          capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{case}, {side}: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def faster_dtype(case, side, threads, clock):
    if side == "libsvm":
        return "float64"  # it converts anything else
    return min(("float32", "float64"), key=lambda t: run(case, side, t, threads, clock)["warm"])


def compare(case, pairs, threads, clock, peers):
    for peer in peers:
        sides = {side: (faster_dtype(case, side, threads, clock), []) for side in ("hone", peer)}
        for _ in range(pairs):
            for side, (dtype, found) in sides.items():
                found.append(run(case, side, dtype, threads, clock))
        middle = {side: {k: statistics.median(f[k] for f in found) for k in found[0]}
                  for side, (_, found) in sides.items()}
        ours, theirs = middle["hone"], middle[peer]
        print(f"{case}, {threads} threads, {clock} time, against {peer} ({sides[peer][0]}): score {ours['score']:.4f} "
              f"and {theirs['score']:.4f}")
        for what in ("cold", "warm", "predict", "row"):
            print(f"    {what:8}{ours[what] * 1e3:10.2f} ms {theirs[what] * 1e3:10.2f} ms   "
                  f"{theirs[what] / ours[what]:6.2f}x", flush=True)


def text(threads):
    """Primal objectives and seconds on bench/data/sst_train.svm.gz, at several tolerances."""
    import gzip

    from liblinear.liblinear import liblinear
    from liblinear.liblinearutil import parameter, problem
    from sklearn.datasets import load_svmlight_file

    import hone

    X, y = load_svmlight_file(gzip.open(data.find(ROOT, "sst_train.svm.gz")))
    sign = np.where(y == y.max(), 1.0, -1.0)
    packed = problem(y, X, bias=1)

    def objective(w, b):
        return w @ w / 2 + np.maximum(0, 1 - sign * (X @ w + b)).sum()

    for tol in (0.1, 0.01, 0.001):
        start = time.perf_counter()
        model = hone.fit({"model": "svm", "svm:kernel": "linear", "svm:tol": tol, "prep:scale": "none"},
                         {"X": X, "y": y}, validation="none", unjudged=True, n_threads=threads).model
        took = time.perf_counter() - start
        coef = np.zeros(len(y))
        coef[model.output("support").ravel().astype(int)] = -model.output("coef")[:, 0]
        ours = objective(X.T @ coef, -model.output("intercept")[0, 0])
        start = time.perf_counter()
        found = liblinear.train(packed, parameter(f"-s 3 -c 1 -B 1 -e {tol} -q"))
        peer = time.perf_counter() - start
        w = np.array(found.contents.w[: X.shape[1] + 1])
        w = w if found.contents.label[0] == y.max() else -w
        print(f"text, tol {tol}: objective {ours:.2f} in {took:.3f} s, LIBLINEAR {objective(w[:-1], w[-1]):.2f} "
              f"in {peer:.3f} s", flush=True)


def folds_of(y, seed):
    """The folds of validation="cv:5": a model without features tells nothing but the weights of its rows."""
    import hone

    given = {"X": np.zeros((len(y), 1)), "y": y, "sample_weight": np.random.default_rng(seed).uniform(1, 2, len(y))}
    told = hone.cross_validate({"model": "logistic_regression", "prep:scale": "none"}, given, seed, folds=5).scores[:, 0]
    _, fold = np.unique(np.round(told, 12), return_inverse=True)
    assert fold.max() == 4, "the folds cannot be told apart"
    return [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(5)]


AXES = {"C": np.logspace(-2, 3, 10), "gamma": np.logspace(-4, 0, 10)}


def grid_data():
    X, y, _, _ = arrays("adult", np.float64)
    return X[:5000], y[:5000]


def cells_of(step):
    """(C, gamma) of every `step`-th value of both axes."""
    return [(float(c), float(g)) for g in AXES["gamma"][::step] for c in AXES["C"][::step]]


def hone_grid(X, y, cells, threads, warm, clock):
    """All cells in one call through one dataset: seconds and scores by (C, gamma)."""
    import hone

    asked = [{"model": "svm", "svm:C": c, "svm:gamma": g, "prep:scale": "none"} for c, g in cells]
    start = clock()
    found = hone.train_many(asked, hone.Dataset({"X": X, "y": y}), 0, validation="cv:5", n_threads=threads,
                            warm_start=warm)
    took = clock() - start
    return took, {cell: -r.loss for cell, r in zip(cells, found)}


def peer_grid(peer, X, y, cells, seconds):
    """Of each cell: CPU seconds of GridSearchCV with that cell alone, on one processor, and its score. What has
    ended stands in bench/out/svm-grid.jsonl and is not run again; no cell begins after so many CPU seconds."""
    from sklearn.model_selection import GridSearchCV
    from threadpoolctl import threadpool_limits

    kept = ROOT / "bench/out/svm-grid.jsonl"
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    found = {(line["C"], line["gamma"]): line for line in lines if line["peer"] == peer}
    if peer == "sklearnex":  # spinning threads would count as its seconds
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    X, folds = X.astype(np.float32) if peer == "sklearnex" else X, folds_of(y, 0)
    began = time.process_time()
    for cell in cells:
        if cell in found or time.process_time() - began > seconds:
            continue
        search = GridSearchCV(estimator(peer, "SVC", {}, 1), {"C": [cell[0]], "gamma": [cell[1]]}, cv=folds,
                              refit=False)
        start = time.process_time()
        with threadpool_limits(1):
            search.fit(X, y)
        found[cell] = {"peer": peer, "C": cell[0], "gamma": cell[1], "cpu": time.process_time() - start,
                       "score": search.best_score_}
        with open(kept, "a") as file:
            file.write(json.dumps(found[cell]) + "\n")
    return {cell: found[cell] for cell in cells if cell in found}


def grid(threads, step, clock, peers, seconds):
    """The 10 x 10 grid with 5 folds, or every `step`-th value of both axes. Peers' seconds are of CPU time; with --clock cpu Hone's are too."""
    now = {"wall": time.perf_counter, "cpu": time.process_time}[clock]
    X, y = grid_data()
    cells = cells_of(step)
    took, score = {}, {}
    for side in ("default", "warm_start"):
        took[side], score[side] = hone_grid(X, y, cells, threads, side == "warm_start", now)
        best = max(score[side].values())
        print(f"grid, {len(score[side])} cells, {threads} threads, {clock} time: {side}: best {best:.4f} in "
              f"{took[side]:.2f} s", flush=True)
    for peer in peers or ("libsvm", "sklearnex"):
        found = peer_grid(peer, X, y, cells, seconds)
        if not found:
            continue
        theirs = sum(cell["cpu"] for cell in found.values())
        apart = max(abs(cell["score"] - score["default"][at]) for at, cell in found.items())
        print(f"    {peer}: {len(found)} cells, best {max(cell['score'] for cell in found.values()):.4f} in "
              f"{theirs:.1f} CPU s; scores of one cell at most {apart:.4f} apart", flush=True)
        if len(found) == len(score["default"]):
            print(f"    {theirs / took['default']:.1f}x, with warm_start {theirs / took['warm_start']:.1f}x", flush=True)


def main():
    if sys.argv[1:2] == ["--work"]:
        case, side, dtype, threads, clock = sys.argv[2:]
        return work(case, side, dtype, int(threads), clock)
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    reader.add_argument("case", nargs="*")
    reader.add_argument("--pairs", type=int, default=3)
    reader.add_argument("--threads", type=int, default=2)
    reader.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: seconds of all threads, for machines that others use too")
    reader.add_argument("--peer", action="append")
    reader.add_argument("--step", type=int, default=1, help="of both axes of the grid: 3 takes 16 of the 100 cells")
    reader.add_argument("--seconds", type=float, default=math.inf, help="of CPU time that a peer may take for the grid")
    reader.add_argument("--list", action="store_true")
    given = reader.parse_args()
    if given.list or set(given.case) - set(CASES) - {"text", "grid"}:
        raise SystemExit("cases: " + " ".join(CASES) + " text grid")
    for case in given.case or CASES:
        if case in ("text", "grid"):
            text(given.threads) if case == "text" else grid(given.threads, given.step, given.clock, given.peer, given.seconds)
            continue
        compare(case, given.pairs, given.threads, given.clock, given.peer or CASES[case][3])


if __name__ == "__main__":
    main()
