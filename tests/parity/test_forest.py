"""random_forest grows the trees of scikit-learn, and its forests are as good.

Without bags and with all features a tree is a function of the data where no two splits are equally good: weights of many
values and leaves of several rows see to that. Then predictions and importances must be those of scikit-learn's tree, under every limit. Forests are
compared over seeds. usage: test_forest.py
"""
import itertools
import unittest
import warnings

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import hone

ROWS, COLUMNS = 600, 5
TREE = {"model": "random_forest", "n_estimators": 1, "bootstrap": False, "max_features": "none", "max_bins": "none",
        "constant_features": "redraw"}
LIMITS = [{"max_depth": 4, "min_samples_leaf": 10}, {"max_leaf_nodes": 9, "min_samples_leaf": 8}, {"min_samples_split": 90, "min_samples_leaf": 12},
          {"min_samples_split": 0.2, "min_samples_leaf": 9}, {"min_samples_leaf": 25}, {"min_samples_leaf": 0.031},
          {"min_weight_fraction_leaf": 0.05}, {"min_samples_leaf": 10, "min_impurity_decrease": 0.004},
          {"min_samples_leaf": 10, "ccp_alpha": 0.005}, {"min_samples_leaf": 10, "max_leaf_nodes": 20, "ccp_alpha": 0.003},
          {"max_leaf_nodes": 12, "max_depth": 4, "min_samples_leaf": 8, "min_impurity_decrease": 0.002}]


def problem(classes, seed, rows=ROWS, holes=False):
    """Columns of floats, noisy answers, weights whose sums are exact."""
    r = np.random.default_rng(seed)
    X = r.normal(size=(rows, COLUMNS)).astype(np.float32).astype(float)
    z = X[:, 0] + 0.5 * X[:, 1] * (X[:, 2] > 0) + 0.5 * r.normal(size=rows)
    y = np.digitize(z, np.quantile(z, np.arange(1, classes) / classes)) if classes else np.exp(0.5 * z)
    if holes:
        X[r.random(X.shape) < 0.15] = np.nan
    return X, y, r.integers(200, 2000, rows).astype(float)


def fit(config, X, y, weight=None, seed=0, **options):
    data = {"X": X, "y": y, "task": "regression" if y.dtype.kind == "f" else "classification"}
    if weight is not None:
        data["sample_weight"] = weight
    return hone.fit(config, data, seed, validation="none", unjudged=True, **options).model


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "classes_") or getattr(model, "classes", None) is not None \
        else model.predict(X)


class Trees(unittest.TestCase):
    def compare(self, X, y, weight, criterion, where=slice(None), **limits):
        kind = DecisionTreeRegressor if y.dtype.kind == "f" else DecisionTreeClassifier
        theirs = kind(criterion=criterion, random_state=0, **limits).fit(X, y, sample_weight=weight)
        ours = fit({**TREE, "criterion": criterion, **limits}, X, y, weight)
        told = f"{criterion} {limits}"
        self.assertEqual(theirs.get_n_leaves(), int(ours.output("tree_leaves")[0, 0]), told)
        self.assertGreater(theirs.get_n_leaves(), 3, told)
        np.testing.assert_allclose(answers(ours, X[where]), answers(theirs, X[where]), rtol=0, atol=1e-9, err_msg=told)
        np.testing.assert_allclose(ours.output("feature_importances").ravel(), theirs.feature_importances_, rtol=0,
                                   atol=1e-9, err_msg=told)

    def test_classes_under_every_limit(self):
        for classes, criterion, limits in itertools.product((2, 4), ("gini", "entropy", "log_loss"), LIMITS):
            X, y, weight = problem(classes, 1)
            self.compare(X, y, weight, criterion, **limits)

    def test_amounts_under_every_limit(self):
        for criterion, limits in itertools.product(("squared_error", "absolute_error", "poisson"), LIMITS):
            X, y, weight = problem(0, 1)
            self.compare(X, y, weight, criterion, **limits)

    def test_holes_on_their_better_side(self):
        for classes in (0, 2, 4):
            X, y, weight = problem(classes, 3, holes=True)
            for limits in LIMITS[:5]:
                self.compare(X, y, weight, "gini" if classes else "squared_error", **limits)

    def test_balanced_classes(self):
        for classes, weighted in itertools.product((2, 4), (False, True)):
            X, y, weight = problem(classes, 5)
            y[(y == 0) & (np.arange(ROWS) % 4 > 0)] = 1
            self.compare(X, y, weight, "gini", max_depth=4, min_samples_leaf=15)
            theirs = DecisionTreeClassifier(max_depth=3, min_samples_leaf=15, class_weight="balanced")
            theirs.fit(X, y, sample_weight=weight if weighted else None)
            for word in ("balanced", "balanced_subsample"):  # without bags the same
                ours = fit({**TREE, "max_depth": 3, "min_samples_leaf": 15, "class_weight": word}, X, y,
                           weight if weighted else None)
                np.testing.assert_allclose(answers(ours, X), answers(theirs, X), rtol=0, atol=1e-9)

    def test_weights_are_repetitions(self):
        for classes in (0, 2, 4):
            X, y, _ = problem(classes, 7)
            times = np.arange(ROWS) % 4
            ours = fit({**TREE, "min_samples_leaf": 1, "max_leaf_nodes": 12}, X, y, times.astype(float))
            again = fit({**TREE, "min_samples_leaf": 1, "max_leaf_nodes": 12}, np.repeat(X, times, axis=0),
                        np.repeat(y, times))
            np.testing.assert_allclose(answers(ours, X), answers(again, X), rtol=0, atol=1e-12)


class Forests(unittest.TestCase):
    def means(self, make, config, classes, seeds=12):
        """Held-out score and leaves a tree: ours and theirs, means over seeds."""
        rows = []
        for seed in range(seeds):
            X, y, _ = problem(classes, 100 + seed, rows=1600)
            train, test = slice(0, 800), slice(800, None)
            theirs = make(seed).fit(X[train], y[train])
            ours = fit({"model": "random_forest", "n_estimators": 40, "constant_features": "redraw", **config}, X[train],
                       y[train], seed=seed)
            guess = (ours.predict(X[test]), theirs.predict(X[test]))
            score = [np.mean(g == y[test]) if classes else -np.sqrt(np.mean((g - y[test]) ** 2)) for g in guess]
            leaves = [ours.output("tree_leaves").mean(), np.mean([e.get_n_leaves() for e in theirs.estimators_])]
            rows.append([*score, *leaves])
        rows = np.array(rows)
        apart = rows[:, 0] - rows[:, 1]
        error = apart.std(ddof=1) / np.sqrt(seeds)
        self.assertGreater(apart.mean(), -3 * error - 1e-3, (config, rows.mean(axis=0)))
        self.assertLess(abs(np.log(rows[:, 2].mean() / rows[:, 3].mean())), 0.05, (config, rows.mean(axis=0)))

    def test_bags_and_drawn_features(self):
        for classes, more in itertools.product((0, 2, 4), ({}, {"max_samples": 0.4}, {"max_samples": 150},
                                                            {"bootstrap": False}, {"max_features": 2})):
            kind = RandomForestClassifier if classes else RandomForestRegressor
            self.means(lambda seed: kind(n_estimators=40, random_state=seed, **more), more, classes)

    def test_random_cuts(self):
        for classes in (0, 2, 4):
            kind = ExtraTreesClassifier if classes else ExtraTreesRegressor
            self.means(lambda seed: kind(n_estimators=40, random_state=seed), {"splitter": "random", "bootstrap": False},
                       classes)

    def test_balanced_bags(self):
        self.means(lambda seed: RandomForestClassifier(n_estimators=40, random_state=seed, min_samples_leaf=5,
                                                       class_weight="balanced_subsample"),
                   {"class_weight": "balanced_subsample", "min_samples_leaf": 5}, 2)

    def test_how_many_features_are_drawn(self):
        X, y, _ = problem(3, 9)
        X = np.hstack([X, X[::-1], X[:, :1]])  # 11 columns
        for given, count in (("sqrt", 3), ("log2", 3), (0.3, 3), (0.05, 1), (1.0, 11), ("none", 11), ("auto", 3)):
            forests = [fit({"model": "random_forest", "n_estimators": 5, "max_features": m}, X, y) for m in (given, count)]
            np.testing.assert_array_equal(*(f.output("threshold") for f in forests), err_msg=str(given))

    def test_out_of_bag_answers(self):
        for classes in (0, 3):
            X, y, _ = problem(classes, 11)
            data = hone.Dataset(X, y, task="classification" if classes else "regression")
            forest = hone.fit({"model": "random_forest", "n_estimators": 25}, data, 3, validation="none").model
            bag, leaf = forest.output("bag", data), forest.output("leaf", data).astype(int)
            self.assertTrue((bag.sum(axis=0) == ROWS).all())
            told = forest.output("oob_score", data)
            for i in range(ROWS):
                each = []
                for t in np.flatnonzero(bag[i] == 0):
                    same = (leaf[:, t] == leaf[i, t]) & (bag[:, t] > 0)  # what the leaf was made of
                    rows = np.repeat(y[same], bag[same, t].astype(int))
                    each.append([np.mean(rows == k) for k in range(classes)] if classes else [rows.mean()])
                np.testing.assert_allclose(told[i], np.mean(each, axis=0), rtol=1e-9)

    def test_the_first_trees(self):
        for classes in (0, 3):
            X, y, _ = problem(classes, 13)
            many, few = (fit({"model": "random_forest", "n_estimators": k}, X, y) for k in (20, 7))
            np.testing.assert_array_equal(many.scores(X, n_trees=7), few.scores(X))
            np.testing.assert_array_equal(many.predict(X, n_trees=7), few.predict(X))
            for wrong in (0, 21):
                with self.assertRaises(hone.Error):
                    many.predict(X, n_trees=wrong)


if __name__ == "__main__":
    warnings.simplefilter("error")
    unittest.main()
