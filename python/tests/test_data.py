"""Tables of all kinds: what is borrowed, what is converted, what is refused."""

import gc
import pathlib
import pickle
import resource
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas
import polars
import pyarrow
import pytest
import scipy.sparse

import hone

KNN = {"model": "knn", "prep:scale": "none"}


def fingerprint(X, y):
    return hone.Dataset(X, y).fingerprint


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", ">f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4"])
def test_every_number_type_is_the_same_data(dtype):
    X = np.arange(60).reshape(20, 3) % 50
    y = np.arange(20) % 2
    assert fingerprint(X.astype(dtype), y.astype(dtype)) == fingerprint(X.astype("f8"), y)


def views(X):
    padded = np.zeros((2 * X.shape[0], 3 * X.shape[1]))
    padded[::2, ::3] = X
    record = np.zeros(X.shape[0], dtype=[("pad", "i1"), ("v", "f8", X.shape[1])])
    record["v"] = X
    yield np.asfortranarray(X)
    yield padded[::2, ::3]
    yield X[::-1, ::-1].copy()[::-1, ::-1]
    yield record["v"]
    yield np.frombuffer(X.tobytes()).reshape(X.shape)
    yield X.tolist()
    yield np.ma.array(X)
    yield scipy.sparse.csr_matrix(X)
    yield scipy.sparse.csc_array(X)
    yield pandas.DataFrame(X)
    yield polars.DataFrame(X, schema=list("abcd"))
    yield pyarrow.table({c: X[:, j] for j, c in enumerate("abcd")})
    yield X.astype(object)


def test_layouts_and_containers_give_the_same_loss(rows):
    X, y = rows
    expected = hone.train(KNN, {"X": X, "y": y}, 1)
    for view in views(X):
        assert hone.train(KNN, {"X": view, "y": y}, 1) == expected, type(view)


def test_floats_are_borrowed():
    X = np.random.default_rng(0).normal(size=(1000, 500)).astype("f4")
    for x in (X, X.astype("f8"), np.asfortranarray(X), X[::2], pandas.DataFrame(X)):
        y = np.arange(len(x)) % 2
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        data = hone.Dataset(x, y)
        table = data._parts.table.x
        assert np.may_share_memory(table, x.to_numpy() if hasattr(x, "to_numpy") else x)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700
    csr = scipy.sparse.random(500, 50, 0.1, "csr")
    table = hone.Dataset(csr, np.arange(500) % 2)._parts.table
    assert table.data is csr.data or np.may_share_memory(table.data, csr.data)


def test_a_borrowed_array_lives_as_long_as_its_dataset(rows):
    X, y = rows
    expected = hone.train(KNN, hone.Dataset(X, y), 0)
    data = hone.Dataset(X.copy(), y.copy())
    gc.collect()
    np.full((200, 4), 9.0)
    assert hone.train(KNN, data, 0) == expected


def test_a_mapping_that_comes_again_finds_its_dataset(rows):
    X, y = rows
    data = {"X": X, "y": y}
    one, two = hone._mappings.dataset_of(data)[0], hone._mappings.dataset_of({"X": X, "y": y.copy()})[0]
    assert one is two
    listed = {"X": X.tolist(), "y": y.tolist()}
    assert hone._mappings.dataset_of(listed)[0] is hone._mappings.dataset_of(listed)[0]


def test_an_array_that_was_edited_in_place_is_new_data(rows):
    X, y = rows[0].copy(), rows[1].copy()
    data = {"X": X, "y": y}
    first = hone.train(KNN, data, 0)
    X[:] = np.random.default_rng(1).normal(size=X.shape)
    changed = hone.train(KNN, data, 0)
    assert changed == hone.train(KNN, hone.Dataset(X.copy(), y), 0) != first
    y[:] = y[::-1].copy()
    assert hone.train(KNN, data, 0) == hone.train(KNN, hone.Dataset(X.copy(), y.copy()), 0)


class Lender:
    """An object with memory of its own, as tensors are."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **how):
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Slotted(Lender):
    """One that nobody can watch."""

    __slots__ = ()


class Whole:
    """Gives its array away."""

    __slots__ = ("array",)

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.mark.parametrize("lend", [Lender, Slotted, Whole, memoryview])
def test_lent_memory_that_changes_is_new_data_and_keeps_nothing_of_the_old(rows, lend):
    X, y = rows
    expected = [hone.train(KNN, hone.Dataset(X, y), seed) for seed in range(4)]
    memory = X.copy()
    lender = lend(memory)
    assert hone.train(KNN, {"X": lender, "y": y}, 0) == expected[0]
    memory[:] = np.random.default_rng(1).normal(size=X.shape)
    same_as_then = lend(X.copy())
    assert [hone.train(KNN, {"X": same_as_then, "y": y}, seed) for seed in range(4)] == expected
    changed = [hone.train(KNN, hone.Dataset(memory.copy(), y), seed) for seed in range(4)]
    assert [hone.train(KNN, {"X": lender, "y": y}, seed) for seed in range(4)] == changed != expected


def test_what_a_mapping_shares_in_part_is_looked_at_again(rows):
    X, y = rows
    whole = scipy.sparse.csr_array(np.hstack([np.round(X[:, :3] * 3 + 20).astype(int), np.zeros((200, 1), int)]))
    expected = [hone.train(KNN, {"X": whole.copy(), "y": y}, seed) for seed in range(3)]
    hone.clear_cache()
    first = whole.copy()
    hone.train(KNN, {"X": first, "y": y}, 0)
    first.indices += 1
    again = whole.copy()
    assert [hone.train(KNN, {"X": again, "y": y}, seed) for seed in range(3)] == expected
    hone.clear_cache()
    data = {"X": X.copy(), "y": y, "X_val": X[:50].tolist(), "y_val": y[:50]}
    loss = hone.train(KNN, data, 0)
    old = dict(data, X=X.copy())
    data["X"][:] = 0
    assert hone.train(KNN, old, 0) == loss != hone.train(KNN, data, 0)


def test_a_thousand_datasets_leave_memory_flat():
    def one():
        X = np.random.default_rng(0).normal(size=(1000, 40))
        hone.train({"model": "logistic_regression", "max_iter": 1}, {"X": X, "y": np.arange(1000) % 2}, 0)

    for _ in range(30):
        one()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1000):
        one()
    assert len(hone._mappings._entries) <= hone._mappings.MOST_DATASETS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_an_array_may_die_while_datasets_are_counted(rows, monkeypatch):
    X, y = rows
    held = [X + i for i in range(3)]
    for x in held:
        hone.train(KNN, {"X": x, "y": y}, 0)
    del x
    count = hone.Dataset.cache_stats

    def stats(self):
        held.clear()
        return count(self)

    monkeypatch.setattr(hone.Dataset, "cache_stats", stats)
    hone.train(KNN, {"X": X, "y": y}, 0)
    assert len(hone._mappings._entries) == 1


def test_threads_that_open_a_shared_dataset_share_one(rows, tmp_path):
    texts = [pickle.dumps(hone.Dataset(rows[0] + i, rows[1]).share(tmp_path)) for i in range(6)]
    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(pickle.loads, texts[:1] * 40)))) == 1
        found = list(pool.map(pickle.loads, texts * 30))
    assert len({d.fingerprint for d in found}) == 6


def frame():
    dice = np.random.default_rng(2)
    return pandas.DataFrame({"number": dice.normal(size=60), "whole": dice.integers(0, 9, 60),
                             "word": dice.choice(["a", "b", None], 60), "flag": dice.random(60) > 0.5,
                             "kind": pandas.Categorical(dice.choice(["u", "v"], 60)),
                             "hole": pandas.array(dice.choice([1, None], 60), dtype="Int64"),
                             "label": dice.choice(["no", "yes"], 60)})


def test_frames_keep_types_names_and_holes():
    told = {c["name"]: c for c in hone.describe({"X": frame(), "y": "label"})["columns"]}
    assert list(told) == ["number", "whole", "word", "flag", "kind", "hole"]
    assert {n for n, c in told.items() if c.get("type") == "categorical" or c.get("levels")} == {"word", "flag", "kind"}
    assert hone.Dataset({"X": frame(), "y": "label"}).classes == ["no", "yes"]


@pytest.mark.parametrize("make", [polars.from_pandas, pyarrow.Table.from_pandas])
def test_pandas_polars_and_arrow_train_alike(make):
    f = frame()
    loss = hone.train({"model": "random_forest"}, {"X": f, "y": "label"}, 0)
    assert hone.train({"model": "random_forest"}, {"X": make(f), "y": "label"}, 0) == loss
    x, y = f.drop(columns="label"), f["label"]
    assert hone.train({"model": "random_forest"}, {"X": make(x), "y": y}, 0) == loss


def arrow_frames(columns):
    return [polars.DataFrame(columns), pyarrow.table(columns), pyarrow.RecordBatch.from_pydict(columns)]


def test_columns_of_arrow_tables_may_be_called_like_a_target(rows):
    X, y = rows
    columns = {"target": X[:, 0].copy(), "sample_weight": X[:, 1].copy(), "c": np.arange(200) % 7}
    weight = 0.5 + np.arange(200) % 2
    expected = hone.Dataset(pandas.DataFrame(columns), y, sample_weight=weight)
    for frame in arrow_frames(columns):
        data = hone.Dataset(frame, y, sample_weight=weight)
        assert [c["name"] for c in data.describe()["columns"]] == list(columns)
        assert hone.train(KNN, data, 0) == hone.train(KNN, expected, 0)


def test_columns_of_arrow_tables_are_named_as_categorical(rows):
    X, y = rows
    columns = {"a": X[:, 0].copy(), "0": np.arange(200) % 7, "y": y}
    for frame in [pandas.DataFrame(columns), *arrow_frames(columns)]:
        for marks in (["0"], [1], [-1], [False, True]):
            data = hone.Dataset(frame, "y", categorical=marks)
            assert [c["type"] for c in data.describe()["columns"]] == ["numeric", "categorical"], (type(frame), marks)
            again = pickle.loads(pickle.dumps(data))
            assert [c["type"] for c in again.describe()["columns"]] == ["numeric", "categorical"]
        for marks in (["q"], [2], [True], [1.5]):
            with pytest.raises(ValueError, match="categorical"):
                hone.Dataset(frame, "y", categorical=marks)
    with pytest.raises(hone.ArgumentError, match="categorical: 'a,b' has a comma"):
        hone.Dataset(polars.DataFrame({"a,b": [1, 2]}), [0, 1], categorical=["a,b"])


@pytest.mark.parametrize("X", [polars.Series([1.0, 2.0]), polars.DataFrame({"a": [1.0, 2.0]}).lazy(), pyarrow.array([1.0, 2.0]),
                               pyarrow.chunked_array([[1.0, 2.0]]), pandas.Series([1.0, 2.0], name="a")])
def test_a_column_or_a_plan_of_arrow_is_no_table(X):
    for y in ([0, 1], "a"):
        with pytest.raises(hone.DataError, match="^X: .*table"):
            hone.Dataset(X, y)


@pytest.mark.parametrize("frame", arrow_frames({"a": [1.0, 2.0, 3.0]}))
def test_lengths_of_what_joins_an_arrow_table_are_told(frame):
    with pytest.raises(hone.DataError, match="data.y: 2 values; there are 3 rows"):
        hone.Dataset(frame, [0, 1])
    with pytest.raises(hone.DataError, match="data.weight: 2 values; there are 3 rows"):
        hone.Dataset(frame, [0, 1, 0], sample_weight=[1, 2])
    with pytest.raises(hone.Error, match="nowhere"):
        hone.Dataset(frame, "nowhere")


def test_columns_of_nulls_and_sparse_columns_are_taken(rows):
    X, y = rows
    full = pandas.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, X[:, 1], 0)})
    thin = full.astype({"b": pandas.SparseDtype("float64", 0.0)})
    assert fingerprint(thin, y) == fingerprint(thin.astype(pandas.SparseDtype("float64", 0.0)), y) == fingerprint(full, y)
    null = {"a": X[:, 0], "b": [None] * 200}
    polar = {"X": polars.DataFrame(null), "y": y}
    assert hone.train({"model": "knn"}, polar, 0) == hone.train({"model": "knn"}, {"X": pyarrow.table(null), "y": y}, 0)
    model = hone.fit({"model": "knn"}, polar, 0).model
    assert len(model.predict(polars.DataFrame(null))) == 200


def test_labels_come_back_as_they_were(rows):
    X, y = rows
    for labels in (y, y - 1, y.astype("f4"), y > 0, np.array(["a", "b", "c"])[y], y.astype(str).astype(object),
                   pandas.Series(y), pandas.Series(["p", "q", "r"], dtype="category").iloc[y], polars.Series(y),
                   pyarrow.array(y), y.reshape(-1, 1), y.tolist()):
        model = hone.fit({"model": "random_forest"}, {"X": X, "y": labels}, 0).model
        plain = np.asarray(labels).ravel()
        predicted = model.predict(X)
        assert set(predicted.tolist()) <= set(plain.tolist())
        assert np.mean(predicted == plain) > 0.9


BAD_DATA = [
    ({"X": [[1.0]]}, "'y'"), ({"y": [1]}, "'X'"), ({}, "'X'"), ({"X": [[1.0]], "y": [1], "z": 1}, "'z'"),
    ({"X": [[1.0], [2.0]], "y": [1]}, "data.y"), ({"X": [[1.0], [2.0]], "y": [[1, 2], [3, 4]]}, "y"),
    ({"X": [[1.0], [2.0]], "y": [1, np.nan]}, "data.y"), ({"X": [[1.0], [2.0]], "y": ["a", None]}, "data.y"),
    ({"X": [[1.0], [np.inf]], "y": [0, 1]}, "data.x"), ({"X": [[1j], [2]], "y": [0, 1]}, "complex"),
    ({"X": [[[1.0]], [[2.0]]], "y": [0, 1]}, "flatten"), ({"X": [1.0, 2.0], "y": [0, 1]}, "dimension"),
    ({"X": 3.0, "y": [0, 1]}, "a float has 0 dimensions"), ({"X": (r for r in [[1.0], [2.0]]), "y": [0, 1]}, "X: a generator"),
    ({"X": {"a": [1.0, 2.0]}, "y": [0, 1]}, "X: a dict"), ({"X": np.ndarray, "y": [0, 1]}, "X: the class ndarray"),
    ({"X": pandas.DataFrame, "y": [0, 1]}, "X: the class DataFrame"), ({"X": polars.DataFrame, "y": [0, 1]}, "X: the class DataFrame"),
    ({"X": scipy.sparse.csr_array, "y": [0, 1]}, "X: the class csr_array"), ({"X": [[1.0], [2.0]], "y": {0, 1}}, "y: a set"),
    ({"X": [[1.0], [2.0]], "y": iter([0, 1])}, "y: a list_iterator"),
    ({"X": pandas.DataFrame({"a\0b": ["u", "v"]}), "y": [0, 1]}, "feature_names"), ({"X": np.array([[1, "a"], [{}, 2]], object), "y": [0, 1]}, "X"),
    ({"X": np.array([["2020-01-01"], ["2020-01-02"]], "M8[D]"), "y": [0, 1]}, "dates"),
    ({"X": np.array([[b"a"], [b"b"]]), "y": [0, 1]}, "bytes"),
    ({"X": np.zeros((0, 2)), "y": []}, "row"), ({"X": np.zeros((2, 0)), "y": [0, 1]}, "column"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "sample_weight": [1]}, "weight"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "sample_weight": [1, -1]}, "weight"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "sample_weight": [0, 0]}, "weight"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "feature_names": ["a", "b"]}, "feature_names"),
    ({"X": [[1.0, 1], [2.0, 2]], "y": [0, 1], "feature_names": ["a", "a"]}, "'a'"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "categorical": [3]}, "categorical"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "categorical": ["q"]}, "categorical"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "task": "ranking"}, "task"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "X_val": [[1.0]]}, "y_val"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "y_val": [1]}, "X_val"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "sample_weight_val": [1]}, "X_val"),
    ({"X": [[1.0], [2.0]], "y": [0, 1], "feature_names": ["a\0b"]}, "feature_names[0]"),
    ({"X": [[1.0], [2.0]], "y": ["a", "b\0"]}, "y[1]"), ({"X": None, "y": [1]}, "'X'"),
    *(({"X": [[1.0], [2.0]], "y": [0, 1], name: value}, name) for name, value in [
        ("cache_bytes", "x"), ("cache_bytes", -1), ("cache_bytes", 1.5), ("cache_bytes", 10**30), ("categorical", 3),
        ("categorical", "a"), ("flatten", "no"), ("feature_names", 3), ("feature_names", "a"), ("feature_names", [None]), ("task", [1])]),
    ({"X": [[1, 2], [3]], "y": [0, 1]}, "X: rows"), ([[1.0]], "mapping"), (None, "mapping"), (np.ones((2, 2)), "mapping"),
]


@pytest.mark.parametrize("data, said", BAD_DATA)
def test_wrong_data_is_an_exception_that_names_the_argument(data, said):
    with pytest.raises(ValueError) as caught:
        hone.train({"model": "knn"}, data, 0, validation="none")
    assert said in str(caught.value) and isinstance(caught.value, hone.Error)


def corrupted(kind, member, at, value):
    x = getattr(scipy.sparse, kind)(np.arange(12.0).reshape(4, 3))
    getattr(x, member)[at] = value
    return x


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "bsr_array"])
@pytest.mark.parametrize("member, at, value", [
    ("indptr", -1, 10**6), ("indptr", 1, 10**6), ("indptr", 1, -1), ("indptr", 0, 1), ("indices", 0, -1),
    ("indices", -1, 10**6)])
def test_a_damaged_sparse_table_is_refused_before_anything_walks_over_it(kind, member, at, value):
    with pytest.raises(hone.DataError, match=f"X.{member}"):
        hone.Dataset(corrupted(kind, member, at, value), [0, 1, 0, 1])


def test_a_damaged_list_of_cells_is_refused():
    x = scipy.sparse.coo_array(np.arange(12.0).reshape(4, 3))
    x.col[2] = 3
    with pytest.raises(hone.DataError, match="X.col"):
        hone.Dataset(x, [0, 1, 0, 1])


def test_validation_data_without_rows_are_refused_by_a_dataset_too(rows):
    X, y = rows
    for orphan in ({"y_val": y}, {"sample_weight_val": np.ones(200)}):
        with pytest.raises(hone.DataError, match="no 'X_val'"):
            hone.Dataset(X, y, **orphan)


@pytest.mark.parametrize("model", ["knn", "linear_regression", "random_forest", "svm"])
def test_a_row_of_weight_0_is_as_if_it_were_absent(amounts, model):
    X, y = amounts
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    weight = 0.5 + np.arange(150) % 2
    alone = {"X": X, "y": y, "sample_weight": weight}
    more = {"X": np.vstack([X, np.full((60, 3), 20.0)]), "y": np.append(y, np.full(60, -100.0)),
            "sample_weight": np.append(weight, np.zeros(60))}
    cfg = {"model": model, "prep:target": "standard", "prep:scale": "standard"}
    cfg |= {"bootstrap": False, "max_features": 1.0} if model == "random_forest" else {}
    cfg |= {"gamma": 0.5, "tol": 1e-6} if model == "svm" else {}
    fits = [hone.fit(cfg, data, 0, validation="none").model for data in (alone, more)]
    one, two = (m.predict(X) for m in fits)
    np.testing.assert_allclose(one, two, atol=1e-3 * np.ptp(y))


def test_more_than_two_dimensions_are_flattened_when_told(rows):
    X, y = rows
    assert fingerprint(X.reshape(200, 2, 2)[:, :, :].reshape(200, 4), y) == hone.Dataset(
        X.reshape(200, 2, 2), y, flatten=True).fingerprint


def test_a_dataset_pickles_by_value_and_shared_as_a_path(rows, tmp_path):
    X = np.random.default_rng(3).normal(size=(500, 40))
    y = (X[:, 0] > 0).astype(int)
    for table in (X, scipy.sparse.csr_array(X), pandas.DataFrame(X).assign(w="a"), polars.DataFrame(X)):
        data = hone.Dataset(table, y, sample_weight=np.ones(500) + (np.arange(500) % 2), X_val=table, y_val=y)
        loss = hone.train(KNN, data, 0)
        assert hone.train(KNN, pickle.loads(pickle.dumps(data)), 0) == loss
        small = pickle.dumps(data.share(tmp_path))
        again = pickle.loads(small)
        assert len(small) < 400 and again.fingerprint == data.fingerprint
        assert hone.train(KNN, again, 0) == loss and pickle.loads(small) is again


def test_a_dataset_reads_files(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,b,label\n" + "".join(f"{i},{'uv'[i % 2]},{'xy'[i % 2]}\n" for i in range(40)))
    data = hone.Dataset.read(file, target="label")
    assert (data.n_rows, data.n_columns, data.task, data.classes) == (40, 2, "classification", ["x", "y"])
    assert hone.train({"model": "random_forest"}, data, 0) == -1.0
    with pytest.raises(hone.FileError, match="absent"):
        hone.Dataset.read(tmp_path / "absent.csv")
    for wrong in ({"weight": 3}, {"na": 3}, {"categorical": "ab"}, {"delimiter": ";;"}, {"header": "no"}, {"target": "a\0"},
                  {"drop": ["a,b"]}, {"categorical": ["a,b"]}, {"na": [","]}):
        with pytest.raises(hone.ArgumentError, match=next(iter(wrong))):
            hone.Dataset.read(file, **wrong)


def test_rows_of_a_file_are_read_as_those_of_a_model(tmp_path):
    train, more = tmp_path / "train.csv", tmp_path / "more.csv"
    train.write_text("a,b,y\n" + "".join(f"{i % 7},{'uv'[i % 2]},{'pq'[i % 2]}\n" for i in range(60)))
    more.write_text("y,other,b,a\np,1,u,3\nq,2,new,-\nr,3,v,5\n")
    model = hone.fit({"model": "random_forest"}, hone.Dataset.read(train, target="y", na=["-"]), 0).model
    with pytest.raises(hone.DataError, match=r"more.csv:3"):
        hone.Dataset.read(more, target="y", model=model, na=["?"])
    rows = hone.Dataset.read(more, target="y", model=model)
    assert (rows.n_columns, list(model.predict(rows)[[0, 2]])) == (2, ["p", "q"])
    again = pickle.loads(pickle.dumps(rows))
    assert again.fingerprint == rows.fingerprint
    with pytest.raises(hone.ArgumentError, match="model"):
        hone.Dataset.read(more, target="y", model="m.hone")


def test_a_shared_dataset_that_is_gone_or_damaged_is_said_to_be(rows, tmp_path):
    data = hone.Dataset(*rows).share(tmp_path)
    small, folder = pickle.dumps(data), data._folder
    for file, text, wanted in (("0.npy", "junk", hone.CorruptError), ("dataset.json", "{", hone.CorruptError),
                               ("dataset.json", "{}", hone.CorruptError), ("dataset.json", None, hone.MissingFileError)):
        path = pathlib.Path(folder) / file
        path.unlink() if text is None else path.write_text(text)
        with pytest.raises(wanted, match="hone-dataset"):
            pickle.loads(small)
    for wrong, kind in ((3.5, hone.ArgumentError), ("/proc/none", hone.FileError)):
        with pytest.raises(kind):
            hone.Dataset(*rows).share(wrong)


def test_a_dataset_of_a_file_pickles_as_its_path(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,b,label\n" + "".join(f"{i},{'uv'[i % 2]},{'xy'[i % 2]}\n" for i in range(40)))
    data = hone.Dataset.read(file, target="label")
    small = pickle.dumps(data)
    again = pickle.loads(small)
    assert len(small) < 600 and again.fingerprint == data.fingerprint and pickle.loads(small) is again
    with pytest.raises(hone.ArgumentError, match="file"):
        data.share(tmp_path)
    hone._share._attached.clear()
    file.write_text("a,b,label\n1,u,x\n2,v,y\n")
    with pytest.raises(hone.DataError, match="changed"):
        pickle.loads(small)
