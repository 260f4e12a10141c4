"""A search's worth of trials: Hone's list in one call against scikit-learn's pipelines.

A fixed list of configurations is drawn from the published space (seed 0), without those that
scikit-learn has no name for. Each is judged by five folds. The peer trains two at a time, one
process each, with scikit-learn-intelex where it has the model; Hone trains the list in one call with
two threads, with its cache and without. What is compared are CPU seconds, so that the peer's trials may
be run in several goes: what has ended stands in bench/out/search-NAME.jsonl and is not run again. A trial
of the peer that passes --limit counts with the limit and is left out of the comparison of losses; Hone's
trials run to their end, so that the limit can only make the ratio smaller.
"""
import argparse
import json
import multiprocessing
import os
import pathlib
import random
import statistics
import sys
import time

import numpy as np
import pandas as pd

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = {"adult": ("income", "classification"), "letter": ("lettr", "classification"),
        "spam": ("type", "classification"), "diamonds": ("price", "regression")}
FOLDS, THREADS, LIST = 5, 2, 200


# ---- the list ----

def choose(knob, dice):
    """A value of one hyperparameter of the space."""
    if knob["type"] == "constant":
        return knob["value"]
    if knob["type"] == "categorical":
        return dice.choice(knob["choices"])
    low, high = knob["lower"], knob["upper"]
    if knob.get("log"):
        return float(np.exp(dice.uniform(np.log(low), np.log(high))))
    return dice.randint(low, high) if knob["type"] == "uniform_int" else dice.uniform(low, high)


def active(condition, chosen):
    if "conditions" in condition:
        held = [active(c, chosen) for c in condition["conditions"]]
        return all(held) if condition["type"] == "AND" else any(held)
    value = chosen.get(condition["parent"])
    return value in condition.get("values", [condition.get("value")])


def draw(space, dice):
    """One configuration: the root first, then what its values make active."""
    conditions = {c["child"]: c for c in space["conditions"]}
    chosen, left = {}, {k["name"]: k for k in space["hyperparameters"]}
    while True:
        ready = [n for n in left if n not in conditions or active(conditions[n], chosen)]
        if not ready:
            return chosen
        for name in ready:
            chosen[name] = choose(left.pop(name), dice)


def has_a_peer(cfg):
    return (cfg.get("svm:kernel") != "laplacian" and cfg.get("knn:weights") != "power"
            and cfg.get("knn:class_weight") != "balanced" and cfg.get("prep:scale") != "quantile")


def configurations(task):
    import hone

    space = hone.space_dict(task)
    dice, out = random.Random(0), []
    while len(out) < LIST:
        cfg = draw(space, dice)
        if has_a_peer(cfg):
            out.append(cfg)
    return out


# ---- the peer ----

def preparation(cfg, frame, model):
    """What prep: says, as a scikit-learn transformer; forests get codes, as Hone gives them levels."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import (MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler,
                                       StandardScaler)

    numbers = list(frame.select_dtypes("number"))
    words = [c for c in frame if c not in numbers]
    fill = cfg.get("prep:impute", "mean")
    scaler = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}.get(
        cfg.get("prep:scale"))
    steps = [SimpleImputer(strategy=fill, add_indicator=bool(cfg.get("prep:indicator") == "true"))]
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False,
                            max_categories=cfg.get("prep:max_levels"))
    if model == "random_forest" or cfg.get("prep:encode") == "ordinal":
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1,
                                 encoded_missing_value=-1)
    return ColumnTransformer([("numbers", make_pipeline(*steps, *([scaler()] if scaler else [])), numbers),
                              ("words", encoder, words)])


def estimator(cfg, task, rows, columns):
    """The peer's model with Hone's objective: its penalties are weighed by the number of rows."""
    from sklearn import linear_model, multiclass
    try:
        from sklearnex import ensemble, neighbors, svm
        from sklearnex.linear_model import LogisticRegression
    except ImportError:
        from sklearn import ensemble, neighbors, svm
        from sklearn.linear_model import LogisticRegression
    import sklearn.ensemble

    model = cfg["model"]
    p = {k.split(":")[1]: v for k, v in cfg.items() if k.startswith(model + ":")}
    weight = {"balanced": "balanced"}.get(p.get("class_weight"))
    kind = "Classifier" if task == "classification" else "Regressor"
    if model == "svm":
        keys = {k: p[k] for k in ("C", "kernel", "degree", "coef0", "epsilon") if k in p}
        keys["gamma"] = p.get("gamma", p.get("gamma_mode", "scale"))
        if kind == "Regressor":
            return svm.SVR(cache_size=1000, **keys)
        return svm.SVC(cache_size=1000, class_weight=weight, **keys)
    if model == "knn":
        keys = {k: p[k] for k in ("n_neighbors", "weights", "metric", "p") if k in p}
        return getattr(neighbors, "KNeighbors" + kind)(**keys)
    if model == "random_forest":
        keys = {k: p[k] for k in ("min_samples_split", "min_samples_leaf") if k in p}
        bags = str(p.get("bootstrap", "true")).lower() == "true"
        share = p.get("max_features_exponent", 0.5 if kind == "Classifier" else 1)
        random_cuts = p.get("splitter") == "random"
        cls = getattr(sklearn.ensemble if random_cuts else ensemble,
                      ("ExtraTrees" if random_cuts else "RandomForest") + kind)
        keys["max_features"] = max(1, int(columns ** share + 1e-9))
        if kind == "Classifier":
            keys["criterion"] = p.get("criterion", "gini")
        return cls(100, bootstrap=bags, random_state=0, **keys)
    penalty, ratio = p.get("penalty", "l2"), {"l1": 1.0, "elasticnet": p.get("l1_ratio", 0.5)}
    if model == "logistic_regression":
        c = np.inf if penalty == "none" else p["C"]
        mixed = penalty in ratio
        one = LogisticRegression if not mixed else linear_model.LogisticRegression
        made = one(C=c, max_iter=2000, class_weight=weight,
                   **({"l1_ratio": ratio[penalty], "solver": "saga"} if mixed else {}))
        return multiclass.OneVsRestClassifier(made) if p.get("multi_class") == "ovr" else made
    if penalty == "none":
        return linear_model.LinearRegression()
    if penalty == "l2":
        return linear_model.Ridge(alpha=p["alpha"])
    return linear_model.ElasticNet(alpha=p["alpha"] / rows, l1_ratio=ratio[penalty], max_iter=5000)


def peer_losses(cfg, frame, y, task):
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = len(y) * (FOLDS - 1) // FOLDS
    model = estimator(cfg, task, rows, frame.shape[1])
    if task == "regression" and cfg.get("prep:target") == "standard":
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    folds = (StratifiedKFold if task == "classification" else KFold)(FOLDS, shuffle=True, random_state=0)
    scoring = "accuracy" if task == "classification" else "neg_root_mean_squared_error"
    pipeline = make_pipeline(preparation(cfg, frame, cfg["model"]), model)
    return -cross_val_score(pipeline, frame, y, cv=folds, scoring=scoring, error_score="raise")


def child(pipe, cfg, frame, y, task):
    import warnings

    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        try:
            pipe.send(list(peer_losses(cfg, frame, y, task)))
        except Exception as error:  # the row says so
            pipe.send(f"{type(error).__name__}: {error}"[:120])


def cpu_of(pid):
    """CPU seconds of a process that is running or has ended and was not waited for."""
    with open(f"/proc/{pid}/stat") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def known(kept, limit):
    """What the peer's trials gave earlier, by configuration; one that met a smaller limit is run again."""
    if not kept.exists():
        return {}
    trials = map(json.loads, kept.read_text().splitlines())
    return {t["config"]: t for t in trials if t["limit"] >= limit or t["found"] != "limit"}


def run_peer(cfgs, frame, y, task, limit, kept):
    """By configuration: losses by fold, or a text that says why there are none, and CPU seconds. The limit
    is of CPU seconds. What has ended is written to `kept`, from which the next call goes on."""
    fork = multiprocessing.get_context("fork")
    import sklearn.ensemble  # noqa: F401: not in the time of a trial
    import sklearn.linear_model  # noqa: F401
    import sklearn.svm  # noqa: F401

    found = known(kept, limit)
    names = [json.dumps(cfg, sort_keys=True) for cfg in cfgs]
    waiting = [(name, cfg) for name, cfg in zip(names, cfgs) if name not in found]
    running = {}
    while waiting or running:
        while waiting and len(running) < THREADS:
            name, cfg = waiting.pop(0)
            ours, theirs = fork.Pipe()
            process = fork.Process(target=child, args=(theirs, cfg, frame, y, task))
            process.start()
            running[name] = process, ours
        for name, (process, pipe) in list(running.items()):
            cpu, ended = cpu_of(process.pid), not process.is_alive()
            if pipe.poll():
                what = pipe.recv()
            elif ended:
                what = "ended without a result"
            elif cpu > limit:
                process.kill()
                what = "limit"
            else:
                continue
            process.join()
            del running[name]
            found[name] = {"config": name, "limit": limit, "found": what, "cpu": cpu}
            with open(kept, "a") as file:
                file.write(json.dumps(found[name]) + "\n")
        time.sleep(0.01)
    return [found[name] for name in names]


# ---- Hone ----

def run_hone(cfgs, frame, y, task, cache):
    import hone

    start, cpu = time.perf_counter(), time.process_time()
    data = hone.Dataset(frame, y, task=task, cache_bytes=None if cache else 0)
    results = hone.train_many(cfgs, data, 0, validation=f"cv:{FOLDS}", n_threads=THREADS)
    return results, time.perf_counter() - start, time.process_time() - cpu


def compare(cfgs, ours, theirs):
    """Pairs of a loss, the peer's, and the spread of the peer's folds."""
    pairs, apart = [], []
    for cfg, a, b in zip(cfgs, ours, theirs):
        if isinstance(b, str):
            continue
        spread = statistics.stdev(b)
        pairs.append((a.loss, statistics.mean(b), spread))
        if a.loss - statistics.mean(b) > 2 * spread:
            apart.append(cfg)
    return pairs, apart


def by_model(cfgs, seconds):
    sums = {}
    for cfg, s in zip(cfgs, seconds):
        sums[cfg["model"]] = round(sums.get(cfg["model"], 0) + s, 2)
    return sums


def measure(name, sample, limit, out):
    target, task = DATA[name]
    frame = pd.read_csv(ROOT / "examples" / "data" / f"{name}.csv.gz")
    y = frame.pop(target)
    cfgs = configurations(task)
    cfgs = cfgs[:: max(1, LIST // sample)][:sample] if sample else cfgs
    warm, on, cpu = run_hone(cfgs, frame, y, task, True)
    cold, _, off = run_hone(cfgs, frame, y, task, False)
    peer = run_peer(cfgs, frame, y, task, limit, out / f"search-{name}.jsonl")
    theirs = [t["found"] for t in peer]
    assert all(a.loss == b.loss for a, b in zip(warm, cold)), "the cache has changed a loss"
    pairs, apart = compare(cfgs, warm, theirs)
    ended = [k for k, t in enumerate(theirs) if not isinstance(t, str)]
    _, _, cpu_of_ended = run_hone([cfgs[k] for k in ended], frame, y, task, True)
    failures = [t for t in theirs if isinstance(t, str) and t != "limit"]
    peer_cpu = sum(t["cpu"] for t in peer)
    dearest = sorted(zip((r.info["run"]["seconds"] for r in warm), map(str, cfgs)), reverse=True)[:5]
    return {"data": name, "configurations": len(cfgs), "limit": limit, "hone_seconds": on, "hone_cpu": cpu,
            "hone_cpu_without_cache": off, "peer_cpu": peer_cpu, "ratio": peer_cpu / cpu, "cache_gain": off / cpu,
            "by_model": [by_model(cfgs, (r.info["run"]["seconds"] for r in warm)),
                         by_model(cfgs, (t["cpu"] for t in peer))], "dearest": dearest,
            "at_the_limit": sum(t == "limit" for t in theirs),
            "ratio_of_ended": sum(peer[k]["cpu"] for k in ended) / cpu_of_ended,
            "peer_failed": len(failures), "why": sorted(set(failures))[:3], "compared": len(pairs),
            "worse_than_fold_noise": len(apart), "worse": apart[:3],
            "median_difference": statistics.median(a - b for a, b, _ in pairs) if pairs else None,
            "best": [min(p[0] for p in pairs), min(p[1] for p in pairs)] if pairs else None}


# ---- memory ----

def bytes_of(field):
    """Of this process: VmRSS now, VmHWM at most since it was reset."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(field))


TRIALS = [{"model": "random_forest", "n_estimators": 20}, {"model": "random_forest", "splitter": "random"},
          {"model": "logistic_regression"}, {"model": "logistic_regression", "penalty": "l1"},
          {"model": "knn"}, {"model": "knn", "metric": "manhattan"},
          {"model": "svm", "kernel": "linear"}, {"model": "svm"}]


def grow(pipe, cfgs, limit):
    """In a process of its own: bytes that these trials, all at once on a borrowed table, make it grow by."""
    import hone

    dice = np.random.default_rng(0)
    small = dice.normal(size=(500, 5)).astype(np.float32)
    hone.train_many(cfgs, hone.Dataset(small, (small[:, 0] > 0).astype(int)), 0, n_threads=len(cfgs))  # threads, buffers
    x = dice.standard_normal((300_000, 50), dtype=np.float32)
    y = (x[:, :5].sum(axis=1) > dice.standard_normal(len(x), dtype=np.float32)).astype(np.int32)
    data = hone.Dataset(x, y)
    before = bytes_of("VmRSS")
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    results = hone.train_many(cfgs, data, 0, n_threads=len(cfgs), deadline=limit)
    pipe.send((bytes_of("VmHWM") - before, x.nbytes + y.nbytes, [r.end for r in results]))


def grown(cfgs, limit):
    fresh = multiprocessing.get_context("spawn")
    ours, theirs = fresh.Pipe()
    process = fresh.Process(target=grow, args=(theirs, cfgs, limit))
    process.start()
    found = ours.recv()
    process.join()
    return found


def measure_memory(limit):
    """Eight trials of four models: each alone in a process of its own, then all at once."""
    alone = [grown([cfg], limit) for cfg in TRIALS]
    together, size, ends = grown(TRIALS, limit)
    own = [a[0] for a in alone]
    mib = 2**20
    print(f"data {size / mib:.0f} MiB; each trial alone makes the process grow by "
          f"{' '.join(f'{b / mib:.0f}' for b in own)} MiB, together {sum(own) / mib:.0f}")
    print(f"eight at once, {limit:g} s each: by {together / mib:.0f} MiB; with the data {(together + size) / mib:.0f}, "
          f"of {(1.3 * size + sum(own)) / mib:.0f} that 1.3 times the data and what the trials take alone come to; ends {ends}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sample", type=int, help="so many of the 200 configurations of each table")
    parser.add_argument("--data", choices=DATA, action="append", help="only this table; may be repeated")
    parser.add_argument("--memory", action="store_true", help="only the memory of eight trials at once")
    parser.add_argument("--limit", type=float, help="CPU seconds that a trial of the peer may take (3600; 10 with --sample)")
    given = parser.parse_args()
    limit = given.limit or (10.0 if given.sample else 3600.0)
    if given.memory:
        measure_memory(given.limit or 10.0)
        return
    out = ROOT / "bench" / "out"
    out.mkdir(exist_ok=True)
    for name in given.data or DATA:
        row = measure(name, given.sample, limit, out)
        with open(out / "search.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{name}: CPU seconds of {row['configurations']} configurations, {limit:g} s a trial of the peer at most: Hone "
              f"{row['hone_cpu']:.1f} ({row['hone_cpu_without_cache']:.1f} without its cache), peer "
              f"{row['peer_cpu']:.1f}: {row['ratio']:.1f} times, {row['ratio_of_ended']:.1f} over those that ended; "
              f"{row['worse_than_fold_noise']} of {row['compared']} losses worse than fold noise, {row['at_the_limit']} at the limit, {row['peer_failed']} of the peer failed")
        print("   by model:", *row["by_model"], row["why"], row["worse"])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
