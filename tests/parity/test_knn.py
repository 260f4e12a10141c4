#!/usr/bin/env python3
"""k-NN finds the neighbours and distances that a plain loop in double finds, on every dataset.

usage: test_knn.py FOLDER [FILE.svm.gz]    tables of FOLDER (target columns below), needs hone and NumPy
"""

import pathlib
import sys

import numpy as np
import pandas as pd

import hone

TARGETS = {"adult": "income", "letter": "lettr", "spam": "type", "vehicle": "Class", "pima": "diabetes",
           "diamonds": "price", "abalone": "Rings"}
# What is compared, and the distance that it stands for.
METRICS = {"euclidean": (lambda g: summed(g * g), np.sqrt), "manhattan": (lambda g: summed(np.abs(g)), np.array),
           "chebyshev": (lambda g: np.abs(g).max(axis=0), np.array)}
K, QUERIES = 15, 80


def summed(terms):
    """In ascending columns, one after the other: the order of the plain loop."""
    total = np.zeros(terms.shape[1])
    for row in terms:
        total = total + row
    return total


def nearest(far):
    """The K nearest rows: by distance, then by row."""
    best = np.flatnonzero(far <= np.partition(far, K - 1)[K - 1])
    return best[np.lexsort((best, far[best]))][:K]


def plain(X, q, metric):
    """(rows, distances) of the K nearest."""
    rank, distance = METRICS[metric]
    far = rank((X - q).T)
    best = nearest(far)
    return best, distance(far[best])


def plain_sparse(X, q):
    """The same over the columns that either row has."""
    mine = np.zeros(X.shape[1])
    mine[q.indices] = q.data
    far = np.zeros(X.shape[0])
    for i in range(X.shape[0]):
        own = slice(X.indptr[i], X.indptr[i + 1])
        other = np.setdiff1d(q.indices, X.indices[own], assume_unique=True)
        columns = np.concatenate([X.indices[own], other])
        gaps = np.concatenate([X.data[own] - mine[X.indices[own]], mine[other]])
        for gap in gaps[np.argsort(columns)]:
            far[i] += gap * gap
    best = nearest(far)
    return best, np.sqrt(far[best])


def table(path, target):
    frame = pd.read_csv(path)
    frame.pop(target)
    numbers = frame.select_dtypes("number")
    words = frame.drop(columns=numbers.columns)
    blocks = [numbers.fillna(numbers.median()).to_numpy(float)]
    if words.shape[1]:
        blocks.append(pd.get_dummies(words).to_numpy(float))
    X = np.hstack(blocks)
    deviation = X.std(axis=0)
    return {"as it is": X, "scaled": (X - X.mean(axis=0)) / np.where(deviation == 0, 1, deviation)}


def compare(name, X, Q, metric, algorithm, truth, given=None):
    y = np.where(np.arange(X.shape[0]) % 2, "odd", "even")
    cfg = {"model": "knn", "n_neighbors": K, "metric": metric, "algorithm": algorithm, "prep:scale": "none"}
    model = hone.fit(cfg, {"X": X if given is None else given[0], "y": y},
                     validation="holdout:0.01").model
    rows = model.output("nearest_rows", Q if given is None else given[1])
    distances = model.output("nearest_distances", Q if given is None else given[1])
    for i, (want, far) in enumerate(truth):
        assert np.array_equal(rows[i], want), (name, metric, algorithm, i, rows[i], want)
        assert np.allclose(distances[i], far, rtol=1e-15, atol=0), (name, metric, algorithm, i)


def with_holes(path, target, random):
    """The table as it is, a tenth of its cells missing, one row and one column empty."""
    frame = pd.read_csv(path)
    frame.pop(target)
    frame = frame.mask(random.random(frame.shape) < 0.1)
    frame["empty"] = np.full(len(frame), np.nan)
    frame.iloc[17] = np.nan
    return frame


def gower(frame, row):
    """Gower (1971) of `row` to each row: the mean over the columns that both have, 1 where there is none."""
    total, both = np.zeros(len(frame)), np.zeros(len(frame))
    for name in frame.columns:
        cells, cell = frame[name], row[name]
        there = cells.notna().to_numpy() & pd.notna(cell)
        if pd.api.types.is_numeric_dtype(cells):
            width = cells.max() - cells.min()
            part = (np.minimum(np.abs(cells.to_numpy(float) - float(cell)) / width, 1) if width > 0
                    else (cells != cell).to_numpy(float))
        else:
            part = (cells != cell).to_numpy(float)
        total, both = total + np.where(there, part, 0), both + there
    return np.where(both > 0, total / np.maximum(both, 1), 1.0)


def compare_mixed(name, path, target, random):
    """Rows of the table, some with values that no row has, through `metric = gower`."""
    frame = with_holes(path, target, random)
    pick = random.choice(len(frame), QUERIES, replace=False)
    Q = frame.iloc[pick].reset_index(drop=True)
    for column in frame.columns[:3]:
        cells = frame[column]
        Q[column] = Q[column].astype(float if pd.api.types.is_numeric_dtype(cells) else object)
        Q.loc[: QUERIES // 8, column] = cells.max() * 1.5 if pd.api.types.is_numeric_dtype(cells) else "unheard of"
    Q.iloc[QUERIES - 1] = np.nan
    truth = [(nearest(far), far) for far in (gower(frame, Q.iloc[i]) for i in range(QUERIES))]
    y = np.where(np.arange(len(frame)) % 2, "odd", "even")
    for threads in (1, 3):
        model = hone.fit({"model": "knn", "n_neighbors": K, "metric": "gower"}, {"X": frame, "y": y},
                         validation="holdout:0.01", n_threads=threads).model
        rows, distances = model.output("nearest_rows", Q), model.output("nearest_distances", Q)
        for i, (want, far) in enumerate(truth):
            assert np.array_equal(rows[i], want), (name, i, rows[i], want)
            assert np.array_equal(distances[i], far[want]), (name, i)
    return 2 * QUERIES


def main(folder, sparse=None):
    count = 0
    random = np.random.default_rng(0)
    for name in ("adult", "diamonds", "abalone"):
        path = next(pathlib.Path(folder).glob(f"{name}.csv*"))
        count += compare_mixed(name, path, TARGETS[name], random)
        print(f"{name} with holes: {count} queries so far", flush=True)
    for path in sorted(pathlib.Path(folder).glob("*.csv*")):
        name = path.name.split(".")[0]
        for how, X in table(path, TARGETS[name]).items():
            pick = np.sort(random.choice(len(X), min(QUERIES, len(X)), replace=False))
            moved = X[pick[: len(pick) // 2]] + random.choice([0.0, 0.5], size=(len(pick) // 2, X.shape[1]))
            Q = np.vstack([X[pick[len(pick) // 2 :]], moved])
            for metric in METRICS:
                truth = [plain(X, q, metric) for q in Q]
                for algorithm in ("brute", "kd_tree", "auto"):
                    compare(f"{name} {how}", X, Q, metric, algorithm, truth)
                    count += len(Q)
                if metric == "euclidean" and how == "as it is":
                    from scipy import sparse as csr

                    compare(f"{name} sparse", X, Q, metric, "auto", truth,
                            (csr.csr_matrix(X), csr.csr_matrix(Q)))
                    count += len(Q)
        print(f"{name}: {count} queries so far", flush=True)
    if sparse:
        from sklearn.datasets import load_svmlight_file

        X = load_svmlight_file(sparse, zero_based=False)[0]
        Q = X[np.sort(random.choice(X.shape[0], 12, replace=False))]
        truth = [plain_sparse(X, Q[i]) for i in range(Q.shape[0])]
        compare("sparse", X, None, "euclidean", "auto", truth, (X, Q))
        count += Q.shape[0]
    print(f"{count} queries, {K} neighbours each: all as the plain loop finds them")


if __name__ == "__main__":
    main(*sys.argv[1:])
