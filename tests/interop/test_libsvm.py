#!/usr/bin/env python3
"""Models of Hone in LIBSVM's programs and its models in Hone: test_libsvm.py

Needs the package hone, libsvm-official, and the programs svm-train and svm-predict. Each case goes both
ways: Hone trains, its text is read by LIBSVM's library (decision values) and by svm-predict (labels, amounts);
svm-train trains, and Hone predicts with the file. Kernel values of Hone are float32: decision values must
agree within 1e-5 of the sum of the coefficients, labels wherever no pair of classes is that close.
"""

import csv
import ctypes
import gzip
import pathlib
import subprocess
import sys
import tempfile

import hone
import numpy as np
from libsvm import svm, svmutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = 2000
CLASSES = ["pima:diabetes", "vehicle:Class", "letter:lettr", "spam:type"]
CASES = [(data, s, options) for data in CLASSES for s, options in [
    ({"kernel": "rbf", "gamma": 0.1, "C": 3.0}, "-s 0 -t 2 -g 0.1 -c 3"),
    ({"kernel": "linear", "C": 0.5}, "-s 0 -t 0 -c 0.5"),
    ({"kernel": "poly", "degree": 2, "gamma": 0.1, "coef0": 1.0}, "-s 0 -t 1 -d 2 -g 0.1 -r 1 -c 1"),
    ({"kernel": "sigmoid", "gamma": 0.01, "coef0": 0.5}, "-s 0 -t 3 -g 0.01 -r 0.5 -c 1"),
    ({"kernel": "rbf", "gamma": 0.1, "formulation": "nu", "nu": 0.2}, "-s 1 -t 2 -g 0.1 -n 0.2"),
] if (data, s["kernel"]) != ("letter:lettr", "sigmoid")] + [
    ("abalone:Rings", {"kernel": "rbf", "gamma": 0.1, "C": 3.0, "epsilon": 0.2}, "-s 3 -t 2 -g 0.1 -c 3 -p 0.2"),
    ("abalone:Rings", {"kernel": "rbf", "gamma": 0.1, "formulation": "nu", "nu": 0.4}, "-s 4 -t 2 -g 0.1 -n 0.4"),
]


def table(name, target):
    """Numbers only, standardised, in float32: both sides then see the same values. Classes are 1, 2, .."""
    with gzip.open(ROOT / f"examples/data/{name}.csv.gz", "rt") as file:
        header, *rows = csv.reader(file)
    at = header.index(target)
    rows = rows[:: max(1, len(rows) // ROWS)][:ROWS]
    keep = [j for j in range(len(header)) if j != at and all(number(r[j]) for r in rows)]
    x = np.array([[float(r[j]) for j in keep] for r in rows])
    x = ((x - x.mean(0)) / np.maximum(x.std(0), 1e-12)).astype(np.float32).astype(float)
    labels = [r[at] for r in rows]
    if name == "abalone":
        return x, np.array(labels, float)
    names = sorted(set(labels))
    return x, np.array([names.index(v) + 1 for v in labels])


def number(cell):
    try:
        return np.isfinite(float(cell))
    except ValueError:
        return False


def svmlight(x, y, path):
    with open(path, "w") as file:
        for row, label in zip(x, y):
            cells = " ".join(f"{j + 1}:{v!r}" for j, v in enumerate(row.tolist()) if v)
            print(repr(label.item()), cells, file=file)


def program(*words):
    subprocess.run([*map(str, words)], check=True, capture_output=True)


def values_of(model, x):
    """Labels or amounts, and decision values, of LIBSVM's library. (svmutil.svm_predict has too little room
    for the values of a nu-SVC of several classes.)"""
    k = model.get_nr_class()
    room = (ctypes.c_double * max(1, k * (k - 1) // 2))()
    labels, values = [], []
    for row in x.tolist():
        cells, _ = svm.gen_svm_nodearray({j + 1: v for j, v in enumerate(row)})
        labels.append(svm.libsvm.svm_predict_values(model, cells, room))
        values.append(list(room))
    return np.array(labels), np.array(values)


def agree(model, file, x):
    """What differs between Hone's model and LIBSVM's view of the file."""
    theirs = svmutil.svm_load_model(str(file))
    labels, values = values_of(theirs, x)
    room = 1e-5 * max(1, max(sum(abs(c) for c in row) for row in zip(*theirs.get_sv_coef())))
    own = np.asarray(model.predict(x), float)
    gap = 0.0
    if theirs.get_svm_type() in (3, 4):  # epsilon-SVR, nu-SVR
        gap = np.abs(own - labels).max()
    else:
        clear = np.abs(values).min(1) > room
        assert (own == labels)[clear].all(), f"{(own != labels)[clear].sum()} labels differ"
        if theirs.get_nr_class() == 2:
            sign = 1 if theirs.get_labels() == sorted(theirs.get_labels(), reverse=True) else -1
            gap = np.abs(sign * values[:, 0] - np.asarray(model.scores(x)).reshape(len(x), -1)[:, -1]).max()
    assert gap <= room, f"decision values differ by {gap:.1e}, {room:.1e} is allowed"
    return labels, gap / room * 1e-5


def out(x, y, settings, folder):
    task = "regression" if y.dtype == float else "classification"
    prep = {"model": "svm", "prep:scale": "none", "tol": 1e-4}
    prep |= {"prep:target": "none"} if task == "regression" else {}
    result = hone.fit(prep | settings, hone.Dataset(x, y, task=task), seed=0)
    hone.export_libsvm(result.model, folder / "own.model")
    labels, gap = agree(result.model, folder / "own.model", x)
    program("svm-predict", folder / "rows.svm", folder / "own.model", folder / "labels")
    said = np.loadtxt(folder / "labels")  # amounts have six digits
    assert np.allclose(said, labels, rtol=1e-5, atol=0), "svm-predict and the library differ"
    return gap


def back(x, options, folder):
    program("svm-train", *options.split(), "-e", "1e-4", folder / "rows.svm", folder / "theirs.model")
    model = hone.import_libsvm(folder / "theirs.model", columns=x.shape[1])
    return agree(model, folder / "theirs.model", x)[1]


def main():
    failed = 0
    for name, settings, options in CASES:
        data, target = name.split(":")
        x, y = table(data, target)
        with tempfile.TemporaryDirectory() as made:
            folder = pathlib.Path(made)
            svmlight(x, y, folder / "rows.svm")
            try:
                said = f"out within {out(x, y, settings, folder):.0e}, back within {back(x, options, folder):.0e}"
            except Exception as error:  # every case has its line
                failed += 1
                said = f"FAILED: {type(error).__name__}: {error}"
        print(f"{data} {options}: {said}", flush=True)
    print(f"LIBSVM: {len(CASES) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
