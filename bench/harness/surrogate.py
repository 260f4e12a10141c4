"""SMAC3's own time: the same search with its forest and with Hone's, in turn.

A search of `--trials` trials of the published space, validated on one split, once a seed and surrogate. Own time is what
`optimize` takes beyond the trials; the surrogate's part of it is timed at its two calls.
"""
import argparse
import functools
import pathlib
import statistics
import tempfile
import time

import numpy as np
import pandas as pd

import hone
import hone.smac

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = {"pima": "diabetes", "vehicle": "Class", "spam": "type"}


def timed(model):
    """The seconds that the model takes, in a list."""
    spent = [0.0]

    def watch(call):
        @functools.wraps(call)
        def watched(*arguments, **named):
            start = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                spent[0] += time.perf_counter() - start
        return watched

    model.train, model.predict_marginalized = watch(model.train), watch(model.predict_marginalized)
    return spent


def search(data, trials, seed, ours):
    """Best loss; ms a trial of SMAC3 alone and of the surrogate in it."""
    from smac import HyperparameterOptimizationFacade as Facade
    from smac import Scenario

    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(hone.space(data), deterministic=True, n_trials=trials, seed=seed, crash_cost=1.0,
                            output_directory=folder)
        model = (hone.smac.get_model if ours else Facade.get_model)(scenario)
        spent = timed(model)
        smac = Facade(scenario, hone.Target(data, n_threads=1), model=model, overwrite=True, logging_level=40)
        start = time.perf_counter()
        smac.optimize()
        whole = time.perf_counter() - start
        runs = list(smac.runhistory.values())
    return min(r.cost for r in runs), 1e3 * (whole - sum(r.time for r in runs)) / trials, 1e3 * spent[0] / trials


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", choices=DATA, default="pima")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    frame = pd.read_csv(ROOT / "examples" / "data" / f"{given.data}.csv.gz")
    y = frame.pop(DATA[given.data])
    data = hone.Dataset(frame, y)
    rows = {True: [], False: []}
    for seed in range(given.seeds):
        for ours in ((True, False), (False, True))[seed % 2]:
            rows[ours].append(search(data, given.trials, seed, ours))
        a, b = rows[True][-1], rows[False][-1]
        print(f"{given.data}, seed {seed}: loss {a[0]:.4f} and {b[0]:.4f}; own ms a trial {a[1]:.1f} and {b[1]:.1f}, "
              f"of the surrogate {a[2]:.1f} and {b[2]:.1f}", flush=True)
    ours, theirs = np.array(rows[True]), np.array(rows[False])
    apart = ours[:, 0] - theirs[:, 0]
    error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else float("nan")
    print(f"{given.data}, {given.trials} trials, {given.seeds} seeds, medians: own ms a trial "
          f"{np.median(ours[:, 1]):.1f} with Hone's forest, {np.median(theirs[:, 1]):.1f} with SMAC3's: "
          f"{np.median(theirs[:, 1] / ours[:, 1]):.1f} times less; the surrogate alone {np.median(ours[:, 2]):.1f} and "
          f"{np.median(theirs[:, 2]):.1f}: {np.median(theirs[:, 2] / ours[:, 2]):.1f} times; mean difference of the best "
          f"losses {apart.mean():+.4f} +- {error:.4f} (better {int((apart < 0).sum())}, equal {int((apart == 0).sum())}, "
          f"worse {int((apart > 0).sum())})")


main()
