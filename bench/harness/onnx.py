"""bench/onnx: prediction by Hone's own models and by ONNX Runtime with the exported ones."""

import argparse
import statistics
import time

import hone
import numpy as np
import onnxruntime

from . import data, machine, runs

CASES = [  # data, configuration
    ("adult", {"model": "logistic_regression"}),
    ("adult", {"model": "random_forest"}),
    ("adult", {"model": "svm", "max_iter": 20000}),
    ("adult", {"model": "knn"}),
    ("letter", {"model": "logistic_regression"}),
    ("letter", {"model": "random_forest"}),
    ("letter", {"model": "svm"}),
    ("letter", {"model": "knn"}),
]
ROUNDS = 5


def session(graph):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def microseconds(call, rows):
    """Median of one call a row."""
    times = []
    for row in rows:
        start = time.perf_counter_ns()
        call(row)
        times.append((time.perf_counter_ns() - start) / 1e3)
    return statistics.median(times)


def interleaved(calls, rows):
    """Medians over rounds that go back and forth."""
    for call in calls:
        microseconds(call, rows[:20])
    found = [[] for _ in calls]
    for turn in range(ROUNDS):
        for k in range(len(calls)) if turn % 2 else reversed(range(len(calls))):
            found[k].append(microseconds(calls[k], rows))
    return [statistics.median(values) for values in found]


def single(bench, name, config, count):
    path = bench.store.path({"data": name, "scale": True, "name": name}, 1, "float64")
    X, y, X_test, _ = data.read(path)
    model = hone.fit(config, hone.Dataset(X, y, task="classification"), seed=1).model
    runtime = session(hone.export_onnx(model))
    rows = [X_test[i : i + 1] for i in range(count)]
    own, theirs = interleaved([lambda r: model.predict(r, n_threads=1), lambda r: runtime.run(["label"], {"X": r})], rows)
    print(f"{name:8} {config['model']:20} one row: Hone {own:9.1f} us, ONNX Runtime {theirs:9.1f} us, {theirs / own:6.2f}x",
          flush=True)


def neighbours(bench, count):
    """k-NN in ONNX Runtime: Hone's graph and that of skl2onnx, 2,000 x 20 training rows."""
    from skl2onnx import to_onnx
    from sklearn.neighbors import KNeighborsClassifier

    X, y = data.clusters(2000 + count, 20, 3)
    X, rows = X[:2000], [X[i : i + 1] for i in range(2000, 2000 + count)]
    y = y[:2000]
    peer = KNeighborsClassifier(5, algorithm="brute").fit(X, y)
    graph = to_onnx(peer, X[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    model = hone.fit({"model": "knn", "prep:scale": "none"}, hone.Dataset(X, y, task="classification"), seed=1).model
    sessions = [session(hone.export_onnx(model)), session(graph.SerializeToString())]
    for what, parts in (("one row", rows[:50]), ("100 rows", [np.vstack(rows[:100])] * 5)):
        ours, theirs = interleaved([lambda r, s=s: s.run(None, {s.get_inputs()[0].name: r}) for s in sessions], parts)
        print(f"k-NN graph, {what}: Hone's {ours:.1f} us, skl2onnx's {theirs:.1f} us, {theirs / ours:.1f}x", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="bench/onnx", description=__doc__)
    parser.add_argument("--rows", type=int, default=200, help="rows predicted one by one, at least 100")
    parser.add_argument("--out", default=str(runs.ROOT / "bench/out"))
    args = parser.parse_args()
    bench = runs.Bench("default", 1, args.out, 1)
    print(f"ONNX Runtime {onnxruntime.__version__}, 1 thread, {machine.describe(str(runs.ROOT))['processor']}")
    for name, config in CASES:
        single(bench, name, config, args.rows)
    neighbours(bench, args.rows)


if __name__ == "__main__":
    main()
