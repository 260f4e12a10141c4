"""bench/knn: batches of queries against the peers, and a grid of settings through one dataset.

Each side of a case runs in a process of its own, sides take turns, and a process reports its best
of several predictions in its better dtype; a ratio is of the medians over the rounds.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
K, SEED = 10, 0
PEER_OF = {"brute": ("scikit-learn-intelex", {"algorithm": "brute"}),
           "kd_tree": ("scikit-learn-intelex", {"algorithm": "kd_tree"}),
           "faiss": ("faiss", {}), "hone": ("hone", {})}
CASES = {
    "letter": ({"file": "letter.csv.gz", "target": "lettr"}, ("brute",)),
    "synthetic": ({"generate": "clusters", "rows": 50000, "columns": 20, "classes": 5}, ("brute",)),
    "adult": ({"file": "adult.csv.gz", "target": "income"}, ("brute", "faiss")),
    "sensors": ({"generate": "sensors", "rows": 58000}, ("kd_tree",)),
}
TARGET = {("letter", "brute"): 1.8, ("synthetic", "brute"): 1.8, ("adult", "brute"): 1.5,
          ("adult", "faiss"): 1.5, ("sensors", "kd_tree"): 1.0}
GRID = [{"n_neighbors": k, "weights": w} for k in range(1, 40, 2) for w in ("uniform", "distance")]
FOLDS = 5


def store():
    from . import data

    return data.Store(ROOT, ROOT / "bench" / "out" / "data", {c: spec for c, (spec, _) in CASES.items()})


# ---- one side, in a process of its own ----


def predictions(job):
    """Best seconds over the dtypes, and the accuracy."""
    import numpy as np

    from . import data, peers

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job["threads"]])
    X, y, X_test, y_test = data.read(job["data"])
    name, variant = PEER_OF[job["side"]]
    best = {}
    for dtype in ("float32", "float64") if job["side"] != "faiss" else ("float32",):
        # The same values on both sides of the rounding: the accuracies are of one problem.
        A, B = X.astype(np.float32).astype(dtype), X_test.astype(np.float32).astype(dtype)
        model = peers.PEERS[name].make("knn", "classification", {"n_neighbors": K}, job["threads"],
                                       SEED, variant).fit(A, y)
        score = float(np.mean(model.predict(B) == y_test))
        for _ in range(job["repeats"]):
            start = time.perf_counter()
            model.predict(B)
            seconds = time.perf_counter() - start
            if not best or seconds < best["seconds"]:
                best = {"seconds": seconds, "dtype": dtype, "score": score}
    return best


def hone_grid(job):
    """Seconds of one setting's folds and of the grid's, each on a dataset that remembers nothing."""
    import hone

    from . import data

    X, y, _, _ = data.read(job["data"])
    y = [str(c) for c in y]
    options = {"validation": f"cv:{FOLDS}", "refit": False, "n_threads": job["threads"]}

    def run(settings):
        start = time.perf_counter()
        results = hone.train_many([{"model": "knn", "prep:scale": "none", **s} for s in settings],
                                  hone.Dataset({"X": X, "y": y}), **options)
        return time.perf_counter() - start, results

    run(GRID[:1])
    one = min(run([{"n_neighbors": GRID[-1]["n_neighbors"]}])[0] for _ in range(5))
    all_of_it, results = min((run(GRID) for _ in range(3)), key=lambda r: r[0])
    return {"one": one, "grid": all_of_it, "score": -min(r.loss for r in results)}


def sklearn_grid(job):
    """Seconds of the same grid with one fit after the other."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier

    from . import data

    X, y, _, _ = data.read(job["data"])
    grid = {name: sorted({s[name] for s in GRID}) for name in GRID[0]}
    search = GridSearchCV(KNeighborsClassifier(n_jobs=job["threads"]), grid, cv=FOLDS, refit=False)
    start = time.perf_counter()
    search.fit(X, y)
    return {"grid": time.perf_counter() - start, "score": search.best_score_}


WORK = {"predictions": predictions, "hone_grid": hone_grid, "sklearn_grid": sklearn_grid}

# ---- the parent ----


def run(work, **job):
    environment = {**os.environ, "OMP_NUM_THREADS": str(job["threads"])}
    done = subprocess.run([sys.executable, "-m", "harness.neighbours", "--job",
                           json.dumps({"work": work, **job})], env=environment, check=True,
                          stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def median(rows, key):
    values = sorted(r[key] for r in rows)
    return values[len(values) // 2]


def compare(case, threads, rounds, repeats):
    path = str(store().path({"data": case, "scale": True}, SEED, "float64"))
    sides = ("hone", *CASES[case][1])
    rows = {side: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            rows[side].append(run("predictions", side=side, data=path, threads=threads, repeats=repeats))
    ours = median(rows["hone"], "seconds")
    for side in sides:
        seconds, one = median(rows[side], "seconds"), rows[side][0]
        ratio = "" if side == "hone" else \
            f"  {seconds / ours:5.2f}x (target {TARGET[case, side]:.1f}x)"
        print(f"{case:10} {threads} threads  {side:8} {one['dtype']}  {1e3 * seconds:8.1f} ms  "
              f"accuracy {one['score']:.4f}{ratio}", flush=True)


def compare_grid(threads):
    path = str(store().path({"data": "letter", "scale": True}, SEED, "float64"))
    ours = run("hone_grid", data=path, threads=threads)
    print(f"grid       {threads} threads  one setting {ours['one']:.3f} s, {len(GRID)} settings "
          f"{ours['grid']:.3f} s: {ours['grid'] / ours['one']:.2f}x (target 1.5x)  "
          f"accuracy {ours['score']:.4f}", flush=True)
    theirs = run("sklearn_grid", data=path, threads=threads)
    print(f"grid       {threads} threads  scikit-learn {theirs['grid']:.1f} s: "
          f"{theirs['grid'] / ours['grid']:.0f}x (target 60x)  accuracy {theirs['score']:.4f}")


def main():
    parser = argparse.ArgumentParser(prog="bench/knn", description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", choices=[*CASES, "grid"])
    parser.add_argument("--threads", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job = json.loads(options.job)
        print(json.dumps(WORK[job["work"]](job)))
        return
    for threads in options.threads or (2, 1):
        for case in options.case or CASES:
            if case != "grid":
                compare(case, threads, options.rounds, options.repeats)
    if not options.case or "grid" in options.case:
        compare_grid(max(options.threads or [2]))


if __name__ == "__main__":
    main()
