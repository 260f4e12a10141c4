"""Preprocessing makes of a table what scikit-learn's transformers make of it, to 1e-12.

Fitted on one table and looked at on it and on another with values beyond, holes where there were none
and levels that are new. usage: test_prep.py (needs hone, NumPy, SciPy, scikit-learn)
"""

import decimal
import fractions
import itertools
import unittest
import warnings

import numpy as np
import scipy.sparse
from sklearn import preprocessing
from sklearn.impute import SimpleImputer

import hone

WITHIN = 1e-12
ROWS = 1500
SCALERS = {
    "none": preprocessing.FunctionTransformer,
    "standard": preprocessing.StandardScaler,
    "minmax": preprocessing.MinMaxScaler,
    "robust": preprocessing.RobustScaler,
    "quantile": lambda: preprocessing.QuantileTransformer(n_quantiles=1000, subsample=None),
}
SPARSE = {"standard": lambda: preprocessing.StandardScaler(with_mean=False), "minmax": preprocessing.MaxAbsScaler}


def numbers(seed):
    """Columns of every habit: smooth, skewed, with ties, of a large offset, tiny, huge, constant."""
    r = np.random.default_rng(seed)
    return np.column_stack([
        r.normal(size=ROWS), np.exp(2 * r.normal(size=ROWS)), r.integers(0, 5, ROWS), 1e3 + r.normal(size=ROWS),
        1e-9 * r.normal(size=ROWS), 1e9 * r.standard_t(3, ROWS), np.full(ROWS, 0.1), np.round(r.normal(size=ROWS), 1)])


def holes(x, seed, columns):
    x = x.copy()
    r = np.random.default_rng(seed)
    for j in columns:
        x[r.random(len(x)) < 0.2, j] = np.nan
    return x


def levels(seed, known):
    """Codes whose frequencies differ, so that no order of equally rare ones is at stake."""
    r = np.random.default_rng(seed)
    weights = np.arange(1, known + 1) ** 2.0
    return r.choice(known, ROWS, p=weights / weights.sum()).astype(float)


class Preprocessing(unittest.TestCase):
    def prepared(self, train, others, categorical=None, **prep):
        """What a model of `train` makes of it and of the others."""
        y = np.arange(train.shape[0]) % 2
        settings = {"model": "logistic_regression", "max_iter": 1} | {f"prep:{k}": v for k, v in prep.items()}
        data = hone.Dataset(train, y, task="classification", **({"categorical": categorical} if categorical else {}))
        model = hone.fit(settings, data, seed=0, validation="none").model
        return [model.output("prepared", x) for x in (train, *others)]

    def near(self, made, expected, units=None):
        """To 1e-12 of a column's size, and to 1e-12 where it is small."""
        expected = np.asarray(expected.todense() if scipy.sparse.issparse(expected) else expected, dtype=float)
        self.assertEqual(made.shape, expected.shape)
        size = np.maximum(1, np.abs(expected).max(axis=0)) if units is None else units
        worst = (np.abs(made - expected) / size).max(axis=0)
        self.assertLessEqual(worst.max(), WITHIN, worst)

    def test_scalers(self):
        train, other = numbers(1), numbers(2) * 1.5
        for name, scaler in SCALERS.items():
            with self.subTest(scale=name):
                s = scaler().fit(train)
                for x, made in zip((train, other), self.prepared(train, [other], scale=name)):
                    self.near(made, s.transform(x))

    def test_columns_far_from_zero_are_scaled_as_well_as_doubles_can(self):
        """The truth is of whole numbers: exact sums, a root of 40 digits. Half a unit in the last place of a
        mean near 1e6 is 6e-11, which no double can have better."""
        r = np.random.default_rng(5)
        train = np.column_stack([10.0**k + np.round(r.normal(size=ROWS), 3) for k in (6, 7, 9)])
        train[:, 2] *= -1
        made, = self.prepared(train, [], scale="standard")
        theirs = preprocessing.StandardScaler().fit_transform(train)
        for j in range(train.shape[1]):
            exact = [fractions.Fraction(v) for v in train[:, j]]
            mean = sum(exact) / ROWS
            variance = sum((v - mean) ** 2 for v in exact) / ROWS
            with decimal.localcontext(decimal.Context(prec=40)):
                deviation = (decimal.Decimal(variance.numerator) / decimal.Decimal(variance.denominator)).sqrt()
            scale = fractions.Fraction(deviation)
            truth = np.array([float((v - mean) / scale) for v in exact])
            ours, other = np.abs(made[:, j] - truth).max(), np.abs(theirs[:, j] - truth).max()
            self.assertLessEqual(ours, np.spacing(abs(float(mean))) / 2 / float(scale) + WITHIN)
            self.assertLessEqual(ours, other + WITHIN)

    def test_sparse_columns_far_from_zero(self):
        r = np.random.default_rng(6)
        train = scipy.sparse.csr_matrix(np.column_stack([1e6 + r.normal(size=ROWS), 1e8 + r.normal(size=ROWS),
                                                         np.full(ROWS, 1e6), (r.random(ROWS) < 0.5) * 1e6]))
        s = preprocessing.StandardScaler(with_mean=False).fit(train)
        self.near(self.prepared(train, [], scale="standard")[0], s.transform(train))

    def test_scalers_of_sparse_rows(self):
        train, other = (scipy.sparse.random(ROWS, 6, 0.3, "csr", random_state=k) for k in (1, 2))
        for name, scaler in SPARSE.items():
            with self.subTest(scale=name):
                s = scaler().fit(train)
                for x, made in zip((train, other), self.prepared(train, [other], scale=name)):
                    self.near(made, s.transform(x))

    def test_imputers(self):
        train, other = holes(numbers(1), 3, (0, 2, 5, 7)), holes(numbers(2), 4, (0, 1, 2, 7))
        for method, indicator in itertools.product(("mean", "median", "most_frequent"), (True, False)):
            with self.subTest(impute=method, indicator=indicator), warnings.catch_warnings():
                s = SimpleImputer(strategy=method, add_indicator=indicator).fit(train)
                made = self.prepared(train, [other], scale="none", impute=method, indicator=indicator)
                for x, one in zip((train, other), made):
                    self.near(one, s.transform(x))

    def test_the_scaler_sees_what_was_imputed_and_leaves_the_indicators(self):
        train, other = holes(numbers(1), 3, (0, 2)), holes(numbers(2), 4, (0, 2))
        fill = SimpleImputer(strategy="mean").fit(train)
        for name, scaler in SCALERS.items():
            with self.subTest(scale=name):
                s = scaler().fit(fill.transform(train))
                for x, made in zip((train, other), self.prepared(train, [other], scale=name, impute="mean")):
                    self.near(made, np.hstack([s.transform(fill.transform(x)), np.isnan(x[:, [0, 2]])]))

    def test_one_hot_with_a_cap_and_the_column_of_others(self):
        train = np.column_stack([levels(1, 12), levels(2, 4)])
        other = np.column_stack([levels(3, 15), levels(4, 6)])
        # With a cap of 12 scikit-learn calls the rarest of the 12 levels others; Hone keeps them all.
        for cap in (2, 5, 11, 13, 30):
            with self.subTest(max_levels=cap), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of scikit-learn, about the levels that are new
                s = preprocessing.OneHotEncoder(max_categories=cap, handle_unknown="infrequent_if_exist",
                                                sparse_output=False).fit(train)
                made = self.prepared(train, [other], [True, True], encode="one_hot", max_levels=cap)
                for x, one in zip((train, other), made):
                    self.near(one, s.transform(x))

    def test_a_missing_category_is_a_level_of_its_own(self):
        train = np.column_stack([holes(levels(1, 5)[:, None], 1, (0,))[:, 0], levels(2, 4)])
        s = preprocessing.OneHotEncoder(sparse_output=False).fit(train)
        self.near(self.prepared(train, [], [True, True], encode="one_hot")[0], s.transform(train))

    def test_ordinal_codes(self):
        train, other = np.column_stack([levels(1, 12), levels(2, 4)]), np.column_stack([levels(3, 12), levels(4, 4)])
        s = preprocessing.OrdinalEncoder().fit(train)
        made = self.prepared(train, [other], [True, True], encode="ordinal", scale="none")
        for x, one in zip((train, other), made):
            self.near(one, s.transform(x))


if __name__ == "__main__":
    unittest.main()
