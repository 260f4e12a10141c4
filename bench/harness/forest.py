"""bench/forest: the random forest against its peers, one question a subcommand.

    fit         seconds of fit and predict, pairs in turn, medians (--case, --peer, --threads, --pairs)
    row         microseconds of one row, from C (no peer: theirs are in the thousands)
    grid        5 depths x 4 min_samples_split x 4 n_estimators on adult, through one dataset
    categories  adult as it is against adult one-hot: accuracy and seconds
    accuracy    held-out score less that of scikit-learn over seeds, mean depth and leaves of both

Peers get the float32 matrix of the harness (categories one-hot); Hone gets the same, and the table
as it is where the column says `native`. Hone's cache is emptied before each timed fit.
"""

import argparse
import itertools
import pathlib
import statistics
import time

import numpy as np

from . import data

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = {"adult": "income", "letter": "lettr", "diamonds": "price", "spam": "type",
         "vehicle": "Class", "pima": "diabetes", "abalone": "Rings"}
MADE = {"tall": (100_000, 50, 2), "million": (1_333_334, 50, 2)}
REGRESSION = ("diamonds", "abalone")


def frame_of(name):
    """The table as it is: texts as categories."""
    import pandas as pd

    frame = pd.read_csv(data.find(ROOT, f"{name}.csv.gz"))
    y = frame.pop(FILES[name]).to_numpy()
    for column in frame.select_dtypes(exclude="number"):
        frame[column] = frame[column].astype("category")
    return frame, y


def one_hot(name):
    if name in MADE:
        return data.clusters(*MADE[name])
    return data.table(data.find(ROOT, f"{name}.csv.gz"), FILES[name])


def parts(name, seed):
    """(train, test) matrices in float32 without holes, targets, and the rows of both parts."""
    X, y = one_hot(name)
    order = np.random.default_rng(seed).permutation(len(y))
    cut = len(y) * 3 // 4
    train, test = np.sort(order[:cut]), np.sort(order[cut:])
    if name in REGRESSION:
        y = y.astype(float)
    X, y_train, X_test, y_test = data.split(X, y, seed, scale=False)
    f32 = [np.ascontiguousarray(p, dtype=np.float32) for p in (X, X_test)]
    return f32[0], y_train, f32[1], y_test, train, test


def makers(name, trees, threads, extra=False):
    """By side: seed -> an estimator."""
    kind = "Regressor" if name in REGRESSION else "Classifier"
    features = 1.0 if name in REGRESSION else "sqrt"
    family = ("ExtraTrees" if extra else "RandomForest") + kind
    common = {"n_estimators": trees, "n_jobs": threads, "max_features": features}

    def of(module):
        def make(seed):
            import importlib

            cls = getattr(importlib.import_module(module), family)
            return cls(random_state=seed, **common)

        return make

    sides = {"hone": of("hone.sklearn"), "scikit-learn": of("sklearn.ensemble")}
    sides["sklearnex"] = of("sklearnex.ensemble")
    if kind == "Classifier" and not extra:
        def xgboost(seed):
            import xgboost

            share = np.sqrt(14 if name == "adult" else 16) / (108 if name == "adult" else 16)
            return xgboost.XGBRFClassifier(
                n_estimators=trees, max_depth=0, max_leaves=4096, grow_policy="lossguide",
                tree_method="hist", subsample=0.632, colsample_bynode=max(share, 0.1),
                min_child_weight=0, reg_lambda=0, n_jobs=threads, random_state=seed)

        sides["xgboost-rf"] = xgboost
    return sides


def seconds(make, seed, X, y, X_test):
    """(fit, predict) of one fresh estimator."""
    import hone

    hone.clear_cache()
    model = make(seed)
    start = time.perf_counter()
    model.fit(X, y)
    fitted = time.perf_counter()
    model.predict(X_test)
    return fitted - start, time.perf_counter() - fitted


def fit(options):
    for name, threads in itertools.product(options.case, options.threads):
        X, y, X_test, _, train, _ = parts(name, 0)
        if name not in REGRESSION:
            y = np.unique(y, return_inverse=True)[1]
        sides = makers(name, options.trees, threads, options.extra)
        tables = {"hone": (X, X_test)}
        if options.native and name in ("adult", "diamonds"):
            frame, _ = frame_of(name)
            tables["hone native"] = (frame.iloc[train], None)
        times = {side: [] for side in ("hone", *options.peer)}
        for pair in range(options.pairs + 1):
            for side in times:
                t = seconds(sides[side], pair, X, y, X_test)
                if pair:
                    times[side].append(t)
        ours = [statistics.median(t) for t in zip(*times["hone"])]
        print(f"{name} {len(y)} x {X.shape[1]}, {threads} threads: hone {ours[0]:.3f} / {ours[1]:.4f} s",
              flush=True)
        for side in options.peer:
            peer = [statistics.median(t) for t in zip(*times[side])]
            print(f"    {side} {peer[0]:.3f} / {peer[1]:.4f} s: fit {peer[0] / ours[0]:.2f}x, "
                  f"predict {peer[1] / ours[1]:.2f}x", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="bench/forest", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=("fit",))
    parser.add_argument("--case", nargs="*", default=["letter", "adult", "diamonds", "tall"])
    parser.add_argument("--peer", nargs="*", default=["sklearnex"])
    parser.add_argument("--threads", nargs="*", type=int, default=[2])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--extra", action="store_true", help="extra-trees instead")
    parser.add_argument("--native", action="store_true")
    options = parser.parse_args()
    {"fit": fit}[options.question](options)


if __name__ == "__main__":
    main()
