"""Runs: choose each side's best variant, then rounds A B C, C B A in fresh processes, one seed a round.

A pair is Hone's and a peer's block of the same round.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tomllib

from . import data, gate, machine, peers, stats

ROOT = pathlib.Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
METRICS = ("fit", "predict", "p50_us")
LIMIT_SECONDS = 600
SINGLE_ROWS = 400
TRIES, CLOSE, SHORT = 3, 1.5, 2.0  # of a choice whose time lies within a factor of the least and below these seconds
SEEDS = (10, 20)  # that judge quality: at least, and at once all when the verdict is open then


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


def identity(line):
    """What a block's score depends on; Hone's version alone does not say which code ran, so its commit does."""
    ours = line["peer"].startswith("hone")
    return json.dumps([line["case"], line["params"], line["peer"], line["version"],
                       line["machine"]["commit"] if ours else "", line["dtype"], line["variant"], line["seed"]])


def known_scores(path):
    """{identity: line} of earlier runs, for the seeds that judge quality alone."""
    lines = [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []
    return {identity(line): line for line in lines if "+changes" not in line["machine"]["commit"]}


class Bench:
    def __init__(self, suite, threads, out, pairs, python=None):
        self.tables, _ = cases_of(suite, [])
        self.suite, self.threads, self.out = suite, threads, pathlib.Path(out)
        self.pairs = pairs or self.tables["suites"][suite]["pairs"]
        self.store = data.Store(ROOT, self.out / "arrays", self.tables["data"])
        self.pythons = python or {}
        self.machine, self.chosen = machine.describe(str(ROOT)), {}
        self.known = known_scores(self.out / "lines.jsonl")
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
        line |= {"case": case["name"], "params": case["params"], "machine": self.machine}
        self.lines.write(json.dumps(line) + "\n")
        return line

    def scored(self, case, peer, seed, like):
        """A block that was never timed, with the settings of `like`; taken from an earlier run where one has it."""
        key = identity(like | {"seed": seed})
        if key not in self.known:
            self.known[key] = self.block(case, peer, seed, like["dtype"], like["variant"], timed=False)
        return self.known[key]

    def best(self, case, peer):
        """(dtype, variant) in which the peer is fastest on seed 0. Of choices that are close and short each is tried
        again and its least time counts: else noise would choose, and the rows of two runs lie apart."""
        sparse = self.tables["data"][case["data"]].get("generate") == "text"
        choices = [(dtype, variant) for dtype in ("float32", "float64")
                   for variant in peers.PEERS[peer].choices(case["model"], sparse)]
        least = [math.inf] * len(choices)

        def attempt(which):
            for i in which:
                line = self.block(case, peer, 0, *choices[i])
                least[i] = min(least[i], line["fit"] + line["predict"])

        attempt(range(len(choices)))
        close = [i for i in range(len(choices)) if least[i] <= min(CLOSE * min(least), SHORT)]
        for _ in range(TRIES - 1 if len(close) > 1 else 0):
            attempt(close)
        return choices[least.index(min(least))]

    def settings(self, case, side):
        """`best`, looked for once a case."""
        key = case["name"], side, self.threads
        if key not in self.chosen:
            self.chosen[key] = self.best(case, side)
        return self.chosen[key]

    def rounds(self, case, sides):
        """({side: {seed: line}}, {side: why it has none}) of sides in turn, back and forth."""
        lines, missing = {side: {} for side in sides}, {}
        for seed in range(1, self.pairs + 1):
            for side in sides if seed % 2 else sides[::-1]:
                try:
                    if side not in missing:
                        lines[side][seed] = self.block(case, side, seed, *self.settings(case, side))
                except Missing as reason:
                    missing[side] = str(reason)
        return lines, missing

    def judged(self, case, lines, ours, peer):
        """Pairs of scores. Seeds beyond the timed ones are fitted once: forests differ by 0.2 points from
        seed to seed. Two looks, not one after each seed: looking until it fits would pass by luck."""
        def pairs():
            return [(lines[ours][s], lines[peer][s]) for s in sorted(lines[ours].keys() & lines[peer].keys())]

        for enough in SEEDS:
            if gate.undecided(case["task"], pairs()):
                for seed in range(self.pairs + 1, enough + 1):
                    for side in (ours, peer):
                        if seed not in lines[side]:
                            lines[side][seed] = self.scored(case, side, seed, lines[side][1])
        return pairs()

    def rows(self, case, names, threads, ours="hone"):
        """The rows of the report of one case, a peer each."""
        self.threads = threads
        case = case | {"task": task_of(self.store.path(case, 0, "float64"))}
        offered = [n for n in names if peers.PEERS[n].offers(case["model"], case["task"])]
        lines, missing = self.rounds(case, [ours, *offered])
        for peer in names:
            if peer not in offered:
                missing[peer] = f"{peer}: has no {case['model']} for {case['task']}"
            yield self._head(case, peer, threads) | self._result(case, lines, missing, ours, peer)

    def late(self, case, names, threads):
        """The rows of a case for which the suite has no time left."""
        for peer in names:
            yield self._head(case, peer, threads) | {"missing": "the minutes of the suite were over"}

    def _head(self, case, peer, threads):
        return {"case": case["name"], "model": case["model"], "peer": peer, "suite": self.suite,
                "threads": threads, "pairs": self.pairs, "machine": self.machine}

    def _result(self, case, lines, missing, ours, peer):
        try:
            if ours in missing or peer in missing:
                raise Missing(missing.get(ours) or missing[peer])
            pairs = [(lines[ours][s], lines[peer][s]) for s in range(1, self.pairs + 1)]
            judged = self.judged(case, lines, ours, peer)
        except Missing as reason:
            return {"missing": str(reason)}
        passed, why = gate.verdict(case["task"], judged)
        result = {"quality": why, "passed": passed, "ours": pairs[0][0], "theirs": pairs[0][1]}
        for side, name in ((0, "our_score"), (1, "their_score")):
            result[name] = sum(pair[side]["score"] for pair in judged) / len(judged)
        if passed:
            for metric in peers.PEERS[peer].metrics or METRICS:
                mine = "plain_p50_us" if metric == "p50_us" and peers.PEERS[peer].plain else metric
                result[metric] = stats.interval([b[metric] / a[mine] for a, b in pairs])
        return result


def label(row):
    """The case, with its threads where they are not all."""
    return row["case"] + (f", {row['threads']} thread" if row["threads"] < row["machine"]["cores"] else "")


def show(row):
    if "missing" in row:
        return f"{label(row):28} {row['peer']:21} not run: {row['missing']}"
    if not row["passed"]:
        return f"{label(row):28} {row['peer']:21} no ratio: {row['quality']}"
    cells = [f"{m} {row[m][0]:7.2f}x [{row[m][1]:.2f}, {row[m][2]:.2f}]" for m in METRICS if m in row]
    return f"{label(row):28} {row['peer']:21} {'  '.join(cells)}  {row['quality']}"


def summary(rows):
    """Geometric mean and worst case of the fit and predict ratios against the best peer of a case."""
    lines = []
    for metric in METRICS:
        best = {}
        for row in rows:
            if metric in row and row["peer"] != "hone again":
                best.setdefault(label(row), []).append(row[metric][0])
        if best:
            worst = {case: min(values) for case, values in best.items()}
            slowest = min(worst, key=worst.get)
            lines.append(f"{metric}: geometric mean {stats.geometric_mean(list(worst.values())):.2f}x "
                         f"against the best peer of each case that passes, worst {worst[slowest]:.2f}x ({slowest})")
    lines += [f"the harness is off: {row['case']} {metric} is {row[metric][0]:.2f}, not within 0.03 of 1"
              for row in rows for metric in ("fit", "predict")
              if row["peer"] == "hone again" and metric in row and abs(row[metric][0] - 1) > 0.03]
    return lines
