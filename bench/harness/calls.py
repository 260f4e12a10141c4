"""What the Python package adds to the library (bench/python)."""

import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

import hone
from hone import _hone, _train

DATA = pathlib.Path(__file__).parents[2] / "examples" / "data"
MODELS = ("knn", "logistic_regression", "random_forest", "svm")


def median(call, repeats=1000):
    """The median microseconds of a call, after 50 to warm up."""
    times = np.empty(repeats)
    for i in range(-50, repeats):
        started = time.perf_counter()
        call()
        times[max(i, 0)] = time.perf_counter() - started
    return 1e6 * float(np.median(times))


def say(what, value, unit):
    print(f"{what:<64} {value:10.2f} {unit}", flush=True)


# ---- calls ----

def overhead():
    """hone.train against the extension's function with everything arranged before."""
    X = np.random.default_rng(0).normal(size=(100, 4))
    mapping = {"X": X, "y": (X[:, 0] > 0).astype(int)}
    data = hone.Dataset(mapping)
    for model in MODELS:
        config = {"model": model, **({"n_estimators": 1} if model == "random_forest" else {})}
        options = _train.build_options(n_threads=1)
        bare = median(lambda: _hone.train(config, data._handle, 0, options, None, 0, None, None))
        for name, what in (("mapping", mapping), ("Dataset", data)):
            whole = median(lambda: hone.train(config, what, 0, n_threads=1))
            say(f"hone.train on 100 rows above the C call, {model}, {name}", whole - bare, f"us (C call {bare:.1f})")


def rows():
    letter = hone.Dataset.read(DATA / "letter.csv.gz", target="lettr")
    X = np.random.default_rng(0).integers(0, 15, (1, 16)).astype(np.float64)
    for config in ({"model": "logistic_regression"}, {"model": "random_forest", "n_estimators": 100}):
        model = hone.fit(config, letter, 0, validation="none").model
        say(f"predict of one row, {config['model']} of letter", median(lambda: model.predict(X), 3000), "us")


def imports():
    code = "import numpy, time; t = time.perf_counter(); import hone; print(time.perf_counter() - t)"
    took = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
            for _ in range(9)]
    say("import beyond NumPy, median of 9", 1e3 * float(np.median(took)), "ms")


def copies():
    for dtype in (np.float32, np.float64):
        X = np.ones((1 << 18, 64), dtype)
        y = np.arange(len(X)) % 2
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        data = hone.Dataset(X, y)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        shared = np.shares_memory(data._parts.table.x, X)
        say(f"peak memory that a {X.nbytes >> 20} MiB table of {X.dtype} adds, borrowed: {shared}",
            (after - before) / 1024, "MiB")


# ---- SMAC3 ----

def peer_space():
    """Four models of scikit-learn and 12 hyperparameters, as a user writes them."""
    from ConfigSpace import AndConjunction, Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer

    space = ConfigurationSpace(seed=0)
    model = Categorical("model", ["svm", "forest", "logistic", "knn"], default="forest")
    kernel = Categorical("kernel", ["linear", "rbf", "poly"], default="rbf")
    gamma = Float("gamma", (1e-5, 1e1), log=True, default=1e-2)
    degree = Integer("degree", (2, 5), default=3)
    of = {"svm": [kernel, Float("svm_C", (1e-3, 1e3), log=True)],
          "forest": [Integer("trees", (10, 300), default=100), Float("max_features", (0.05, 1.0), default=0.3),
                     Integer("leaf", (1, 20), default=1), Categorical("bootstrap", [True, False])],
          "logistic": [Float("logistic_C", (1e-4, 1e4), log=True)],
          "knn": [Integer("k", (1, 50), default=5), Categorical("weights", ["uniform", "distance"]), Integer("p", (1, 3))]}
    space.add(model, gamma, degree, *[h for rows in of.values() for h in rows])
    space.add(*[EqualsCondition(h, model, name) for name, rows in of.items() for h in rows],
              InCondition(gamma, kernel, ["rbf", "poly"]),
              AndConjunction(EqualsCondition(degree, model, "svm"), EqualsCondition(degree, kernel, "poly")))
    return space


def peer_model(c):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    if c["model"] == "svm":
        return SVC(C=c["svm_C"], kernel=str(c["kernel"]), gamma=c.get("gamma", "scale"), degree=c.get("degree", 3))
    if c["model"] == "forest":
        return RandomForestClassifier(c["trees"], max_features=c["max_features"], min_samples_leaf=c["leaf"],
                                      bootstrap=bool(c["bootstrap"]), n_jobs=2, random_state=0)
    if c["model"] == "logistic":
        return LogisticRegression(C=c["logistic_C"], max_iter=200)
    return KNeighborsClassifier(c["k"], weights=str(c["weights"]), p=c["p"], n_jobs=2)


def optimise(space, target, trials=40):
    """(seconds inside the target, seconds in all, best loss, states) of one run of SMAC3."""
    from smac import HyperparameterOptimizationFacade, Scenario

    seconds = []

    def timed(config, seed=0):
        started = time.perf_counter()
        loss = target(config, seed)
        seconds.append(time.perf_counter() - started)
        return loss

    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(space, deterministic=True, n_trials=trials, crash_cost=1.0, output_directory=folder)
        smac = HyperparameterOptimizationFacade(scenario, timed, overwrite=True, logging_level=40)
        started = time.perf_counter()
        smac.optimize()
        whole = time.perf_counter() - started
    return sum(seconds), whole, min(v.cost for v in smac.runhistory.values()), {
        v.status.name for v in smac.runhistory.values()}


def peer_twin(c):
    """scikit-learn's model and scaler for a configuration of the published space; what it has no name for (balanced
    neighbours, votes by a power) is left out."""
    from sklearn import ensemble, linear_model, multiclass, preprocessing
    from sklearn.metrics.pairwise import laplacian_kernel
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    name = c["model"]
    p = {k.partition(":")[2]: v for k, v in c.items() if k.startswith(name + ":")}
    balanced = "balanced" if p.get("class_weight") == "balanced" else None
    scaler = {"standard": preprocessing.StandardScaler, "minmax": preprocessing.MinMaxScaler,
              "robust": preprocessing.RobustScaler, "quantile": preprocessing.QuantileTransformer,
              "none": preprocessing.FunctionTransformer}[c.get("prep:scale", "none")]()
    if name == "svm":
        gamma = p.get("gamma", p.get("gamma_mode", "scale"))
        kernel = p["kernel"]
        if kernel == "laplacian":
            def kernel(a, b):
                width = {"scale": 1 / (a.shape[1] * a.var()), "auto": 1 / a.shape[1]}.get(gamma, gamma)
                return laplacian_kernel(a, b, width)
            gamma = "auto"
        model = SVC(C=p["C"], kernel=kernel, gamma=gamma, degree=p.get("degree", 3), coef0=p.get("coef0", 0.0),
                    class_weight=balanced)
    elif name == "random_forest":
        kind = ensemble.ExtraTreesClassifier if p["splitter"] == "random" else ensemble.RandomForestClassifier
        model = kind(100, criterion=p["criterion"], max_features=max(1, int(64 ** p["max_features_exponent"])),
                     min_samples_split=p["min_samples_split"], min_samples_leaf=p["min_samples_leaf"],
                     bootstrap=str(p["bootstrap"]) == "true", n_jobs=2, random_state=0)
    elif name == "logistic_regression":
        penalty = p["penalty"]
        how = {"C": np.inf} if penalty == "none" else {"C": p["C"]}
        if penalty in ("l1", "elasticnet"):
            how |= {"solver": "saga", "l1_ratio": p.get("l1_ratio", 1.0)}
        model = linear_model.LogisticRegression(max_iter=200, class_weight=balanced, **how)
        model = multiclass.OneVsRestClassifier(model) if p["multi_class"] == "ovr" else model
    else:
        model = KNeighborsClassifier(p["n_neighbors"], weights="uniform" if p["weights"] == "uniform" else "distance",
                                     metric=p["metric"], p=p.get("p", 2), n_jobs=2)
    return make_pipeline(scaler, model)


def smac():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_digits(return_X_y=True)
    data = hone.Dataset(X, y)

    def peer(config, seed):
        return -float(cross_val_score(make_pipeline(StandardScaler(), peer_model(config)), X, y, cv=3).mean())

    for name, found in (("hone", optimise(hone.space(data, seed=0), hone.Target(data, validation="cv:3"))),
                        ("scikit-learn", optimise(peer_space(), peer))):
        say(f"SMAC3, digits, 40 trials, 3 folds, {name}: target", found[0],
            f"s (all {found[1]:.1f} s, best {found[2]:.4f}, {found[3]})")


def twins():
    """The configurations of one run of SMAC3 over the published space, each with both sides."""
    import warnings

    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score

    X, y = load_digits(return_X_y=True)
    data = hone.Dataset(X, y)
    target = hone.Target(data, validation="cv:3")
    configs = []

    def remember(config, seed):
        configs.append(dict(config))
        return target(config, seed)

    optimise(hone.space(data, seed=0), remember)
    fresh = hone.Dataset(X, y)

    def ours(config):
        return hone.train(config, fresh, 0, validation="cv:3")

    def theirs(config):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return -cross_val_score(peer_twin(config), X, y, cv=3).mean()

    spent = {}
    for name, side in (("hone", ours), ("scikit-learn", theirs)):
        spent[name] = [0.0, 0.0]
        for config in configs:
            wall, cpu = time.perf_counter(), time.process_time()
            side(config)
            spent[name][0] += time.perf_counter() - wall
            spent[name][1] += time.process_time() - cpu
        say(f"digits, {len(configs)} equal configurations, 3 folds, {name}: target", spent[name][0],
            f"s (CPU {spent[name][1]:.2f} s)")


PARTS = {f.__name__: f for f in (overhead, rows, imports, copies, smac, twins)}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
