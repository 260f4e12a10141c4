#!/usr/bin/env python3
"""Exported models against ONNX Runtime: test_onnx.py HONE [PATTERN]

Rows of real tables go raw into both: a quarter of them exactly on thresholds of the model, others
with missing cells and unknown levels. Labels must be equal unless the scores of the two best classes
are within 1e-6 (of an svm by votes, the decision of some pair within a thousandth of what is usual for it),
probabilities within 1e-6, amounts within 1e-5 of their size.
"""

import csv
import gzip
import io
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
HONE = sys.argv[1]
ROWS = 2000
CASES = [  # data, target, settings of the model
    ("adult", "income", ["model=random_forest", "n_estimators=20"]),
    ("adult", "income", ["model=logistic_regression"]),
    ("adult", "income", ["model=logistic_regression", "prep:impute=mean", "prep:encode=ordinal"]),
    ("adult", "income", ["model=svm", "max_iter=2000"]),
    ("letter", "lettr", ["model=random_forest", "n_estimators=10"]),
    ("letter", "lettr", ["model=logistic_regression", "max_iter=5"]),
    ("adult", "income", ["model=knn"]),
    ("vehicle", "Class", ["model=logistic_regression", "categorical=Circ"]),
    ("adult", "income", ["model=knn", "weights=distance", "class_weight=balanced", "n_neighbors=30"]),
    ("letter", "lettr", ["model=knn", "prep:scale=none"]),
    ("letter", "lettr", ["model=knn", "metric=hamming", "prep:scale=none"]),
    ("vehicle", "Class", ["model=knn", "metric=manhattan", "weights=distance"]),
    ("vehicle", "Class", ["model=knn", "metric=chebyshev"]),
    ("vehicle", "Class", ["model=knn", "metric=minkowski", "p=3", "weights=power"]),
    ("spam", "type", ["model=knn", "metric=cosine", "prep:scale=none"]),
    ("spam", "type", ["model=logistic_regression", "C=0.1"]),
    ("abalone", "Rings", ["model=knn", "weights=distance"]),
    ("diamonds", "price", ["model=knn", "n_neighbors=8"]),
    ("diamonds", "price", ["model=linear_regression"]),
    ("diamonds", "price", ["model=random_forest", "n_estimators=10"]),
    ("vehicle", "Class", ["model=svm", "kernel=laplacian"]),
    ("vehicle", "Class", ["model=svm", "kernel=linear"]),
    ("vehicle", "Class", ["model=svm", "kernel=linear", "formulation=nu", "nu=0.2", "prep:scale=none"]),
    ("vehicle", "Class", ["model=svm"]),
    ("vehicle", "Class", ["model=svm", "kernel=poly", "prep:scale=minmax"]),
    ("vehicle", "Class", ["model=logistic_regression", "multi_class=ovr"]),
    ("pima", "diabetes", ["model=svm", "probability=true"]),
    ("pima", "diabetes", ["model=random_forest", "n_estimators=20"]),
    ("abalone", "Rings", ["model=svm"]),
    ("abalone", "Rings", ["model=random_forest", "n_estimators=20"]),
]


def hone(*words):
    done = subprocess.run([HONE, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"hone {words[0]}: {done.stderr.strip()}")
    return done.stdout


def thresholds(model):
    """Of each feature, as the trees of the graph have them."""
    values = {}
    for node in model.graph.node:
        if node.op_type == "TreeEnsembleRegressor":
            a = {x.name: x for x in node.attribute}
            numbers = onnx.numpy_helper.to_array(a["nodes_values_as_tensor"].t)
            for feature, mode, value in zip(a["nodes_featureids"].ints, a["nodes_modes"].strings, numbers):
                if mode != b"LEAF":
                    values.setdefault(feature, []).append(value)
    return values


def number(cell):
    try:
        return float(cell)
    except ValueError:
        return None


def disturb(rows, header, texts, cuts):
    """Rows with holes, unknown levels and numbers on thresholds; every second row stays."""
    dice = random.Random(1)
    for i, row in enumerate(rows):
        j = dice.randrange(len(header))
        if i % 4 == 1 and cuts.get(j) and not texts[j]:
            row[j] = repr(float(dice.choice(cuts[j])))
        elif i % 4 == 3:
            row[j] = "never seen" if texts[j] and dice.random() < 0.5 else ""
    return rows


def table(name, target):
    with gzip.open(ROOT / f"examples/data/{name}.csv.gz", "rt") as file:
        header, *rows = csv.reader(file)
    drop = header.index(target)
    rows = [["" if c == "NA" else c for k, c in enumerate(r) if k != drop] for r in rows[:ROWS]]
    header = [c for k, c in enumerate(header) if k != drop]
    texts = [any(number(r[j]) is None and r[j] for r in rows) for j in range(len(header))]
    return header, rows, texts


def feed(session, header, rows):
    inputs = {}
    for value in session.get_inputs():
        column = [r[header.index(value.name)] for r in rows]
        if "string" in value.type:
            inputs[value.name] = np.array(column, dtype=object).reshape(-1, 1)
        else:
            inputs[value.name] = np.array([float(c or "nan") for c in column]).reshape(-1, 1)
    return inputs


def own_answers(model, rows_file, *flags):
    header, *rows = csv.reader(io.StringIO(hone("predict", "--model", model, "--data", rows_file, *flags)))
    return rows


def train(file, target, settings, flags, folder):
    words = [w for s in settings for w in
             (["--categorical", s.split("=")[1]] if s.startswith("categorical=") else ["--set", s])]
    hone("train", *flags, "--data", file, "--target", target, *words, "--seed", 1, "--quiet", "--no-refit",
         "--model-dir", folder)
    model = next(folder.glob("*.hone"))
    hone("export", "--format", "onnx", "--model", model, "--output", folder / "m.onnx")
    graph = onnx.load(folder / "m.onnx")
    onnx.checker.check_model(graph)
    return model, graph


def compare(model, rows, header, folder, size=None):
    """What Hone and ONNX Runtime say of the rows. `size`: of amounts, else their own."""
    graph = onnx.load(folder / "m.onnx")
    decision = [n.input[0] for n in graph.graph.node if n.op_type == "Greater"][-1:]
    named = [o.name for o in graph.graph.output]
    voted = named[-1].startswith(("votes", "scores"))
    if voted:  # what the votes come from is asked for too
        graph.graph.output.append(onnx.helper.make_tensor_value_info(decision[0], onnx.TensorProto.DOUBLE, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    with open(folder / "rows.csv", "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    names = [o.name for o in session.get_outputs()]
    answers = session.run(names, feed(session, header, rows))
    labels = [r[0] for r in own_answers(model, folder / "rows.csv")]
    if names[0].startswith("prediction"):
        own = np.array(labels, float)
        gap = np.abs(own - answers[0]) / (size or np.maximum(1, np.abs(own)))
        assert gap.max() <= 1e-5, f"amounts differ by {gap.max():.1e}"
        return f"amounts within {gap.max():.1e}"
    scores = np.sort(answers[1], axis=1)
    clear = scores[:, -1] - scores[:, -2] > 1e-6
    if voted:  # Hone's kernel values are float32: no pair may be near 0, measured by what is usual for it
        usual = np.median(np.abs(answers[2]), axis=0)
        clear = (np.abs(answers[2]) > 1e-3 * usual).all(1)
        assert clear.mean() > 0.9, f"only {clear.sum()} rows are clear"
    differ = (answers[0].astype(str) != np.array(labels)) & clear
    assert not differ.any(), f"{differ.sum()} labels differ, first in row {differ.argmax()}"
    if not names[1].startswith("probabilities"):
        return f"labels equal, {clear.sum()} of {len(clear)} clear"
    own = np.array(own_answers(model, folder / "rows.csv", "--proba"), float)
    gap = np.abs(own - answers[1]).max()
    assert gap <= 1e-6, f"probabilities differ by {gap:.1e}"
    return f"labels equal, probabilities within {gap:.1e}"


def real(data, target, settings, folder):
    task = ["--task", "regression"] if data in ("abalone", "diamonds") else []
    model, graph = train(ROOT / f"examples/data/{data}.csv.gz", target, settings, task, folder)
    header, rows, texts = table(data, target)
    return compare(model, disturb(rows, header, texts, thresholds(graph)), header, folder)


# ---- tables made to be difficult ----

def numbers(names, rows=400):
    """Columns of these names, then y: which of the first three is the largest, as a text."""
    dice = np.random.default_rng(3)
    x = dice.normal(size=(rows, len(names)))
    return [*names, "y"], [[*map(repr, r.tolist()), "abc"[int(r[:3].argmax())]] for r in x]


def own_names(settings, folder):
    """Columns that have the names that graphs give their values and outputs."""
    header, rows = numbers(["v0", "label", "probabilities", "scores", "votes", "prediction", "_v1", "__v2", "X"])
    if "model=linear_regression" in settings:
        rows = [[*r[:-1], repr(float(r[0]) + float(r[1]))] for r in rows]
    said, graph = fit_made(header, rows, settings, [], folder)
    taken = [o.name for o in graph.graph.output]
    assert all(n.endswith("_") for n in taken), f"outputs are {taken}"
    return said


def far_weights(settings, folder):
    header, rows = numbers(["p", "q", "r"])
    rows = [[*r, ["1e200", "1e-200", "1"][i % 3]] for i, r in enumerate(rows)]
    return fit_made([*header, "w"], rows, settings, ["--weight", "w"], folder)[0]


def far_amounts(settings, folder):
    """Targets that differ by a small part of their size: the same part of what they differ by."""
    header, rows = numbers(["p", "q", "r"])
    rows = [[*r[:-1], repr(1.7e9 + 1000 * float(r[0]))] for r in rows]
    return fit_made(header, rows, settings, ["--task", "regression"], folder, size=5000)[0]


def large_levels(settings, folder):
    header, rows = numbers(["p", "q", "r"])
    rows = [[str(2**53 + i % 3), *r[1:]] for i, r in enumerate(rows)]
    try:
        fit_made(header, rows, [*settings, "categorical=p"], [], folder)
    except AssertionError as error:
        assert "hone export: hone: p: has the level 90071992547" in str(error), error
        return "refused by name"
    raise AssertionError("is not refused")


def fit_made(header, rows, settings, flags, folder, size=None):
    """Trains on a table and asks it of its own rows."""
    with open(folder / "t.csv", "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    model, graph = train(folder / "t.csv", "y", settings, flags, folder)
    at = [k for k, name in enumerate(header) if name not in ("y", "w")]
    rows = [[r[k] for k in at] for r in rows]
    return compare(model, rows, [header[k] for k in at], folder, size), graph


MADE = [
    (own_names, ["model=logistic_regression"]),
    (own_names, ["model=svm"]),
    (own_names, ["model=linear_regression"]),
    (far_weights, ["model=knn", "weights=distance"]),
    (far_amounts, ["model=random_forest", "n_estimators=20"]),
    (large_levels, ["model=random_forest"]),
    (far_weights, ["model=knn", "weights=power", "class_weight=balanced", "power=100"]),
]


def main():
    cases = [(data, settings, lambda f, *c: real(*c, f), (data, target, settings)) for data, target, settings in CASES]
    cases += [(made.__name__, settings, lambda f, m, s: m(s, f), (made, settings)) for made, settings in MADE]
    chosen = [c for c in cases if re.search(sys.argv[2], f"{c[0]} {' '.join(c[1])}")] if sys.argv[2:] else cases
    failed = 0
    for name, settings, check, case in chosen:
        with tempfile.TemporaryDirectory() as folder:
            try:
                said = check(pathlib.Path(folder), *case)
            except Exception as error:  # every case has its line
                failed += 1
                said = f"FAILED: {error}"
        print(f"{name} {' '.join(settings)}: {said}", flush=True)
    print(f"ONNX Runtime {onnxruntime.__version__}: {len(chosen) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
