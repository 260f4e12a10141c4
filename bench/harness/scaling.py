"""bench/scaling: time and memory of fit and predict as one of rows, columns, classes, threads grows."""

import argparse
import json
import os
import pathlib

from . import runs, stats

FIELDS = ("fit", "predict", "peak_mib", "score")


def doublings(most):
    """1, 2, 4 ... and the most."""
    values = [1]
    while values[-1] * 2 < most:
        values.append(values[-1] * 2)
    return values + ([most] if most > 1 else [])


def values_of(tables, axis):
    return tables["curve_axes"][axis] or doublings(len(os.sched_getaffinity(0)))


def case_of(tables, curve, axis, value):
    """(case, the specification of its data, threads) of one point."""
    base = tables["curve_base"]
    size = {name: base[name] for name in ("rows", "columns", "classes")}
    threads = len(os.sched_getaffinity(0))
    if axis == "threads":
        threads = value
    else:
        size[axis] = value
    name = f"{curve['model']} {axis}={value}"
    data = "-".join(f"{size[key]}{key}" for key in size)
    case = curve | {"name": name, "data": data, "task": "classification"}
    return case, {"generate": "clusters", **size}, threads


def least_work(tables, curve, axis):
    """{stage: (kind, [[value, work] ...])}: bytes or flops that no method avoids, by `least` of the curve."""
    points = {stage: [] for stage in curve["least"]}
    for value in values_of(tables, axis):
        _, size, _ = case_of(tables, curve, axis, value)
        train = size["rows"] * 3 // 4
        rows = {"fit": train, "predict": size["rows"] - train}
        for stage, kind in curve["least"].items():
            cells = rows[stage] * size["columns"]
            points[stage].append([value, 4 * cells if kind == "bytes" else 2 * cells * train])
    return {stage: (curve["least"][stage], points[stage]) for stage in points}


def measure(bench, tables, curve, axis, side, limit):
    """Points of one side, smallest first, up to the first one over the limit or without an answer."""
    points = []
    for value in values_of(tables, axis):
        case, spec, bench.threads = case_of(tables, curve, axis, value)
        bench.store.specs[case["data"]] = spec
        variant = runs.peers.PEERS[side].choices(curve["model"], sparse=False)[0]
        try:
            line = bench.block(case, side, 1, "float32", variant)
        except runs.Missing as reason:
            return points, str(reason)
        points.append({"value": value} | {field: line[field] for field in FIELDS})
        if line["cold"] + line["fit"] + line["predict"] > limit:
            return points, f"over {limit} s"
    return points, None


def exponent(points, field):
    """The slope of log time over log value, from the upper half of the curve; None below 3 points."""
    points = points[-max(3, len(points) // 2 + 1):]
    if len(points) < 3:
        return None
    return stats.slope([p["value"] for p in points], [p[field] for p in points])


def curve_row(bench, tables, curve, axis, limit):
    row = {"model": curve["model"], "axis": axis, "machine": bench.machine, "sides": {},
           "least": least_work(tables, curve, axis)}
    for side in ("hone", *curve["peers"]):
        points, stopped = measure(bench, tables, curve, axis, side, limit)
        row["sides"][side] = {"points": points, "stopped": stopped,
                              "fit_exponent": exponent(points, "fit"),
                              "predict_exponent": exponent(points, "predict")}
    return row


def show(row):
    lines = [f"{row['model']} over {row['axis']}"]
    for side, curve in row["sides"].items():
        cells = [f"{p['value']}: {p['fit']:.3g} s, {p['predict']:.3g} s, {p['peak_mib']:.0f} MiB"
                 for p in curve["points"]]
        slope = curve["fit_exponent"]
        lines.append(f"  {side:14} " + "; ".join(cells)
                     + (f"; fit ~ {row['axis']}^{slope:.2f}" if slope is not None else "")
                     + (f"; stopped: {curve['stopped']}" if curve["stopped"] else ""))
    return "\n".join(lines)


def main():
    tables, _ = runs.cases_of("default", [])
    models = [curve["model"] for curve in tables["curve"]]
    parser = argparse.ArgumentParser(prog="bench/scaling", description=__doc__)
    parser.add_argument("--model", action="append", choices=models)
    parser.add_argument("--axis", action="append", choices=tables["curve_axes"])
    parser.add_argument("--seconds", type=float, default=tables["curve_base"]["seconds"],
                        help="the longest point of a curve (default: that of cases.toml)")
    parser.add_argument("--out", default=str(runs.ROOT / "bench/out"))
    args = parser.parse_args()
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    bench = runs.Bench("default", 1, args.out, 1)
    with open(pathlib.Path(args.out) / "curves.jsonl", "a", buffering=1) as out:
        for curve in tables["curve"]:
            for axis in args.axis or tables["curve_axes"]:
                if args.model and curve["model"] not in args.model:
                    continue
                row = curve_row(bench, tables, curve, axis, args.seconds)
                out.write(json.dumps(row) + "\n")
                print(show(row), flush=True)


if __name__ == "__main__":
    main()
