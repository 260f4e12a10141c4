#!/usr/bin/env python3
"""The space in ConfigSpace: test_space.py HONE [SAMPLES]

The JSON loads, samples drawn there are equal to their pickled copies, and Hone trains each of them on
small hard tables to a finite loss, strictly: no key is inactive, no value is outside. Where a strict run
refuses a value that small data lower (more neighbours than rows), a plain run adjusts it. Tables: one
row a class, one column, more columns than rows, constant columns, holes, huge values, categories.
"""

import json
import math
import pathlib
import pickle
import random
import subprocess
import sys
import tempfile

import ConfigSpace

HONE = sys.argv[1]
SAMPLES = int(sys.argv[2]) if len(sys.argv) > 2 else 400


def tables():
    """name -> (columns, rows with the target last)"""
    dice = random.Random(1)
    number = lambda: repr(round(dice.gauss(0, 1), 6))
    yield "two rows", "classification", [[number(), number(), c] for c in "ab" for _ in range(4)]
    yield "one column", "classification", [[number(), dice.choice("abc")] for _ in range(40)]
    yield "wide", "classification", [[number() for _ in range(60)] + [dice.choice("ab")] for _ in range(20)]
    yield "constant", "regression", [["3", "1", number()] for _ in range(30)]
    yield "holes", "regression", [[dice.choice(["", number()]), number(), dice.choice(["", "x", "y"]), number()]
                                  for _ in range(80)]
    yield "huge", "classification", [[repr(dice.choice([1e30, -1e30, 1.0])), number(), dice.choice("ab")]
                                     for _ in range(50)]
    yield "words", "classification", [[dice.choice("pqrst"), dice.choice("uvw"), dice.choice("ab")] for _ in range(60)]
    yield "plain", "regression", [[number() for _ in range(5)] for _ in range(200)]


def hone(*words):
    return subprocess.run([HONE, *map(str, words)], capture_output=True, text=True)


def losses(folder, file, task, configs, budget):
    """Runs configurations; the reason and configuration of each that has no finite loss."""
    for config in configs:
        path = folder / "config.json"
        path.write_text(json.dumps(config))
        words = ("train", "--data", file, "--target", "target", "--task", task, "--config", path,
                 "--seed", 1, "--budget", budget, "--quiet", "--threads", 1)
        done = hone(*words, "--strict")
        if done.returncode and "n_neighbors" in done.stderr and "a strict run does not adjust" in done.stderr:
            done = hone(*words)
        last = (done.stdout.strip().splitlines() or [""])[-1]
        if done.returncode or not math.isfinite(float(last or "nan")):
            yield f"{done.stderr.strip()[-200:]} {json.dumps(config)}"


def check(name, task, rows, folder, count):
    header = [f"c{j}" for j in range(len(rows[0]) - 1)] + ["target"]
    file = folder / "table.csv"
    file.write_text("\n".join(",".join(r) for r in [header, *rows]) + "\n")
    spaces = [hone("space", "--task", task), hone("space", "--task", task, "--data", file, "--target", "target")]
    bad = []
    for seed, made in enumerate(spaces):
        assert made.returncode == 0, made.stderr
        (folder / "space.json").write_text(made.stdout)
        space = ConfigSpace.ConfigurationSpace.from_json(folder / "space.json")
        space.seed(seed)
        drawn = space.sample_configuration(count // 2)
        assert all(pickle.loads(pickle.dumps(c)) == c for c in drawn), "a configuration differs from its copy"
        configs = [{k: (v.item() if hasattr(v, "item") else v) for k, v in dict(c).items()} for c in drawn]
        for k, budget in ((0, 1), (1, 0.1)):
            bad += losses(folder, file, task, configs[k::2], budget)
    return bad


def main():
    failed = 0
    for name, task, rows in tables():
        with tempfile.TemporaryDirectory() as folder:
            bad = check(name, task, rows, pathlib.Path(folder), max(4, SAMPLES // 8))
        failed += bool(bad)
        print(f"{name}: {len(bad)} without a loss" + (f", first: {bad[0]}" if bad else ""), flush=True)
    print(f"{8 - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
