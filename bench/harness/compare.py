"""bench/compare: the same cases with two builds of Hone, in pairs; says what changed."""

import argparse
import os
import pathlib
import tempfile

from . import gate, runs, stats

SAME = 0.03  # what an A/A run may differ by


def judge(ratio, low, high):
    """ratio: time of the old build over time of the new one."""
    if low > 1 + SAME:
        return "faster"
    if high < 1 - SAME:
        return "slower"
    return "no difference"


def main():
    parser = argparse.ArgumentParser(prog="bench/compare", description=__doc__)
    parser.add_argument("old", help="python with the old build")
    parser.add_argument("new", help="python with the new build")
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    _, cases = runs.cases_of("default", args.case)
    with tempfile.TemporaryDirectory() as out:
        pythons = {"hone again": args.old, "hone": args.new}
        bench = runs.Bench("default", args.threads, pathlib.Path(out), args.pairs, pythons)
        for case in (c for c in cases if c["peers"] != ["hone again"]):
            case = case | {"task": runs.task_of(bench.store.path(case, 0, "float64"))}
            lines, missing = bench.rounds(case, ["hone", "hone again"])
            if missing:
                print(f"{case['name']:18} not run: {', '.join(missing.values())}")
                continue
            pairs = list(zip(lines["hone"].values(), lines["hone again"].values()))
            _, quality = gate.verdict(case["task"], pairs)
            for metric in runs.METRICS:
                ratio = stats.interval([b[metric] / a[metric] for a, b in pairs])
                print(f"{case['name']:18} {metric:8} {judge(*ratio):14} "
                      f"{ratio[0]:.2f}x [{ratio[1]:.2f}, {ratio[2]:.2f}]")
            print(f"{case['name']:18} {quality}", flush=True)


if __name__ == "__main__":
    main()
