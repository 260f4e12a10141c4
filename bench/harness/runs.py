"""Runs: choose each peer's best variant, then pairs A B B A in fresh processes, one seed a pair."""

import json
import os
import pathlib
import subprocess
import sys
import time
import tomllib

from . import data, gate, machine, peers, stats

ROOT = pathlib.Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
METRICS = ("fit", "predict", "p50_us")
LIMIT_SECONDS = 600
SINGLE_ROWS = 400
SEEDS = 20  # at most, when the quality of a case is open


class Missing(Exception):
    """A peer or a block that cannot run; the text says why."""


def cases_of(suite, names, path=ROOT / "bench/cases.toml"):
    tables = tomllib.loads(path.read_text())
    unknown = set(names) - {c["name"] for c in tables["case"]}
    if unknown:
        raise SystemExit(f"unknown case {', '.join(sorted(unknown))}")
    chosen = [c for c in tables["case"]
              if (c["name"] in names if names else suite in c["suites"])]
    return tables, chosen


def task_of(path):
    _, y, _, _ = data.read(path)
    return "regression" if y.dtype.kind == "f" else "classification"


class Bench:
    def __init__(self, suite, threads, out, pairs, python=None):
        self.tables, _ = cases_of(suite, [])
        self.suite, self.threads, self.out = suite, threads, pathlib.Path(out)
        self.pairs = pairs or self.tables["suites"][suite]["pairs"]
        self.store = data.Store(ROOT, self.out / "arrays", self.tables["data"])
        self.pythons = python or {}
        self.machine = machine.describe(str(ROOT))
        self.lines = open(self.out / "lines.jsonl", "a", buffering=1)

    def block(self, case, peer, seed, dtype, variant, timed=True):
        """One fresh process; its line, written to lines.jsonl too."""
        path = self.store.path(case, seed, dtype)
        job = {"data": str(path), "peer": peer, "model": case["model"], "task": case["task"],
               "params": case["params"], "threads": self.threads, "seed": seed,
               "variant": variant, "single_rows": SINGLE_ROWS, "timed": timed}
        env = os.environ | {name: str(self.threads) for name in THREADS}
        env["OMP_PROC_BIND"] = "false"
        python = self.pythons.get(peer, sys.executable)
        try:
            done = subprocess.run([python, "-m", "harness.worker"], input=json.dumps(job), text=True,
                                  capture_output=True, cwd=ROOT / "bench", env=env,
                                  timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise Missing(f"{peer}: over {LIMIT_SECONDS} s") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            raise Missing(f"{peer}: {last}")
        line = json.loads(done.stdout.splitlines()[-1])
        self.lines.write(json.dumps({"case": case["name"], "machine": self.machine, **line}) + "\n")
        return line

    def best(self, case, peer):
        """(dtype, variant) in which the peer is fastest on seed 0."""
        sparse = self.tables["data"][case["data"]].get("generate") == "text"
        tried = []
        for dtype in ("float32", "float64"):
            for variant in peers.PEERS[peer].choices(case["model"], sparse):
                line = self.block(case, peer, 0, dtype, variant)
                tried.append((line["fit"] + line["predict"], dtype, variant))
        return min(tried, key=lambda row: row[0])[1:]

    def compare(self, case, peer, ours="hone"):
        """(pairs of one case against one peer: [(our line, peer's line), ...], pairs of scores).

        While the verdict on quality is open, further seeds are fitted once and not timed: forests
        differ by 0.2 points from seed to seed."""
        settings = {name: self.best(case, name) for name in (ours, peer)}

        def pair(seed, timed):
            order = (ours, peer) if seed % 2 else (peer, ours)
            lines = {name: self.block(case, name, seed, *settings[name], timed) for name in order}
            return lines[ours], lines[peer]

        pairs = [pair(seed, True) for seed in range(1, self.pairs + 1)]
        judged = list(pairs)
        while len(judged) < SEEDS and gate.undecided(case["task"], judged):
            judged.append(pair(len(judged) + 1, False))
        return pairs, judged

    def row(self, case, peer):
        """One row of the report."""
        case = case | {"task": task_of(self.store.path(case, 0, "float64"))}
        row = {"case": case["name"], "model": case["model"], "peer": peer, "suite": self.suite,
               "threads": self.threads, "pairs": self.pairs, "machine": self.machine}
        start = time.monotonic()
        try:
            if not peers.PEERS[peer].offers(case["model"], case["task"]):
                raise Missing(f"{peer}: has no {case['model']} for {case['task']}")
            pairs, judged = self.compare(case, peer)
        except Missing as reason:
            return row | {"missing": str(reason)}
        passed, why = gate.verdict(case["task"], judged)
        row |= {"quality": why, "passed": passed, "seconds": time.monotonic() - start}
        row |= {"ours": pairs[0][0], "theirs": pairs[0][1]}
        for side, name in ((0, "our_score"), (1, "their_score")):
            row[name] = sum(pair[side]["score"] for pair in judged) / len(judged)
        if passed:
            for metric in peers.PEERS[peer].metrics or METRICS:
                row[metric] = stats.interval([b[metric] / a[metric] for a, b in pairs])
        return row


def show(row):
    if "missing" in row:
        return f"{row['case']:18} {row['peer']:21} not run: {row['missing']}"
    if not row["passed"]:
        return f"{row['case']:18} {row['peer']:21} no ratio: {row['quality']}"
    cells = [f"{m} {row[m][0]:7.2f}x [{row[m][1]:.2f}, {row[m][2]:.2f}]" for m in METRICS if m in row]
    return f"{row['case']:18} {row['peer']:21} {'  '.join(cells)}  {row['quality']}"


def summary(rows):
    """Geometric mean and worst case of the fit and predict ratios against the best peer of a case."""
    lines = []
    for metric in METRICS:
        best = {}
        for row in rows:
            if metric in row and row["peer"] != "hone again":
                best.setdefault(row["case"], []).append(row[metric][0])
        if best:
            worst = {case: min(values) for case, values in best.items()}
            slowest = min(worst, key=worst.get)
            lines.append(f"{metric}: geometric mean {stats.geometric_mean(list(worst.values())):.2f}x "
                         f"against the best peer of each case, worst {worst[slowest]:.2f}x ({slowest})")
    return lines
