"""The peers: how each builds the model of a case from scikit-learn's names, and its variants.

A peer maps (model, task) to a maker; a maker takes (params, threads, seed, **variant) and returns an
object with fit and predict. `variants` are the peer's documented ways to the same answer: the
fastest counts. `metrics` names what may be compared when it is not everything. A `plain`
peer is no estimator: its single rows are compared with those of Hone's model without its estimator.
`forget` drops what a fit may have left for the next one. `stored_bytes` of a model is its size in its
library's own form, for models that are not pickled.
libsvm-official is LIBSVM built with OpenMP; scikit-learn's SVC is LIBSVM on one thread.
"""

import importlib
import importlib.metadata

from . import ranger

DRAWN = 0.632  # distinct rows of a bootstrap sample

CLASSIFY, REGRESS = "classification", "regression"


class Peer:
    def __init__(self, package, makers, variants=None, before=None, metrics=None,
                 plain=False, forget=lambda: None):
        self.plain, self.forget = plain, forget
        self.package, self.makers, self.metrics = package, makers, metrics
        self.variants, self.before = variants or {}, before
        self.one_row = not metrics or "p50_us" in metrics

    def version(self):
        return self.package() if callable(self.package) else importlib.metadata.version(self.package)

    def offers(self, model, task):
        return (model, task) in self.makers

    def choices(self, model, sparse):
        rows = self.variants.get(model, [{}])
        return [row for row in rows if not (sparse and row.get("algorithm") == "kd_tree")
                and not (sparse and row.get("solver") == "newton-cholesky")]

    def make(self, model, task, params, threads, seed, variant):
        if self.before:
            self.before()
        return self.makers[model, task](dict(params), threads, seed, **variant)


def _estimator(module, name, *, jobs=False, seeded=False, **fixed):
    def make(params, threads, seed, **variant):
        cls = getattr(importlib.import_module(module), name)
        options = {**fixed, **params, **variant}
        if jobs:
            options["n_jobs"] = threads
        if seeded:
            options["random_state"] = seed
        return cls(**options)

    return make


def _sklearn():
    forest, near, linear = "sklearn.ensemble", "sklearn.neighbors", "sklearn.linear_model"
    return {
        ("random_forest", CLASSIFY): _estimator(forest, "RandomForestClassifier", jobs=True, seeded=True),
        ("random_forest", REGRESS): _estimator(forest, "RandomForestRegressor", jobs=True, seeded=True),
        ("svm", CLASSIFY): _estimator("sklearn.svm", "SVC", cache_size=2000),
        ("svm", REGRESS): _estimator("sklearn.svm", "SVR", cache_size=2000),
        ("logistic_regression", CLASSIFY): _estimator(linear, "LogisticRegression"),
        ("knn", CLASSIFY): _estimator(near, "KNeighborsClassifier", jobs=True),
        ("knn", REGRESS): _estimator(near, "KNeighborsRegressor", jobs=True),
    }


SKLEARN_VARIANTS = {
    "logistic_regression": [{"solver": s} for s in ("lbfgs", "newton-cholesky", "newton-cg")],
    "knn": [{"algorithm": a} for a in ("brute", "kd_tree")],
}


def _hone():
    own = "hone.sklearn"
    return {
        # The rule of scikit-learn unless the case says otherwise, so that both grow the same trees.
        ("random_forest", CLASSIFY): _estimator(own, "RandomForestClassifier", jobs=True, seeded=True,
                                                constant_features="redraw"),
        ("random_forest", REGRESS): _estimator(own, "RandomForestRegressor", jobs=True, seeded=True,
                                               constant_features="redraw"),
        ("svm", CLASSIFY): _estimator(own, "SVC", jobs=True),
        ("svm", REGRESS): _estimator(own, "SVR", jobs=True),
        ("logistic_regression", CLASSIFY): _estimator(own, "LogisticRegression", jobs=True),
        ("knn", CLASSIFY): _estimator(own, "KNeighborsClassifier", jobs=True),
        ("knn", REGRESS): _estimator(own, "KNeighborsRegressor", jobs=True),
    }


def _forget():
    import hone

    hone.clear_cache()


def _intelex():
    from sklearnex import patch_sklearn

    patch_sklearn(verbose=False)


ROWS = [{"rows": "as they are"}, {"rows": "sparse"}]  # the bindings walk dense rows in Python


def _rows(X, form):
    import scipy.sparse

    return scipy.sparse.csr_matrix(X) if form == "sparse" else X


def _file_bytes(save):
    """The size of the file that `save` writes to the path it is given."""
    import os
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        save(file.name)
        return os.stat(file.name).st_size


class _Libsvm:
    """LIBSVM through its own Python binding, -s 0 (C-SVC), 2 GB of kernel cache."""

    def __init__(self, params, rows):
        self.params, self.rows = params, rows

    def fit(self, X, y):
        from libsvm.svmutil import svm_parameter, svm_problem, svm_train

        gamma = self.params["gamma"]
        if gamma == "scale":
            gamma = 1.0 / (X.shape[1] * X.var())
        options = (f"-s 0 -t 2 -c {self.params['C']} -g {gamma} -e {self.params['tol']} "
                   f"-m 2000 -q")
        self.model = svm_train(svm_problem(y, _rows(X, self.rows)), svm_parameter(options))
        return self

    def predict(self, X):
        import numpy as np
        from libsvm.svmutil import svm_predict

        labels, _, _ = svm_predict([], _rows(X, self.rows), self.model, "-q")
        return np.asarray(labels)

    def stored_bytes(self):
        from libsvm.svmutil import svm_save_model

        return _file_bytes(lambda path: svm_save_model(path, self.model))


class _Liblinear:
    """LIBLINEAR through its own Python binding: -s 0 -R, logistic regression with a free intercept."""

    def __init__(self, params, rows):
        self.params, self.rows = params, rows

    def fit(self, X, y):
        from liblinear.liblinearutil import parameter, problem, train

        options = f"-s 0 -R -B 1 -c {self.params['C']} -e {self.params['tol']} -q"
        self.model = train(problem(y, _rows(X, self.rows), bias=1), parameter(options))
        return self

    def predict(self, X):
        import numpy as np
        from liblinear.liblinearutil import predict

        labels, _, _ = predict([], _rows(X, self.rows), self.model, "-q")
        return np.asarray(labels)

    def stored_bytes(self):
        from liblinear.liblinearutil import save_model

        return _file_bytes(lambda path: save_model(path, self.model))


class _Faiss:
    """faiss's exact index with the vote in NumPy."""

    def __init__(self, params, threads):
        self.k, self.n_jobs = params["n_neighbors"], threads

    def fit(self, X, y):
        import faiss
        import numpy as np

        faiss.omp_set_num_threads(self.n_jobs)
        self.index = faiss.IndexFlatL2(X.shape[1])
        self.index.add(np.ascontiguousarray(X, dtype=np.float32))
        self.y, self.classes = np.asarray(y), int(y.max()) + 1
        return self

    def predict(self, X):
        import faiss
        import numpy as np

        faiss.omp_set_num_threads(self.n_jobs)
        _, near = self.index.search(np.ascontiguousarray(X, dtype=np.float32), self.k)
        votes = np.zeros((len(X), self.classes), dtype=np.int32)
        np.add.at(votes, (np.arange(len(X))[:, None], self.y[near]), 1)
        return votes.argmax(axis=1)

    def stored_bytes(self):
        import faiss

        return len(faiss.serialize_index(self.index)) + self.y.nbytes


class _Share:
    """An estimator that is told the share of columns of a node, which scikit-learn's max_features says."""

    def __init__(self, estimator, name, max_features):
        self.estimator, self.name, self.max_features = estimator, name, max_features

    @property
    def n_jobs(self):
        return self.estimator.n_jobs

    @n_jobs.setter
    def n_jobs(self, count):
        self.estimator.set_params(n_jobs=count)

    def fit(self, X, y):
        share = X.shape[1] ** -0.5 if self.max_features == "sqrt" else self.max_features
        self.estimator.set_params(**{self.name: share}).fit(X, y)
        return self

    def predict(self, X):
        return self.estimator.predict(X)


def lightgbm_forest(params, threads, seed):
    import lightgbm

    return _Share(lightgbm.LGBMClassifier(
        boosting_type="rf", n_estimators=params["n_estimators"], num_leaves=4096, subsample=DRAWN,
        subsample_freq=1, min_child_samples=1, n_jobs=threads, random_state=seed, verbose=-1),
        "feature_fraction_bynode", params["max_features"])


def _xgboost_forest(params, threads, seed):
    import xgboost

    return _Share(xgboost.XGBRFClassifier(
        n_estimators=params["n_estimators"], max_depth=0, subsample=DRAWN, tree_method="hist",
        n_jobs=threads, random_state=seed), "colsample_bynode", params["max_features"])


class _Onnx:
    """ONNX Runtime predicting with Hone's model: its fit is Hone's, only predictions are compared."""

    def __init__(self, estimator, threads):
        self.estimator, self.threads = estimator, threads

    def fit(self, X, y):
        import hone
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        self.estimator.fit(X, y)
        self.graph = hone.export_onnx(self.estimator.model_)
        self.session = onnxruntime.InferenceSession(self.graph, options, providers=["CPUExecutionProvider"])
        return self

    def predict(self, X):
        import numpy as np

        outputs = [o.name for o in self.session.get_outputs()]
        answer = self.session.run(outputs[:1], {"X": np.asarray(X, np.float64)})[0]
        return answer

    def stored_bytes(self):
        return len(self.graph)


def _onnx():
    return {key: lambda p, t, s, make=make: _Onnx(make(p, t, s), t) for key, make in _hone().items()}


PEERS = {
    "hone": Peer("hone-ml", _hone(), forget=_forget),
    "hone again": Peer("hone-ml", _hone(), forget=_forget),
    "scikit-learn": Peer("scikit-learn", _sklearn(), SKLEARN_VARIANTS),
    "scikit-learn-intelex": Peer("scikit-learn-intelex", _sklearn(),
                                 {"knn": SKLEARN_VARIANTS["knn"]}, before=_intelex),
    "libsvm": Peer("libsvm-official", {("svm", CLASSIFY): lambda p, t, s, rows: _Libsvm(p, rows)},
                   {"svm": ROWS}, plain=True),
    "liblinear": Peer("liblinear-official",
                      {("logistic_regression", CLASSIFY): lambda p, t, s, rows: _Liblinear(p, rows)},
                      {"logistic_regression": ROWS}, plain=True),
    "faiss": Peer("faiss-cpu", {("knn", CLASSIFY): lambda p, t, s: _Faiss(p, t)}, plain=True),
    "onnxruntime": Peer("onnxruntime", _onnx(), metrics=("predict", "p50_us"), plain=True,
                        forget=_forget),
    "ranger": Peer(ranger.version, {("random_forest", CLASSIFY): ranger.Ranger,
                                    ("random_forest", REGRESS): ranger.Ranger},
                   metrics=("fit", "predict")),
    "lightgbm": Peer("lightgbm", {("random_forest", CLASSIFY): lightgbm_forest}),
    "xgboost": Peer("xgboost", {("random_forest", CLASSIFY): _xgboost_forest}),
}
