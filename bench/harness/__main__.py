"""bench/run: measures the cases of a suite and writes rows.jsonl for bench/report."""

import argparse
import json
import os
import pathlib
import sys
import time

from . import runs


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="suite", action="store_const", const="quick",
                      help="six cases, about 5 minutes")
    size.add_argument("--all", dest="suite", action="store_const", const="all",
                      help="every case, hours")
    parser.set_defaults(suite="default")
    parser.add_argument("--case", action="append", default=[], metavar="NAME",
                        help="only this case; may be repeated")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME",
                        help="only this peer; may be repeated")
    parser.add_argument("--pairs", type=int, help="pairs a case (default: the suite's)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)),
                        help="threads on both sides (default: all, and one where a case says so)")
    parser.add_argument("--out", default=str(runs.ROOT / "bench/out"), help="folder for the results")
    return parser.parse_args()


def plan(cases, args):
    """(case, peers, threads): every case on all threads, and where it says so on one."""
    for case in cases:
        peers = [p for p in case["peers"] if not args.peer or p in args.peer]
        alone = [p for p in case.get("alone", []) if p in peers]
        if peers:
            yield case, peers, args.threads
        if alone and args.threads > 1:
            yield case, alone, 1


def main():
    args = arguments()
    _, cases = runs.cases_of(args.suite, args.case)
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    bench = runs.Bench(args.suite, args.threads, args.out, args.pairs)
    print(f"suite {args.suite}: {len(cases)} cases, {bench.pairs} pairs, {args.threads} threads, "
          f"commit {bench.machine['commit']}, load {bench.machine['load']:.2f}", flush=True)
    rows, end = [], time.monotonic() + 60 * bench.tables["suites"][args.suite]["minutes"]
    with open(pathlib.Path(args.out) / "rows.jsonl", "a", buffering=1) as out:
        for case, peers, threads in plan(cases, args):
            late = time.monotonic() > end
            for row in bench.late(case, peers, threads) if late else bench.rows(case, peers, threads):
                rows.append(row)
                out.write(json.dumps(row) + "\n")
                print(runs.show(row), flush=True)
    print("\n".join(runs.summary(rows)))
    return 0 if any("missing" not in row for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
