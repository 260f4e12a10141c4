"""bench/forest: the random forest against its peers, one question a subcommand.

    fit         seconds of fit and predict, pairs in turn, medians (--case, --peer, --threads, --pairs)
    row         microseconds of one row from C, megabytes of the model's file
    grid        5 depths x 4 min_samples_split x 4 n_estimators on adult, through one dataset
    accuracy    held-out score less that of scikit-learn (or --peer) over seeds, mean depth and leaves

Peers get the float32 matrix of the harness (categories one-hot); Hone gets the same, and the table
as it is where the column says `native`. Hone's cache is emptied before each timed fit, and it
keeps to scikit-learn's rule for constant features, so that trees have the same size.
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
NATIVE = ("adult", "diamonds")  # with categories


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
            rule = {"constant_features": "redraw"} if module == "hone.sklearn" else {}
            return cls(random_state=seed, **common, **rule)

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
        X, y, X_test, _, train, test = parts(name, 0)
        if name not in REGRESSION:
            y = np.unique(y, return_inverse=True)[1]
        sides = makers(name, options.trees, threads, options.extra)
        ways = ["hone", *(options.peer or ["sklearnex"])]
        if name in NATIVE:
            ways.insert(1, "hone native")
            frame, target = frame_of(name)
            sides["hone native"] = whole_tables(frame, target, train, test, options, threads)
        times = {side: [] for side in ways}
        for pair in range(options.pairs + 1):
            for side in ways:
                t = seconds(sides[side], pair, X, y, X_test)
                if pair:
                    times[side].append(t)
        best = {side: [statistics.median(t) for t in zip(*times[side])] for side in ways}
        print(f"{name}, {len(y)} x {X.shape[1]}, {threads} threads", flush=True)
        for side, (grow, walk) in best.items():
            ratios = "".join(f"; {own}: fit {grow / best[own][0]:.2f}x, predict {walk / best[own][1]:.2f}x"
                             for own in ways if own.startswith("hone") and not side.startswith("hone"))
            print(f"    {side} {grow:.3f} / {walk:.4f} s{ratios}", flush=True)


class whole_tables:
    """Hone on the table as it is, behind the two calls of an estimator."""

    def __init__(self, frame, y, train, test, options, threads):
        import hone

        self.hone, self.threads = hone, threads
        self.rows, self.target = frame.iloc[train], y[train]
        self.test = frame.iloc[test]
        self.config = {"model": "random_forest", "n_estimators": options.trees,
                       "constant_features": "redraw",
                       "splitter": "random" if options.extra else "best"}

    def __call__(self, seed):
        self.seed = seed
        self.data = self.hone.Dataset(self.rows, self.target)
        return self

    def fit(self, X, y):
        self.model = self.hone.fit(self.config, self.data, self.seed, validation="none",
                                   unjudged=True, n_threads=self.threads).model

    def predict(self, X):
        return self.model.predict(self.test, n_threads=self.threads)


def row(options):
    import subprocess
    import tempfile

    import hone

    build = ROOT / "bench/out/build"
    if not build.exists():
        subprocess.run(["meson", "setup", build, "-Dbench=true", "-Dtests=false"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", build, "bench/bench_row"], check=True, stdout=subprocess.DEVNULL)
    for name in options.case:
        X, y, X_test, _, _, _ = parts(name, 0)
        task = {"model": "random_forest", "n_estimators": options.trees}
        model = hone.fit(task, {"X": X, "y": y}, 0, validation="none").model
        with tempfile.TemporaryDirectory() as folder:
            file, rows = f"{folder}/model.hone", f"{folder}/rows"
            model.save(file)
            X_test[:2000].astype(float).tofile(rows)
            done = subprocess.run([build / "bench/bench_row", file, rows], check=True, text=True,
                                  stdout=subprocess.PIPE)
            size = pathlib.Path(file).stat().st_size
        half, most = done.stdout.split()
        print(f"{name}, {options.trees} trees: one row {half} us, 99 % within {most} us, file {size / 1e6:.1f} MB")


def grid(options):
    import hone
    from sklearn.ensemble import RandomForestClassifier

    keys = ("max_depth", "min_samples_split", "n_estimators")
    values = ((5, 10, 15, 20, None), (2, 5, 10, 20), (25, 50, 100, 200))
    configs = [dict(zip(keys, v)) for v in itertools.product(*values)]
    threads = options.threads[0]
    frame, y = frame_of("adult")
    X, _, X_test, _, train, test = parts("adult", 0)
    for name, table in (("as it is", frame), ("one-hot", data.table(
            data.find(ROOT, "adult.csv.gz"), "income")[0].astype(np.float32))):
        asked = [{"model": "random_forest", "max_features": "sqrt", "constant_features": "redraw", **c}
                 for c in configs]
        times = []
        for _ in range(options.pairs):
            start = time.perf_counter()
            results = hone.train_many(asked, hone.Dataset(table, y), 0, validation=test, n_threads=threads)
            times.append(time.perf_counter() - start)
        ours = statistics.median(times)
        print(f"hone, adult {name}: {ours:.2f} s, best accuracy {-min(r.loss for r in results):.4f}", flush=True)
    timed = [c for c in configs if c["n_estimators"] in options.loop]
    if not timed:
        return
    start = time.perf_counter()
    scores = []
    for c in timed:
        model = RandomForestClassifier(**c, n_jobs=threads, random_state=0).fit(X, y[train])
        scores.append(model.score(X_test, y[test]))
    spent = time.perf_counter() - start
    trees, all_trees = (sum(c["n_estimators"] for c in which) for which in (timed, configs))
    theirs = spent * all_trees / trees
    print(f"scikit-learn, a loop: {theirs:.2f} s by trees from {spent:.2f} s of {len(timed)} of {len(configs)} cells, "
          f"best accuracy of these {max(scores):.4f}; {theirs / ours:.1f}x the one-hot time")


def loss_of(model, X, y, name):
    predicted = model.predict(X)
    if name in REGRESSION:
        return float(np.sqrt(np.mean((predicted - y) ** 2)))
    return float(np.mean(predicted == y))


def shape_of(model):
    """(mean depth, mean leaves) of the trees, where the model tells them."""
    if hasattr(model, "output"):
        return [float(np.mean(model.output(f"tree_{what}"))) for what in ("depth", "leaves")]
    if not hasattr(model, "estimators_"):
        return [np.nan, np.nan]
    trees = [e.tree_ for e in model.estimators_]
    return [float(np.mean([t.max_depth for t in trees])), float(np.mean([t.n_leaves for t in trees]))]


def rival(side, name, options, seed):
    """An unfitted peer of `accuracy`."""
    threads = options.threads[0]
    params = {"n_estimators": options.trees, "max_features": "sqrt"}
    if side == "ranger":
        from .ranger import Ranger

        return Ranger(params, threads, seed)
    if side == "lightgbm":
        from .peers import lightgbm_forest

        return lightgbm_forest(params, threads, seed)
    features = options.features or ("none" if name in REGRESSION else "sqrt")
    peer = makers(name, options.trees, threads, options.extra)[side](seed)
    return peer.set_params(max_features=None if features == "none" else features)


def accuracy(options):
    """Means over seeds, each with a split of its own; missing numbers at the median for peers."""
    import hone

    for name, side in itertools.product(options.case, options.peer or ["scikit-learn"]):
        frame, target = frame_of(name)
        if name in REGRESSION:
            target = target.astype(float)
        else:
            target = np.unique(target, return_inverse=True)[1]
        task = "regression" if name in REGRESSION else "classification"
        rows = {"hone": [], side: []}
        for seed in range(options.pairs):
            X, y, X_test, _, train, test = parts(name, seed)
            config = {"model": "random_forest", "n_estimators": options.trees,
                      "splitter": "random" if options.extra else "best",
                      "bootstrap": "false" if options.extra else "true",
                      **dict(pair.split("=") for pair in options.set)}
            table = (frame.iloc[train], frame.iloc[test]) if options.native else (X, X_test)
            ours = hone.fit(config, hone.Dataset(table[0], target[train], task=task), seed, validation="none",
                            unjudged=True, n_threads=options.threads[0]).model
            rows["hone"].append([loss_of(ours, table[1], target[test], name), *shape_of(ours)])
            peer = rival(side, name, options, seed)
            peer.fit(X, target[train])
            rows[side].append([loss_of(peer, X_test, target[test], name), *shape_of(peer)])
        ours, peer = (np.array(rows[which]) for which in rows)
        apart = ours[:, 0] - peer[:, 0]
        error = apart.std(ddof=1) / np.sqrt(len(apart))
        print(f"{name}, {len(apart)} seeds: {ours[:, 0].mean():.5f} against {peer[:, 0].mean():.5f} of {side}, "
              f"difference {apart.mean():+.5f} (standard error {error:.5f}); mean depth {ours[:, 1].mean():.1f} and "
              f"{peer[:, 1].mean():.1f}, leaves {ours[:, 2].mean():.0f} and {peer[:, 2].mean():.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="bench/forest", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=("fit", "row", "grid", "accuracy"))
    parser.add_argument("--case", nargs="*", default=["letter", "adult", "diamonds", "tall"])
    parser.add_argument("--peer", nargs="*",
                        help="fit: sklearnex; accuracy: scikit-learn, or ranger and lightgbm on classes")
    parser.add_argument("--threads", nargs="*", type=int, default=[2])
    parser.add_argument("--pairs", type=int, default=3, help="of runs; accuracy: seeds; grid: runs of Hone")
    parser.add_argument("--loop", nargs="*", type=int, default=[25, 50, 100, 200],
                        help="grid: n_estimators of the cells that scikit-learn is timed on")
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--extra", action="store_true", help="extra-trees instead")
    parser.add_argument("--native", action="store_true", help="accuracy: categories and holes as they are")
    parser.add_argument("--features", help="accuracy: max_features of both")
    parser.add_argument("--set", nargs="*", default=[], help="accuracy: hyperparameters of Hone, KEY=VALUE")
    options = parser.parse_args()
    {"fit": fit, "row": row, "grid": grid, "accuracy": accuracy}[options.question](options)


if __name__ == "__main__":
    main()
