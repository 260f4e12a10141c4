"""svm ends at the optimum of LIBSVM's dual problems, and its certificate holds.

Both are trained at tol 1e-6; objective and KKT gap are computed here, in double, from the
coefficients and the data. Hone's objective may be at most 1e-6 (relative) above LIBSVM's, and the gap of
a fit that calls itself converged must be below tol. usage: test_svm.py [--long]
"""
import gzip
import csv
import sys
import unittest
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

import hone

LONG = "--long" in sys.argv
if LONG:
    sys.argv.remove("--long")
DATA = Path(__file__).resolve().parents[2] / "examples" / "data"
TOL, WITHIN = 1e-6, 1e-6
PATIENCE = 20_000_000 if LONG else 300_000  # pairs that LIBSVM may move
TABLES = {"adult": "income", "letter": "lettr", "spam": "type", "vehicle": "Class", "pima": "diabetes",
          "diamonds": "price", "abalone": "Rings"}


def table(name, rows):
    """Numeric columns without missing cells, standardised, and the target: every k-th row."""
    with gzip.open(DATA / f"{name}.csv.gz", "rt", newline="") as file:
        lines = [line for line in csv.DictReader(file)]
    lines = lines[:: max(1, len(lines) // rows)][:rows]

    def number(column):
        try:
            return len({float(line[column]) for line in lines}) > 1
        except ValueError:
            return False

    names = [c for c in lines[0] if c != TABLES[name] and number(c)]
    x = np.array([[float(line[c]) for c in names] for line in lines])
    y = [line[TABLES[name]] for line in lines]
    if name in ("diamonds", "abalone"):
        y = np.array(y, dtype=float)
        return (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()
    return (x - x.mean(axis=0)) / x.std(axis=0), np.unique(y, return_inverse=True)[1]


def kernel(params, a, b):
    name, gamma = params["kernel"], params.get("gamma", 1.0)
    if name == "linear":
        return a @ b.T
    if name == "rbf":
        norms = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :]
        return np.exp(-gamma * np.maximum(norms - 2 * a @ b.T, 0))
    if name == "laplacian":
        return np.exp(-gamma * np.abs(a[:, None, :] - b[None, :, :]).sum(axis=2))
    inner = gamma * a @ b.T + params.get("coef0", 0.0)
    return inner ** params["degree"] if name == "poly" else np.tanh(inner)


def check(K, y, beta, C, epsilon):
    """Dual objective and KKT gap at y alpha = beta; `epsilon` None: classes -1 and 1."""
    f = K @ beta
    if epsilon is None:
        objective = beta @ f / 2 - np.abs(beta).sum()
        f = f - y
        up = np.where(y > 0, beta < C, beta < 0)
        low = np.where(y > 0, beta > 0, beta > -C)
        return objective, max(f[low].max(initial=-np.inf) - f[up].min(initial=np.inf), 0)
    objective = beta @ f / 2 - y @ beta + epsilon * np.abs(beta).sum()
    f = f - y
    # both variables of a row: one may raise beta, the other lower it
    up = np.concatenate([(f + epsilon)[(beta >= 0) & (beta < C)], (f - epsilon)[beta < 0]])
    low = np.concatenate([(f + epsilon)[beta > 0], (f - epsilon)[(beta <= 0) & (beta > -C)]])
    return objective, max(low.max() - up.min(), 0)


class Fit:
    """Hone's fit of one problem: coefficients by training row and pair of classes."""

    def __init__(self, x, y, params, task, **more):
        config = {"model": "svm", "svm:tol": TOL, "prep:scale": "none",
                  **{f"svm:{k}": v for k, v in params.items()}}
        if task == "regression":
            config["prep:target"] = "none"
        given = {"X": x, "y": y, "task": task}
        if "weight" in more:
            given["sample_weight"] = more.pop("weight")
        self.model = hone.fit(config, given, seed=0, validation="none", n_threads=2, **more).model
        self.iterations = int(self.model.output("iterations")[0, 0])
        self.support = self.model.output("support").ravel().astype(int)
        self.coef = self.model.output("coef")
        self.converged = bool(self.model.output("converged")[0, 0])
        self.gap = float(self.model.output("gap")[0, 0])

    def beta(self, n, column=0):
        beta = np.zeros(n)
        beta[self.support] = self.coef[:, column]
        return beta


def libsvm(cls, x, y, params, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return cls(**params, tol=TOL, cache_size=500, max_iter=PATIENCE, **more).fit(x, y)


class Truth(unittest.TestCase):
    def agree(self, ours, theirs, gap, fit, what):
        scale = max(abs(theirs), 1e-12)
        self.assertLessEqual((ours - theirs) / scale, WITHIN, f"{what}: {ours} against {theirs}")
        if fit.converged:
            self.assertLess(gap, TOL * 1.01, f"{what}: says that it converged")
        return fit.converged

    def classes(self, x, y, params, what):
        """Pairs of classes, each a problem of its own."""
        fit = Fit(x, y, params, "classification")
        k = int(y.max()) + 1
        worst, ours, theirs = 0.0, 0.0, 0.0
        for a in range(k):
            for b in range(a + 1, k):
                rows = np.flatnonzero((y == a) | (y == b))
                sign = np.where(y[rows] == a, 1.0, -1.0)
                both = np.where(y[rows] == a, fit.beta(len(y), b - 1)[rows], fit.beta(len(y), a)[rows])
                K = kernel(params, x[rows], x[rows])
                objective, gap = check(K, sign, both, params["C"], None)
                peer = libsvm(SVC, x[rows], sign, {k: v for k, v in params.items()})
                beta = np.zeros(len(rows))
                beta[peer.support_] = peer.dual_coef_[0]
                ours, theirs = ours + objective, theirs + check(K, sign, beta, params["C"], None)[0]
                worst = max(worst, gap)
        return self.agree(ours, theirs, worst, fit, what)

    def amounts(self, x, y, params, what):
        fit = Fit(x, y, params, "regression")
        K = kernel(params, x, x)
        ours, gap = check(K, y, fit.beta(len(y)), params["C"], params["epsilon"])
        peer = libsvm(SVR, x, y, params)
        beta = np.zeros(len(y))
        beta[peer.support_] = peer.dual_coef_[0]
        theirs = check(K, y, beta, params["C"], params["epsilon"])[0]
        return self.agree(ours, theirs, gap, fit, what)

    def test_data(self):
        for name in TABLES:
            rows = {"letter": 3000, "vehicle": 846}.get(name, 1200) if LONG else 600
            x, y = table(name, rows)
            for params in ({"kernel": "rbf", "gamma": 1 / x.shape[1], "C": 1.0},
                           {"kernel": "rbf", "gamma": 0.5, "C": 30.0}):
                with self.subTest(name=name, **params):
                    if y.dtype.kind == "f":
                        self.amounts(x, y, {**params, "epsilon": 0.1}, name)
                    else:
                        self.classes(x, y, params, name)

    def test_random_problems(self):
        """50 problems over C from 1e-3 to 1e6 and gamma from 1e-5 to 1e2."""
        random = np.random.default_rng(5)
        converged = 0
        for number in range(50):
            n = int(random.integers(50, 2500 if LONG else 500))
            d = int(random.integers(1, 20))
            C, gamma = 10 ** random.uniform(-3, 6), 10 ** random.uniform(-5, 2)
            x = random.normal(size=(n, d))
            z = x @ random.normal(size=d) + np.sin(2 * x[:, 0]) + random.normal(size=n)
            what = f"problem {number}: {n} x {d}, C {C:.3g}, gamma {gamma:.3g}"
            params = {"kernel": "rbf", "gamma": gamma, "C": C}
            with self.subTest(what):
                if number % 3 == 2:
                    params["epsilon"] = 0.1
                    converged += self.amounts(x, (z - z.mean()) / z.std(), params, what)
                else:
                    converged += self.classes(x, (z > 0).astype(int), params, what)
        self.assertGreaterEqual(converged, 40)

    def test_kernels(self):
        x, y = table("pima", 400)
        for params in ({"kernel": "linear", "C": 1.0}, {"kernel": "linear", "C": 100.0},
                       {"kernel": "poly", "gamma": 0.2, "degree": 3, "coef0": 1.0, "C": 1.0},
                       {"kernel": "poly", "gamma": 0.5, "degree": 2, "coef0": 0.0, "C": 5.0}):
            with self.subTest(**params):
                self.classes(x, y, params, params["kernel"])

    def test_many_linear_rows(self):
        """Without kernel rows, dense and sparse: the same optimum."""
        from scipy.sparse import csr_matrix

        x, y = table("spam", 4000)
        x = np.where(np.abs(x) < 0.3, 0, x)
        for C in (0.01, 1.0):
            params = {"kernel": "linear", "C": C}
            K, sign = kernel(params, x, x), np.where(y == 0, 1.0, -1.0)
            peer = libsvm(SVC, x, sign, params)
            beta = np.zeros(len(y))
            beta[peer.support_] = peer.dual_coef_[0]
            theirs = check(K, sign, beta, C, None)[0]
            for given in (x, csr_matrix(x)):
                fit = Fit(given, y, params, "classification")
                ours, gap = check(K, sign, fit.beta(len(y)), C, None)
                self.assertAlmostEqual(fit.beta(len(y)).sum() / np.abs(fit.beta(len(y))).sum(), 0)
                self.assertTrue(self.agree(ours, theirs, gap, fit, f"linear, C {C}"))

    def test_laplacian(self):
        x, y = table("pima", 300)
        for C in (1.0, 1e3):
            params = {"kernel": "laplacian", "gamma": 0.2, "C": C}
            fit = Fit(x, y, params, "classification")
            K, sign = kernel(params, x, x), np.where(y == 0, 1.0, -1.0)
            ours, gap = check(K, sign, fit.beta(len(y)), C, None)
            peer = libsvm(SVC, K, sign, {"kernel": "precomputed", "C": C})
            beta = np.zeros(len(y))
            beta[peer.support_] = peer.dual_coef_[0]
            self.agree(ours, check(K, sign, beta, C, None)[0], gap, fit, "laplacian")

    def test_squared_hinge(self):
        """No lower than what L-BFGS finds; against the rest, one machine a class."""
        from scipy.optimize import minimize

        def cost(v, x, sign, C):
            gap = np.maximum(1 - sign * (x @ v[:-1] + v[-1]), 0)
            slope = -2 * C * sign * gap
            return v[:-1] @ v[:-1] / 2 + C * gap @ gap, np.append(v[:-1] + x.T @ slope, slope.sum())

        for name, rows in (("spam", 1200), ("adult", 1200), ("vehicle", 400), ("letter", 800)):
            x, y = table(name, rows)
            for C in (0.01, 1.0, 100.0) if y.max() < 9 else (1.0,):
                fit = Fit(x, y, {"kernel": "linear", "loss": "squared_hinge", "C": C, "multi_class": "ovr"},
                          "classification")
                planes, starts = fit.model.output("plane"), fit.model.output("intercept").ravel()
                self.assertTrue(fit.converged)
                machines = range(1 if y.max() == 1 else y.max() + 1)
                for c in machines:
                    sign = np.where(y == c, 1.0, -1.0)
                    ours = np.append(planes[c], starts[c])
                    found = minimize(cost, ours * 0, (x, sign, C), jac=True, method="L-BFGS-B",
                                     options={"maxiter": 20000, "maxfun": 40000, "ftol": 1e-15, "gtol": 1e-9})
                    with self.subTest(name=name, C=C, machine=c):
                        self.assertLessEqual(cost(ours, x, sign, C)[0], found.fun * (1 + 1e-8))

    def test_weights(self):
        """Weights of rows and of classes multiply C; rows of weight 0 are as if absent."""
        x, y = table("pima", 500)
        sign = np.where(y == 0, 1.0, -1.0)
        weight = np.random.default_rng(3).choice([0, 0.25, 1, 3.5], len(y))
        for params, theirs, bound in (
                ({}, {"sample_weight": weight}, weight),
                ({"class_weight": "balanced"}, {}, len(y) / 2 / np.bincount(y)[y])):
            params = {"kernel": "rbf", "gamma": 0.1, "C": 2.0, **params}
            given = {"weight": weight} if theirs else {}
            fit = Fit(x, y, params, "classification", **given)
            beta, K = fit.beta(len(y)), kernel(params, x, x)
            most = params["C"] * bound * (1 - 1e-12)
            ours, gap = check(K, sign, beta, most, None)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                peer = SVC(**params, tol=TOL, max_iter=PATIENCE).fit(x, sign, **theirs)
            other = np.zeros(len(y))
            other[peer.support_] = peer.dual_coef_[0]
            self.assertTrue(self.agree(ours, check(K, sign, other, most, None)[0], gap, fit, str(params)))
            self.assertTrue((np.abs(beta) <= params["C"] * bound * (1 + 1e-12)).all())

    def test_sigmoid(self):
        """The kernel is not definite and has no one optimum: the certificate alone counts."""
        x, y = table("spam", 500)
        for params in ({"kernel": "sigmoid", "gamma": 0.01, "coef0": 0.5, "C": 1.0},
                       {"kernel": "sigmoid", "gamma": 0.3, "coef0": -1.0, "C": 10.0}):
            fit = Fit(x, y, {**params, "max_iter": PATIENCE}, "classification")
            _, gap = check(kernel(params, x, x), np.where(y == 0, 1.0, -1.0), fit.beta(len(y)), params["C"], None)
            self.assertEqual(fit.converged, gap < TOL * 1.01, f"{params}: gap {gap}, says {fit.gap}")
            self.assertLess(abs(fit.gap - gap), 1e-6 + 1e-3 * gap)

    def test_sparse_rows(self):
        """Rows like those of texts: a few words of thousands."""
        from scipy.sparse import csr_matrix, random as draw

        words = draw(1200, 5000, 0.004, "csr", np.float64, random_state=5)
        sources = [(words, (words @ np.random.default_rng(6).normal(size=5000) > 0).astype(int))]
        text = Path(__file__).resolve().parents[2] / "bench" / "data" / "sst_train.svm.gz"
        if LONG and text.exists():
            from sklearn.datasets import load_svmlight_file

            x, y = load_svmlight_file(gzip.open(text))
            x, y = x[::25], (y[::25] > y.min()).astype(int)
            sources.append((csr_matrix(x[:, x.getnnz(axis=0) > 0]), y))
        for x, y in sources:
            dense = x.toarray()
            for params in ({"kernel": "linear", "C": 1.0}, {"kernel": "rbf", "gamma": 0.5, "C": 10.0},
                           {"kernel": "poly", "gamma": 0.5, "degree": 2, "coef0": 1.0, "C": 1.0}):
                K, sign = kernel(params, dense, dense), np.where(y == 0, 1.0, -1.0)
                fit = Fit(x, y, params, "classification")
                ours, gap = check(K, sign, fit.beta(len(y)), params["C"], None)
                peer = libsvm(SVC, x, sign, params)
                beta = np.zeros(len(y))
                beta[peer.support_] = peer.dual_coef_.toarray()[0]
                self.assertTrue(self.agree(ours, check(K, sign, beta, params["C"], None)[0], gap, fit, str(params)))

    def test_votes(self):
        """26 classes: labels of held-out rows are LIBSVM's, but where a pair lies on its edge."""
        x, y = table("letter", 6000 if LONG else 2600)
        known = np.arange(len(y)) % 2 == 0
        params = {"kernel": "rbf", "gamma": 0.1, "C": 10.0}
        fit = Fit(x[known], y[known], params, "classification")
        peer = libsvm(SVC, x[known], y[known], params, decision_function_shape="ovo")
        edge = np.abs(peer.decision_function(x[~known])).min(axis=1) < 1e-4
        self.assertLess(edge.mean(), 0.05)
        ours, theirs = (m.predict(x[~known]) for m in (fit.model, peer))
        np.testing.assert_array_equal(ours[~edge], theirs[~edge])
        np.testing.assert_array_equal(ours, fit.model.scores(x[~known]).argmax(axis=1))

    def test_probabilities(self):
        """Their largest is the label; they tell as much as LIBSVM's."""
        from sklearn.metrics import log_loss

        for name, nu in (("vehicle", False), ("pima", False), ("pima", True)):
            x, y = table(name, 800)
            known = np.arange(len(y)) % 4 > 0
            params = {"gamma": 0.05, **({"formulation": "nu", "nu": 0.5} if nu else {"C": 5.0})}
            fit = Fit(x[known], y[known], {**params, "probability": True}, "classification")
            shares = fit.model.predict_proba(x[~known])
            np.testing.assert_allclose(shares.sum(axis=1), 1)
            np.testing.assert_array_equal(fit.model.predict(x[~known]), shares.argmax(axis=1))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                peer = (NuSVC(nu=0.5, gamma=0.05, probability=True, random_state=0) if nu else
                        SVC(**params, probability=True, random_state=0)).fit(x[known], y[known])
            self.assertLess(log_loss(y[~known], shares), 1.1 * log_loss(y[~known], peer.predict_proba(x[~known])))

    def test_warm_starts(self):
        """Along C and on to a smaller tol: the optimum of a cold fit, for fewer pairs."""
        x, y = table("spam", 1000)
        sign, steps = np.where(y == 0, 1.0, -1.0), []
        params = {"kernel": "rbf", "gamma": 0.02}
        K = kernel(params, x, x)
        for C in (0.1, 1.0, 3.0, 10.0):
            cold = Fit(x, y, {**params, "C": C}, "classification")
            warm = Fit(x, y, {**params, "C": C}, "classification", warm_start=True)
            (right, _), (ours, gap) = (check(K, sign, f.beta(len(y)), C, None) for f in (cold, warm))
            self.assertTrue(self.agree(ours, right, gap, warm, f"C {C}"))
            steps.append((warm.iterations, cold.iterations))
        self.assertLess(sum(w for w, _ in steps[1:]), sum(c for _, c in steps[1:]))
        x = x.copy()  # another table: no solution of the same tol is there
        Fit(x, y, {**params, "C": 10.0, "tol": 0.01}, "classification", warm_start=True)
        fine = Fit(x, y, {**params, "C": 10.0}, "classification", warm_start=True)
        ours, gap = check(K, sign, fine.beta(len(y)), 10.0, None)
        self.assertTrue(self.agree(ours, right, gap, fine, "on from tol 0.01"))
        self.assertLess(fine.iterations, steps[-1][1])

    def test_one_against_the_rest(self):
        """Decisions of each class are those of LIBSVM's machine for it; probabilities agree with labels."""
        x, y = table("vehicle", 400)
        fit = Fit(x, y, {"gamma": 0.05, "C": 3.0, "multi_class": "ovr"}, "classification")
        scores = fit.model.scores(x)
        for c in range(4):
            peer = libsvm(SVC, x, y == c, {"gamma": 0.05, "C": 3.0})
            np.testing.assert_allclose(scores[:, c], peer.decision_function(x), atol=1e-4)
        np.testing.assert_array_equal(fit.model.predict(x), scores.argmax(axis=1))
        fit = Fit(x, y, {"gamma": 0.05, "C": 3.0, "multi_class": "ovr", "probability": True}, "classification")
        shares = fit.model.predict_proba(x)
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        np.testing.assert_array_equal(fit.model.predict(x), shares.argmax(axis=1))
        self.assertGreater((fit.model.predict(x) == y).mean(), 0.8)

    def test_nu(self):
        """nu-SVC gets as low as LIBSVM; nu-SVR predicts the same."""
        x, y = table("pima", 400)
        for nu in (0.5, 0.7):
            fit = Fit(x, y, {"formulation": "nu", "nu": nu, "gamma": 0.02}, "classification")
            peer = libsvm(NuSVC, x, y, {"nu": nu, "gamma": 0.02})
            K = kernel({"kernel": "rbf", "gamma": 0.02}, x, x)
            theirs = np.zeros(len(y))
            theirs[peer.support_] = peer.dual_coef_[0]
            # both divide alpha by the margin; the largest alpha is 1 before that
            ours, theirs = ((b @ K @ b) / np.abs(b).max() ** 2 for b in (fit.beta(len(y)), theirs))
            self.assertTrue(fit.converged)
            self.assertLessEqual(ours, theirs * (1 + WITHIN))
        x, y = table("abalone", 400)
        fit = Fit(x, y, {"formulation": "nu", "nu": 0.4, "gamma": 0.1, "C": 2.0}, "regression")
        peer = libsvm(NuSVR, x, y, {"nu": 0.4, "gamma": 0.1, "C": 2.0})
        np.testing.assert_allclose(fit.model.predict(x), peer.predict(x), atol=1e-4)


if __name__ == "__main__":
    unittest.main()
