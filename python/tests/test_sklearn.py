"""Estimators against scikit-learn's own checks, and against its estimators where both have one answer."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse

sklearn = pytest.importorskip("sklearn")
from sklearn import linear_model, neighbors, svm
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import hone
from hone import sklearn as hs

WEIGHTS = ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data")
KERNEL = dict.fromkeys(WEIGHTS, "gamma='scale' takes the variance of the rows as they stand")
# 15 rows, 30 columns: infinitely many coefficients fit, and the rows that have weight 0 tell them apart.
UNDERDETERMINED = dict.fromkeys(WEIGHTS, "with more columns than rows least squares has no unique answer")
BAGS = dict.fromkeys(WEIGHTS, "a bag draws rows, not weights")
EXPECTED = {
    "LinearRegression": UNDERDETERMINED,
    "SVC": KERNEL, "SVR": KERNEL, "NuSVR": KERNEL,
    "NuSVC": {**KERNEL, "check_class_weight_classifiers": "nu hardly heeds class weights; NuSVC of scikit-learn fails too"},
    "RandomForestClassifier": BAGS,
    "RandomForestRegressor": BAGS,
}

PRECOMPUTED = dict.fromkeys(("check_positive_only_tag_during_fit", "check_estimators_dtypes",
                             "check_classifiers_one_label_sample_weights"), "their matrices are no kernels")


def expected(estimator):
    if getattr(estimator, "kernel", None) == "precomputed":
        return PRECOMPUTED
    return EXPECTED.get(type(estimator).__name__, {})


def small(name):
    estimator = getattr(hs, name)()
    known = estimator.get_params()
    if "n_estimators" in known:
        estimator.set_params(n_estimators=10)
    elif "tol" in known:
        estimator.set_params(tol=1e-10)
    return estimator


@parametrize_with_checks([small(name) for name in hs.__all__] + [hs.SVC(kernel="precomputed", tol=1e-10)],
                         expected_failed_checks=expected)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name, given", [("SVC", {"gamma": "auto"}), ("SVR", {"gamma": "auto"}), ("NuSVR", {"gamma": "auto"}),
                                         ("NuSVC", {"kernel": "linear"}), ("RandomForestClassifier", {"bootstrap": False}),
                                         ("RandomForestRegressor", {"bootstrap": False})])
def test_weights_are_as_good_as_repeated_rows_where_the_documentation_says_so(name, given):
    estimator = small(name).set_params(**given)
    sparse = name.startswith(("SV", "Nu"))
    for check in (estimator_checks.check_sample_weight_equivalence_on_dense_data,
                  *([estimator_checks.check_sample_weight_equivalence_on_sparse_data] if sparse else [])):
        check(name, estimator)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_neighbours_answer_as_scikit_learns():
    X, y = load_digits(return_X_y=True)
    for k, weights in ((1, "uniform"), (7, "distance")):
        ours = hs.KNeighborsClassifier(n_neighbors=k, weights=weights).fit(X[:1200], y[:1200])
        theirs = neighbors.KNeighborsClassifier(n_neighbors=k, weights=weights).fit(X[:1200], y[:1200])
        assert np.mean(ours.predict(X[1200:]) == theirs.predict(X[1200:])) > 0.998


def test_logistic_regression_has_the_coefficients_of_scikit_learn(iris):
    for X, y in (iris, (iris[0][:100], iris[1][:100])):
        ours = hs.LogisticRegression(tol=1e-10).fit(X, y)
        theirs = linear_model.LogisticRegression(tol=1e-10, max_iter=10000).fit(X, y)
        assert ours.coef_.shape == theirs.coef_.shape
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_labels_of_any_kind_are_numbered_as_numpy_does():
    for y in (np.array([3, 1, 1, 2], np.int8), np.array([-128, 127] * 200, np.int8), np.array([250, 255] * 5, np.uint8),
              np.array([2**63, 2**63 + 5] * 9, np.uint64), np.array([-2**63, 2**63 - 1]), np.array([7, 7, 5, 10**9]),
              np.array([2.0, -1.0]), np.array(["b", "a"]), np.array([True, False, True]), np.arange(1000)[::-1]):
        labels, number = hs._coded(y)
        expected = np.unique(y, return_inverse=True)
        assert labels.dtype == expected[0].dtype
        np.testing.assert_array_equal(labels, expected[0])
        np.testing.assert_array_equal(number, expected[1])


def test_an_infinite_c_is_no_penalty_and_an_idle_l1_ratio_is_told_of(iris):
    X, y = iris
    for given in ({"penalty": None}, {"penalty": "l2"}, {"penalty": "l1"}):
        ours = hs.LogisticRegression(C=np.inf, tol=1e-10, **given).fit(X, y == 1)
        theirs = linear_model.LogisticRegression(C=np.inf, tol=1e-10, max_iter=10000).fit(X, y == 1)
        np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)
    with pytest.warns(UserWarning, match="l1_ratio has no effect"):
        hs.LogisticRegression(l1_ratio=1.0).fit(X, y)
    hs.LogisticRegression(l1_ratio=1.0, penalty="elasticnet").fit(X, y)


def test_linear_svc_has_the_margins_of_scikit_learn(iris):
    for X, y in (iris, (iris[0][:100], iris[1][:100])):
        X = StandardScaler().fit_transform(X) * (np.abs(X) > 1.5)
        for loss, sparse in (("squared_hinge", False), ("squared_hinge", True), ("hinge", False)):
            ours = hs.LinearSVC(loss=loss, tol=1e-9).fit(scipy.sparse.csr_matrix(X) if sparse else X, y)
            # a large constant column, so that the penalty of its coefficient hardly counts
            theirs = svm.LinearSVC(loss=loss, dual=loss == "hinge", tol=1e-6, max_iter=100_000, intercept_scaling=30).fit(X, y)
            assert ours.coef_.shape == theirs.coef_.shape and ours.intercept_.shape == theirs.intercept_.shape
            np.testing.assert_allclose(X @ ours.coef_.T + ours.intercept_, ours.decision_function(X).reshape(len(X), -1),
                                       atol=1e-5)
            power = 2 if loss == "squared_hinge" else 1
            for c, (w, b, v, a) in enumerate(zip(ours.coef_, ours.intercept_, theirs.coef_, theirs.intercept_)):
                side = np.where(y == (c if len(ours.coef_) > 1 else 1), 1, -1)
                own, other = (w @ w / 2 + (np.maximum(1 - side * (X @ w + b), 0) ** power).sum() for w, b in ((w, b), (v, a)))
                assert own <= other * (1 + 1e-6)
                assert own >= other * (1 - 1e-2)


def test_kernel_machines_tell_their_vectors_as_scikit_learn_does(iris):
    X, y = iris
    for rows, target in ((X, y), (X[:100], y[:100])):
        for kernel, sparse in (("rbf", False), ("linear", False), ("linear", True)):
            given = {"kernel": kernel, "tol": 1e-6}
            given |= {"gamma": 0.5} if kernel == "rbf" else {}
            ours = hs.SVC(**given).fit(scipy.sparse.csr_matrix(rows) if sparse else rows, target)
            theirs = svm.SVC(**given).fit(rows, target)
            np.testing.assert_array_equal(ours.support_, theirs.support_)
            np.testing.assert_array_equal(ours.n_support_, theirs.n_support_)
            np.testing.assert_allclose(ours.dual_coef_, theirs.dual_coef_, atol=1e-3)
            np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-3)
            assert hasattr(ours, "coef_") == (kernel == "linear")
            if kernel == "linear":
                np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)
    X, y = load_diabetes(return_X_y=True)
    ours, theirs = (of.SVR(kernel="linear", C=10.0, tol=1e-6).fit(X, y) for of in (hs, svm))
    np.testing.assert_array_equal(ours.support_, theirs.support_)
    np.testing.assert_allclose(ours.dual_coef_, theirs.dual_coef_, atol=1e-3)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-2)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-2)
    assert ours.n_support_.tolist() == theirs.n_support_.tolist()[:1]


@pytest.mark.parametrize("name", ["SVC", "NuSVC"])
def test_margins_are_there_beside_probabilities(iris, name):
    for rows in (slice(0, 100), slice(None)):
        X, y = iris[0][rows], iris[1][rows]
        for more in ({}, {"kernel": "linear"}, {"multi_class": "ovr"}):
            plain, both = (getattr(hs, name)(probability=p, **more).fit(X, y) for p in (False, True))
            np.testing.assert_array_equal(both.decision_function(X), plain.decision_function(X))
            np.testing.assert_allclose(both.predict_proba(X).sum(axis=1), 1, atol=1e-12)


def test_a_machine_that_did_not_converge_says_so(iris):
    X, y = iris
    for made in (hs.SVC, hs.SVR, hs.NuSVC):
        with pytest.warns(ConvergenceWarning, match="did not converge"):
            assert made(max_iter=1).fit(X, y).fit_status_ == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hs.SVC().fit(X, y).fit_status_ == 0


@pytest.mark.parametrize("name, given", [("LinearRegression", {}), ("Ridge", {"alpha": 0.3}), ("Lasso", {"alpha": 0.1}),
                                         ("ElasticNet", {"alpha": 0.01, "l1_ratio": 0.3}),
                                         ("Lasso", {"alpha": 1.0, "fit_intercept": False})])
def test_linear_regressors_have_the_coefficients_of_scikit_learn(name, given):
    X, y = load_diabetes(return_X_y=True)
    for weight in (None, np.random.default_rng(0).random(len(y))):
        ours = getattr(hs, name)(tol=1e-12, max_iter=10000, **given).fit(X, y, sample_weight=weight)
        exact = {"tol": 1e-12, "max_iter": 100000} if name in ("Lasso", "ElasticNet") else {}
        theirs = getattr(linear_model, name)(**exact, **given).fit(X, y, sample_weight=weight)
        assert ours.coef_.shape == theirs.coef_.shape and type(ours.intercept_) is float
        np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-8 * np.abs(theirs.coef_).max())
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-8 * np.ptp(y))


@pytest.mark.parametrize("name, data", [("SVC", load_digits), ("NuSVC", load_iris), ("SVR", load_diabetes),
                                        ("NuSVR", load_diabetes)])
def test_a_precomputed_kernel_is_that_of_scikit_learn(name, data):
    X, y = (a[:400] for a in data(return_X_y=True))
    gamma = 1 / X.var() / X.shape[1]
    known = np.arange(len(X)) % 3 > 0
    K, Q = rbf_kernel(X[known], gamma=gamma), rbf_kernel(X[~known], X[known], gamma=gamma)
    given = {"kernel": "precomputed", "tol": 1e-6, **({"nu": 0.2} if name == "NuSVC" else {})}
    ours, theirs = getattr(hs, name)(**given).fit(K, y[known]), getattr(svm, name)(**given).fit(K, y[known])
    if "R" in name:
        np.testing.assert_allclose(ours.predict(Q), theirs.predict(Q), atol=1e-3 * np.ptp(y))
    else:
        np.testing.assert_array_equal(ours.predict(Q), theirs.predict(Q))
    again = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(again.predict(Q), ours.predict(Q))


def test_a_kernel_matrix_that_is_none_is_refused(iris):
    X, y = iris
    machine = hs.SVC(kernel="precomputed")
    K = rbf_kernel(X)
    for wrong, said in ((X, "square"), (np.triu(K), "symmetric"), (-K, "negative"), (scipy.sparse.csr_array(K), "parse")):
        with pytest.raises((ValueError, TypeError), match=said):
            machine.fit(wrong, y)
    assert cross_val_score(machine, K, y, cv=3).mean() > 0.9


def test_svm_has_the_margins_of_scikit_learn(iris):
    X, y = iris[0][50:], iris[1][50:]
    ours, theirs = hs.SVC(tol=1e-6).fit(X, y), svm.SVC(tol=1e-6).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)


def test_class_weights_by_label_count_as_weights_of_rows(iris):
    X, y = iris
    by_class = hs.LogisticRegression(class_weight={0: 1, 1: 5, 2: 0.5}).fit(X, y)
    by_row = hs.LogisticRegression().fit(X, y, sample_weight=np.array([1, 5, 0.5])[y])
    np.testing.assert_array_equal(by_class.coef_, by_row.coef_)


def test_a_forest_takes_holes_and_tells_importances(iris):
    X, y = iris[0].copy(), iris[1]
    X[::7, 2] = np.nan
    forest = hs.RandomForestClassifier(n_estimators=20, random_state=0).fit(X, y)
    assert forest.score(X, y) > 0.95
    assert forest.feature_importances_.shape == (4,)
    assert abs(forest.feature_importances_.sum() - 1) < 1e-9
    assert forest.apply(X).shape == (150, 20)
    shaken = permutation_importance(forest, iris[0], y, n_repeats=2, random_state=0)
    assert shaken.importances_mean[2:].sum() > shaken.importances_mean[:2].sum()


def test_grids_pipelines_clones_and_pickles(iris):
    X, y = iris
    grid = GridSearchCV(make_pipeline(StandardScaler(), hs.SVC()), {"svc__C": [0.1, 1.0, np.float32(10)]}, n_jobs=2)
    assert grid.fit(X, y).best_score_ > 0.95
    copy = clone(hs.SVC(C=3, kernel="linear"))
    assert copy.get_params()["C"] == 3
    fitted = copy.fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.decision_function(X), fitted.decision_function(X))


def test_regressors_learn():
    X, y = make_regression(300, 5, noise=1.0, random_state=0)
    for estimator in (hs.RandomForestRegressor(n_estimators=30), hs.ExtraTreesRegressor(n_estimators=30),
                      hs.KNeighborsRegressor(), hs.SVR(C=1000, kernel="linear")):
        assert cross_val_score(estimator, X, y, cv=3).mean() > 0.6


def test_seeds_and_threads(iris):
    X, y = iris
    a, b = (hs.RandomForestClassifier(n_estimators=15, random_state=3, n_jobs=n).fit(X, y) for n in (1, 3))
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))
    c = hs.RandomForestClassifier(n_estimators=15, random_state=4).fit(X, y)
    assert not np.array_equal(a.predict_proba(X), c.predict_proba(X))


def test_weights_travel_through_pipelines_and_grids(iris):
    X, y = iris
    weight = np.random.default_rng(0).random(150)
    with sklearn.config_context(enable_metadata_routing=True):
        forest = hs.RandomForestClassifier(n_estimators=5, random_state=0).set_fit_request(sample_weight=True)
        forest.set_score_request(sample_weight=True)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), forest)
        plain, weighed = (clone(pipe).fit(X, y, **w) for w in ({}, {"sample_weight": weight}))
        assert not np.array_equal(plain.predict_proba(X), weighed.predict_proba(X))
        GridSearchCV(pipe, {"randomforestclassifier__max_depth": [1, 3]}, cv=2).fit(X, y, sample_weight=weight)
        with pytest.raises(TypeError, match="sample_weight"):
            clone(pipe).set_params(randomforestclassifier=hs.KNeighborsClassifier()).fit(X, y, sample_weight=weight)


def test_frames_give_names_and_are_matched_by_them():
    X, y = load_iris(return_X_y=True, as_frame=True)
    pipe = make_pipeline(StandardScaler(), hs.SVC()).set_output(transform="pandas").fit(X, y)
    assert list(pipe[-1].feature_names_in_) == list(X.columns)
    with pytest.raises(ValueError, match="feature names"):
        pipe[-1].predict(X.iloc[:, ::-1])


def test_explainers_of_shap_take_the_estimators(iris):
    shap = pytest.importorskip("shap")
    X, y = iris[0][:100], iris[1][:100]
    linear = hs.LogisticRegression().fit(X, y)
    told = shap.LinearExplainer(linear, X)(X[:5])
    np.testing.assert_allclose(told.values.sum(1) + told.base_values, linear.decision_function(X[:5]), atol=1e-6)
    forest = hs.RandomForestClassifier(n_estimators=10, random_state=0).fit(X, y)
    told = shap.Explainer(forest.predict_proba, X[::10])(X[:3])
    np.testing.assert_allclose(told.values.sum(1) + told.base_values, forest.predict_proba(X[:3]), atol=1e-6)


def test_the_first_argument_by_position_where_scikit_learn_takes_it(iris):
    assert hs.RandomForestClassifier(7).n_estimators == hs.KNeighborsClassifier(7).n_neighbors == hs.Ridge(7).alpha == 7
    for wrong in (lambda: hs.SVC(1.0), lambda: hs.Ridge(1, 2), lambda: hs.Ridge(1, alpha=2)):
        with pytest.raises(TypeError, match="position|twice"):
            wrong()


def test_bad_parameters_and_calls_are_named(iris):
    X, y = iris
    for wrong in (0, 1.5, "x"):
        with pytest.raises(hone.ArgumentError, match="n_jobs"):
            hs.LogisticRegression(n_jobs=wrong).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match="'gama'"):
        hs.SVC(gama=1)
    with pytest.raises(hone.ConfigError, match="svm:C"):
        hs.SVC(C=-1).fit(X, y)
    for wrong in (np.ones(2), [1.0], {}, "many"):
        with pytest.raises(hone.ConfigError, match="svm:C"):
            hs.SVC(C=wrong).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        hs.SVC().fit(np.full((3, 2), np.nan), [0, 1, 0])
    with pytest.raises(NotFittedError):
        hs.SVC().predict(X)
    assert not hasattr(hs.SVC(), "predict_proba")
    assert hs.SVC(probability=True).fit(X, y).predict_proba(X).shape == (150, 3)


def test_docstrings_tell_every_parameter():
    for name in hs.__all__:
        cls = getattr(hs, name)
        assert all(f"    {p}: " in cls.__doc__ for p in cls().get_params())
