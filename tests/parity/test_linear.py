"""logistic_regression and linear_regression end at the optimum of scikit-learn's objectives.

Both are trained on the same columns and the objective is computed here, in double, from each one's
coefficients. Hone's must agree with the peer's to 1e-6 relative; with an l1 penalty, where saga
stops early, it may be lower, and the conditions of the optimum are checked. usage: test_linear.py
HONE
"""
import csv
import gzip
import itertools
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge

HONE = str(Path(sys.argv.pop(1)).resolve())
DATA = Path(__file__).resolve().parents[2] / "examples" / "data"
WITHIN = 1e-6


def table(name, target, rows):
    """Numeric columns without missing cells, standardised, and the target as text."""
    with gzip.open(DATA / f"{name}.csv.gz", "rt", newline="") as file:
        lines = [line for line in csv.DictReader(file)]
    lines = lines[:: max(1, len(lines) // rows)][:rows]
    names = [c for c in lines[0] if c != target and is_number(lines, c)]
    x = np.array([[float(line[c]) for c in names] for line in lines])
    return (x - x.mean(axis=0)) / x.std(axis=0), [line[target] for line in lines]


def is_number(lines, column):
    try:
        return len({float(line[column]) for line in lines}) > 1
    except ValueError:
        return False


class Table:
    def __init__(self, folder, name, x, y):
        self.x, self.y, self.path = x, y, folder / f"{name}.csv"
        with open(self.path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([f"c{j}" for j in range(x.shape[1])] + ["y"])
            writer.writerows([*map(repr, map(float, row)), label] for row, label in zip(x, y))

    def hone(self, folder, **settings):
        """Coefficients (rows x columns) and intercepts of a training on all rows."""
        sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        models = Path(tempfile.mkdtemp(dir=folder))
        task = "classification" if "logistic" in settings["model"] else "regression"
        done = subprocess.run(
            [HONE, "train", "--data", self.path, "--target", "y", "--validation", "none", "--quiet",
             "--task", task, "--set", "prep:scale=none", "--model-dir", models, *sets],
            capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        told = json.loads(subprocess.run([HONE, "describe", "--model", next(models.iterdir())],
                                         capture_output=True, text=True, check=True).stdout)
        assert told["state"]["converged"] == 1, settings
        w = told["outputs"]["coefficients"]["values"]
        b = told["outputs"]["intercepts"]["values"]
        rows = [w] if isinstance(b, float) else list(w.values())
        return (np.array([list(row.values()) for row in rows]),
                np.array([b] if isinstance(b, float) else list(b.values())))


def logistic_objective(x, y, weight, c, l1_ratio, w, b):
    classes, label = np.unique(y, return_inverse=True)
    z = x @ w.T + b
    if len(classes) == 2:
        loss = np.logaddexp(0, -(2 * label - 1) * z[:, 0])
    else:
        loss = logsumexp(z, axis=1) - z[np.arange(len(label)), label]
    return c * (weight[label] * loss).sum() + penalty(w, l1_ratio)


def violation(x, y, weight, c, l1_ratio, w, b):
    """Of the optimality conditions, the largest, as a share of the weight of the loss."""
    classes, label = np.unique(y, return_inverse=True)
    z = x @ w.T + b
    z = np.column_stack([np.zeros(len(z)), z[:, 0]]) if len(classes) == 2 else z
    p = np.exp(z - logsumexp(z, axis=1, keepdims=True))
    p[np.arange(len(label)), label] -= 1
    g = c * (weight[label, None] * p).T @ np.column_stack([x, np.ones(len(x))])
    g = g[1:] if len(classes) == 2 else g
    slope = g[:, :-1] + (1 - l1_ratio) * w
    at = np.where(w != 0, np.abs(slope + l1_ratio * np.sign(w)),
                  np.maximum(np.abs(slope) - l1_ratio, 0))
    return max(at.max(), np.abs(g[:, -1]).max()) / (c * weight[label].sum())


def penalty(w, l1_ratio):
    return l1_ratio * np.abs(w).sum() + (1 - l1_ratio) * 0.5 * (w ** 2).sum()


def descend(H, g, w, lasso):
    """The least of g'(v - w) + (v - w)'H(v - w) / 2 + lasso |v|, one coordinate after the other."""
    v, q = w.copy(), g.copy()
    for _ in range(100000):
        most = 0.0
        for j in range(len(v)):
            goal = v[j] - q[j] / H[j, j]
            move = np.sign(goal) * max(abs(goal) - lasso[j] / H[j, j], 0) - v[j]
            if move:
                v[j] += move
                q += H[:, j] * move
                most = max(most, H[j, j] * move * move)
        if most <= 1e-26 * abs(g).max():
            break
    return v


def plain_lasso(x, y, c):
    """As glmnet goes about it: weighted least squares about where it stands. y of 0 and 1: the
    logistic loss times c; else half the square. Coefficients, then the intercept."""
    one = np.column_stack([x, np.ones(len(x))])
    lasso = np.append(np.ones(x.shape[1]), 0)
    logistic = set(np.unique(y)) <= {0, 1}
    v = np.zeros(one.shape[1])
    for _ in range(60):
        z = one @ v
        p = 1 / (1 + np.exp(-z)) if logistic else z
        h = p * (1 - p) if logistic else np.ones(len(y))
        last, v = v, descend(c * (one.T * h) @ one, c * one.T @ (p - y), v, lasso)
        if np.abs(v - last).max() <= 1e-12 * np.abs(v).max():
            break
    return v


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def agree(self, hone, peer, lower=False):
        """`lower`: less than the peer's is as good."""
        self.assertLessEqual(hone - peer, WITHIN * peer)
        if not lower:
            self.assertLessEqual(peer - hone, WITHIN * peer)

    def test_logistic_regression_over_penalties_weights_and_data(self):
        for name, target, rows in (("spam", "type", 800), ("vehicle", "Class", 400),
                                   ("letter", "lettr", 500)):
            data = Table(self.folder, name, *table(name, target, rows))
            classes, count = np.unique(data.y, return_counts=True)
            grid = itertools.product((0.01, 1, 30), (0, 0.5, 1), (None, "balanced"))
            for c, l1_ratio, class_weight in grid:
                if name == "letter" and (c, l1_ratio) not in ((1, 0), (0.01, 0.5)):
                    continue  # the peer takes minutes
                weight = np.ones(len(classes))
                if class_weight:
                    weight = len(data.y) / (len(classes) * count)
                # tol is that of a step's decrease here, of a coordinate's change there
                peer = LogisticRegression(
                    C=c, l1_ratio=l1_ratio, class_weight=class_weight, tol=1e-8,
                    max_iter=1000, solver="saga" if l1_ratio else "lbfgs").fit(data.x, data.y)
                w, b = data.hone(self.folder, model="logistic_regression", penalty="elasticnet", C=c,
                                 l1_ratio=l1_ratio, class_weight=class_weight or "none", tol=1e-8)
                args = (data.x, data.y, weight, c, l1_ratio)
                with self.subTest(data=name, C=c, l1_ratio=l1_ratio, class_weight=class_weight):
                    self.agree(logistic_objective(*args, w, b),
                               logistic_objective(*args, peer.coef_, peer.intercept_),
                               lower=l1_ratio > 0)
                    self.assertLessEqual(violation(*args, w, b), 1e-5)

    def test_one_against_the_rest_is_one_fit_a_class(self):
        data = Table(self.folder, "ovr", *table("vehicle", "Class", 400))
        w, b = data.hone(self.folder, model="logistic_regression", multi_class="ovr", tol=1e-8)
        for k, label in enumerate(np.unique(data.y)):
            y = np.array([v == label for v in data.y])
            peer = LogisticRegression(tol=1e-8, max_iter=20000).fit(data.x, y)
            args = (data.x, y, np.ones(2), 1, 0)
            with self.subTest(label=label):
                self.agree(logistic_objective(*args, w[k:k + 1], b[k:k + 1]),
                           logistic_objective(*args, peer.coef_, peer.intercept_))

    def test_l1_keeps_the_columns_that_plain_coordinate_descent_keeps(self):
        for name, target, rows, strengths in (("spam", "type", 800, (0.01, 0.1, 1)),
                                              ("adult", "income", 1500, (0.01, 0.1)),
                                              ("pima", "diabetes", 700, (0.02, 0.1)),
                                              ("abalone", "Rings", 1000, (0.003, 0.03)),
                                              ("diamonds", "price", 1000, (1e-6, 1e-4))):
            x, y = table(name, target, rows)
            data = Table(self.folder, f"support-{name}", x, y)
            classes = name not in ("abalone", "diamonds")
            y = (np.unique(y, return_inverse=True)[1] if classes else np.array(y)).astype(float)
            for c in strengths:
                how = ({"model": "logistic_regression", "C": c} if classes else
                       {"model": "linear_regression", "alpha": 1 / c})
                w, b = data.hone(self.folder, penalty="l1", tol=1e-12, **how)
                want = plain_lasso(x, y, c)
                with self.subTest(data=name, c=c):
                    self.assertEqual(np.flatnonzero(w[0]).tolist(),
                                     np.flatnonzero(want[:-1]).tolist())
                    self.assertLess(np.abs(w[0] - want[:-1]).max(), 1e-5 * np.abs(want).max())
                    self.assertLess(abs(b[0] - want[-1]), 1e-5 * np.abs(want).max())

    def test_linear_regression_over_penalties(self):
        for name, target in (("abalone", "Rings"), ("diamonds", "price")):
            data = Table(self.folder, name, *table(name, target, 1000))
            y = np.array([float(v) for v in data.y])
            n = len(y)
            for alpha, l1_ratio in itertools.product((0.1, 10, 300), (0, 0.5, 1)):
                if l1_ratio == 0:
                    peer = Ridge(alpha=alpha)
                else:
                    kind = Lasso if l1_ratio == 1 else ElasticNet
                    extra = {} if l1_ratio == 1 else {"l1_ratio": l1_ratio}
                    peer = kind(alpha=alpha / n, tol=1e-10, max_iter=100000, **extra)
                peer.fit(data.x, y)
                w, b = data.hone(self.folder, model="linear_regression", penalty="elasticnet",
                                 alpha=alpha, l1_ratio=l1_ratio, tol=1e-10)

                def objective(w, b):
                    return 0.5 * ((y - data.x @ w - b) ** 2).sum() + alpha * penalty(w, l1_ratio)
                with self.subTest(data=name, alpha=alpha, l1_ratio=l1_ratio):
                    self.agree(objective(w[0], b[0]), objective(peer.coef_, peer.intercept_))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
