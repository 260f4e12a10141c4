"""Linear models against their peers: time to an objective, paths of penalties, a linear machine.

A fit is timed at two marks: where the peer stops by its own default tolerance, and within 1e-8 of
the best objective known. At both, each side runs with the loosest tolerance that gets there.
"""

import argparse
import contextlib
import importlib.util
import pathlib
import statistics
import time
import warnings

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

import hone
import hone.sklearn
from harness import data

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
CLOSE = 1e-8
clock = time.perf_counter  # or CPU seconds: --cpu


# ---- data ----

def scaled(X):
    X = np.where(np.isnan(X), np.nanmedian(X, axis=0), X)
    deviation = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def from_table(file, target):
    X, y = data.table(data.find(ROOT, file), target)
    return scaled(X), np.unique(y, return_inverse=True)[1]


def drawn(rows, columns, classes):
    random = np.random.default_rng(7)
    X = random.normal(size=(rows, columns))
    W = random.normal(size=(columns, max(1, classes - 1 if classes == 2 else classes)))
    margin = X @ W / np.sqrt(columns) * 2 + random.logistic(size=(rows, W.shape[1]))
    return X, margin.argmax(axis=1) if classes > 2 else (margin[:, 0] > 0).astype(int)


def text(folder):
    """The sentiment treebank where it is at hand, else drawn."""
    file = pathlib.Path(folder or "") / "sst_train.svm.gz"
    if folder and file.exists():
        from sklearn.datasets import load_svmlight_file

        return load_svmlight_file(str(file), zero_based=False)
    return data.text(68000, 74000, 15)


# ---- objectives ----

def objective(X, y, C, l1, w, b):
    z = X @ np.asarray(w, float).T + np.asarray(b, float)
    w = np.asarray(w, float)
    if w.shape[0] == 1:
        t = np.where(y == y.max(), z[:, 0], -z[:, 0])
        loss = np.logaddexp(0, -t).sum()
    else:
        top = z.max(axis=1, keepdims=True)
        loss = (np.log(np.exp(z - top).sum(axis=1)) + top[:, 0] - z[np.arange(len(y)), y]).sum()
    return C * loss + (np.abs(w).sum() if l1 else (w**2).sum() / 2)


class Fit:
    """A side of a comparison: `make(tol)` gives an estimator."""

    def __init__(self, name, make, X, y, default):
        self.name, self.make, self.X, self.y, self.default = name, make, X, y, default

    def run(self, tol):
        hone.clear_cache()
        model = self.make(tol)
        start = clock()
        model.fit(self.X, self.y)
        return clock() - start, model


def hone_model(l1, threads):
    return lambda tol: hone.sklearn.LogisticRegression(penalty="l1" if l1 else "l2", tol=tol, n_jobs=threads)


def sides(X, y, l1, names, threads):
    from sklearn.linear_model import LogisticRegression

    views = {"float32": X.astype(np.float32), "float64": X}
    ours = [Fit(f"hone {d}", hone_model(l1, threads), V, y, None) for d, V in views.items()]
    peers = []
    for name in names:
        for dtype, V in views.items():
            if name == "sklearnex":
                if importlib.util.find_spec("sklearnex") is None:
                    print(f"  {name}: not installed")
                    continue
                from sklearnex.linear_model import LogisticRegression as Patched

                make = lambda tol: Patched(tol=tol, max_iter=2000)
            elif name == "liblinear" and l1:
                make = lambda tol: LogisticRegression(
                    solver="liblinear", l1_ratio=1, tol=tol, max_iter=2000, intercept_scaling=10)
            elif name == "liblinear":
                make = lambda tol: LogisticRegression(solver="liblinear", tol=tol, max_iter=2000, intercept_scaling=10)
            else:
                make = lambda tol, name=name: LogisticRegression(solver=name, tol=tol, max_iter=2000)
            peers.append(Fit(f"{name} {dtype}", make, V, y, 1e-4))
    return ours, peers


def reach(fit, goal, judge):
    """The loosest tolerance whose objective is at most `goal`, or None."""
    for tol in TOLERANCES:
        if judge(fit.run(tol)[1]) <= goal:
            return tol
    return None


def paired(ours, ours_tol, peer, peer_tol, pairs):
    a, b = [], []
    for k in range(pairs):
        for mine in ((True, False), (False, True))[k % 2]:
            (a if mine else b).append((ours if mine else peer).run(ours_tol if mine else peer_tol)[0])
    return statistics.median(a), statistics.median(b)


def compare_fits(case, X, y, pairs, threads, l1=False, peers=(), target=0.0, marks=("stop", "close")):
    judge = lambda m: objective(X, y, 1.0, l1, m.coef_, m.intercept_)
    ours, others = sides(X, y, l1, peers, threads)
    best = judge(ours[1].run(1e-12)[1])
    quick = min(ours, key=lambda f: min(f.run(1e-4)[0] for _ in range(2)))
    for mark in marks:
        rows = []
        for peer in others:
            tol = peer.default if mark == "stop" else reach(peer, best * (1 + CLOSE), judge)
            if tol is None:
                print(f"  {case} {mark}: {peer.name} does not get within {CLOSE:g}")
                continue
            seconds, model = min((peer.run(tol) for _ in range(2)), key=lambda r: r[0])
            rows.append((seconds, peer, tol, judge(model)))
        if not rows:
            continue
        _, peer, tol, value = min(rows, key=lambda r: r[0])
        goal = value if mark == "stop" else best * (1 + CLOSE)
        mine = next((f for f in (quick, ours[1]) if reach(f, goal, judge) is not None), ours[1])
        own = reach(mine, goal, judge) or 1e-12
        a, b = paired(mine, own, peer, tol, pairs)
        gap = judge(mine.run(own)[1]) / best - 1
        print(f"{case:14} {mark:5} {b / a:6.2f}x (target {target:g})  {mine.name} tol {own:g}: {a:.4f} s, gap {gap:.1e}"
              f"   {peer.name} tol {tol:g}: {b:.4f} s, gap {value / best - 1:.1e}", flush=True)


# ---- paths ----

def paired_calls(case, ours, peer, pairs, target, note=""):
    a, b = [], []
    for k in range(pairs):
        for mine in ((True, False), (False, True))[k % 2]:
            hone.clear_cache()
            start = clock()
            (ours if mine else peer)()
            (a if mine else b).append(clock() - start)
    a, b = statistics.median(a), statistics.median(b)
    print(f"{case:14}       {b / a:6.2f}x (target {target:g})  hone {a:.4f} s   peer {b:.4f} s  {note}", flush=True)


def logistic_path(pairs, threads, folds=5, values=20):
    """20 C x 5 folds on adult with scores: the table once with its categories, once as the peer gets it."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold

    X, y = from_table("adult.csv.gz", "income")
    Cs = np.logspace(-4, 4, values)
    split = list(StratifiedKFold(folds).split(X, y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = LogisticRegressionCV(Cs=Cs, cv=split, solver="lbfgs", n_jobs=threads, max_iter=1000,
                                    use_legacy_attributes=False, l1_ratios=(0,), scoring="accuracy")
    import pandas as pd

    table = pd.read_csv(data.find(ROOT, "adult.csv.gz"))
    configs = [{"model": "logistic_regression", "C": float(C)} for C in Cs]
    for label, source in (("table", {"X": table, "y": "income"}),
                          ("one-hot", {"X": X.astype(np.float32), "y": y})):
        scores = []

        def ours():
            handle = hone.Dataset(source)
            scores[:] = [-r.loss for r in hone.train_many(configs, handle, validation="cv:5", n_threads=threads)]

        def theirs():
            peer.fit(X, y)

        paired_calls(f"path {label}", ours, theirs, pairs, 10)
        print(f"    best score: hone {max(scores):.4f}, peer {np.max(np.mean(peer.scores_, axis=0)):.4f}")


def regression_path(kind, pairs, threads):
    from sklearn.linear_model import Lasso, LassoCV, Ridge, RidgeCV

    X, y = data.table(data.find(ROOT, "diamonds.csv.gz"), "price")
    X, y = scaled(X), y.astype(float)
    n, alphas = len(y), np.logspace(-2, 5, 50)
    name, folds = kind
    configs = [{"model": "linear_regression", "penalty": "l2" if name == "ridge" else "l1", "alpha": float(a)}
               for a in alphas]

    def ours():
        handle = hone.Dataset({"X": X, "y": y})
        hone.train_many(configs, handle, validation=f"cv:{folds}" if folds else "none", n_threads=threads)

    def theirs():
        if folds:
            cls = RidgeCV(alphas, cv=folds) if name == "ridge" else LassoCV(
                alphas=np.sort(alphas / n)[::-1], cv=folds, max_iter=100000, n_jobs=threads)
            cls.fit(X, y)
            return
        for alpha in alphas:
            (Ridge(alpha) if name == "ridge" else Lasso(alpha / n, max_iter=100000)).fit(X, y)

    target = 10 if folds else 20
    paired_calls(f"{name} {f'cv {folds}' if folds else 'loop'}", ours, theirs, pairs, target)


def squared_hinge(pairs, threads):
    """A linear machine on adult; LIBLINEAR's has a small penalty of the intercept."""
    from sklearn.svm import LinearSVC

    X, y = from_table("adult.csv.gz", "income")
    narrow = X.astype(np.float32)
    ours = lambda: hone.sklearn.LinearSVC(n_jobs=threads).fit(narrow, y)
    theirs = lambda: LinearSVC(dual=False, intercept_scaling=10).fit(X, y)

    def objective(model):
        w, b = np.asarray(model.coef_, float)[0], float(model.intercept_[0])
        gap = np.maximum(1 - np.where(y == 1, 1, -1) * (X @ w + b), 0)
        return w @ w / 2 + gap @ gap

    a, b = objective(ours()), objective(theirs())
    paired_calls("squared hinge", ours, theirs, pairs, 3, f"objectives {a:.6g} and {b:.6g}")


NEAR = ("lbfgs", "newton-cholesky", "sklearnex")
FITS = {
    "adult": (lambda o: from_table("adult.csv.gz", "income"), dict(peers=("newton-cholesky",), target=2)),
    "spam": (lambda o: from_table("spam.csv.gz", "type"), dict(peers=NEAR, target=3)),
    "tall": (lambda o: drawn(150000, 50, 2), dict(peers=NEAR, target=3)),
    "letter": (lambda o: from_table("letter.csv.gz", "lettr"), dict(peers=("lbfgs", "sklearnex"), target=2)),
    "five": (lambda o: drawn(37000, 50, 5), dict(peers=("lbfgs", "sklearnex"), target=1.6)),
    "text": (lambda o: text(o.text), dict(peers=("liblinear", "lbfgs", "newton-cg"), target=2)),
    "text-l1": (lambda o: text(o.text), dict(peers=("liblinear",), target=5, l1=True)),
}
PATHS = {
    "path": lambda p, t: logistic_path(p, t),
    "squared-hinge": lambda p, t: squared_hinge(p, t),
    "ridge": lambda p, t: regression_path(("ridge", 0), p, t),
    "ridge-cv": lambda p, t: regression_path(("ridge", 5), p, t),
    "lasso-cv": lambda p, t: regression_path(("lasso", 5), p, t),
}


def main():
    parser = argparse.ArgumentParser(prog="bench/linear", description=__doc__)
    parser.add_argument("case", nargs="*", help=f"of {', '.join([*FITS, *PATHS])}; all when none is given")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--text", help="folder with sst_train.svm.gz; without it text is drawn")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds instead of wall time, on a machine that others use")
    options = parser.parse_args()
    global clock
    clock = time.process_time if options.cpu else time.perf_counter
    unknown = [c for c in options.case if c not in FITS and c not in PATHS]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}")
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        warnings.simplefilter("ignore")
        stack.enter_context(threadpool_limits(options.threads))
        for name in options.case or [*FITS, *PATHS]:
            if name in PATHS:
                PATHS[name](options.pairs, options.threads)
                continue
            load, how = FITS[name]
            X, y = load(options)
            if sparse.issparse(X):
                X.sort_indices()
                X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
            compare_fits(name, X, np.unique(y, return_inverse=True)[1], options.pairs, options.threads, **how)


if __name__ == "__main__":
    main()
