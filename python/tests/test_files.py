"""The same content has the same fingerprint, in whatever file or container it comes."""

import csv
import gzip
import pathlib
import pickle

import numpy as np
import pyarrow
import pyarrow.csv
import pytest
import scipy.sparse

import hone

DATA = pathlib.Path(__file__).parents[2] / "examples" / "data"
TARGETS = {"abalone": "Rings", "adult": "income", "diamonds": "price", "letter": "lettr", "pima": "diabetes",
           "spam": "type", "vehicle": "Class"}
NA = ["", "NA", "NaN", "nan", "null", "NULL", "None", "?", "N/A", "n/a", "#N/A"]


def text_of(name):
    return gzip.decompress((DATA / f"{name}.csv.gz").read_bytes()).decode()


def quoted(text):
    out = "\r\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row)
                      for row in csv.reader(text.splitlines()))
    return out + "\r\n"


def forms(text, folder):
    """The table as other files."""
    for ending, content in {"plain.csv": text, "crlf.csv": text.replace("\n", "\r\n"), "quoted.csv": quoted(text),
                            "mark.csv": "\ufeff" + text, "end.csv": text.rstrip("\n"),
                            "tab.tsv": text.replace(",", "\t")}.items():
        path = folder / ending
        path.write_bytes(content.encode())
        yield path
    path = folder / "again.csv.gz"
    path.write_bytes(gzip.compress(text[:1000].encode()) + gzip.compress(text[1000:].encode()))
    yield path


@pytest.mark.parametrize("name", TARGETS)
def test_forms_of_a_file_are_one_dataset(name, tmp_path):
    how = {"target": TARGETS[name], "task": "regression" if name in ("abalone", "diamonds") else None}
    expected = hone.Dataset.read(DATA / f"{name}.csv.gz", **how).fingerprint
    for path in forms(text_of(name), tmp_path):
        more = {"delimiter": "\t"} if path.suffix == ".tsv" else {}
        assert hone.Dataset.read(path, **how, **more).fingerprint == expected, path.name


@pytest.mark.parametrize("name", TARGETS)
def test_arrow_reads_the_same_table(name):
    options = pyarrow.csv.ConvertOptions(null_values=NA, strings_can_be_null=True)
    table = pyarrow.csv.read_csv(DATA / f"{name}.csv.gz", convert_options=options)
    task = "regression" if name in ("abalone", "diamonds") else None
    expected = hone.Dataset.read(DATA / f"{name}.csv.gz", target=TARGETS[name], task=task)
    for batches in (table, pyarrow.Table.from_batches(table.to_batches(max_chunksize=777))):
        assert hone.Dataset(batches, TARGETS[name], task=task).fingerprint == expected.fingerprint
    words = [c for c in table.column_names if pyarrow.types.is_string(table.schema.field(c).type)]
    for column in words:
        j = table.column_names.index(column)
        table = table.set_column(j, column, table[column].dictionary_encode())
    assert hone.Dataset(table, TARGETS[name], task=task).fingerprint == expected.fingerprint


def test_half_precision_is_read_as_the_numbers_it_holds(tmp_path):
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[~np.isinf(halves)].reshape(-1, 2)
    y = np.arange(len(halves)) % 2
    expected = hone.Dataset(halves.astype(float), y).fingerprint
    np.save(tmp_path / "little.npy", halves.astype("<f2"))
    np.save(tmp_path / "big.npy", np.asfortranarray(halves).astype(">f2"))
    np.save(tmp_path / "y.npy", y.astype(np.float16))
    np.savez(tmp_path / "both.npz", X=halves, y=y)
    for name in ("little.npy", "big.npy"):
        assert hone.Dataset.read(tmp_path / name, labels=str(tmp_path / "y.npy")).fingerprint == expected, name
    assert hone.Dataset.read(tmp_path / "both.npz").fingerprint == expected
    assert hone.Dataset(halves, y).fingerprint == expected
    table = pyarrow.table({"a": halves[:, 0], "b": halves[:, 1], "y": y})
    wide = pyarrow.table({"a": halves[:, 0].astype("f4"), "b": halves[:, 1].astype("f4"), "y": y})
    assert hone.Dataset(table, "y").fingerprint == hone.Dataset(wide, "y").fingerprint
    np.save(tmp_path / "endless.npy", np.array([[1, 2], [np.inf, 3]], dtype=np.float16))
    with pytest.raises(hone.DataError, match=r"data.x\[1,0\]"):
        hone.Dataset.read(tmp_path / "endless.npy")


def test_arrays_and_sparse_text_are_one_dataset(tmp_path):
    rows = list(csv.reader(text_of("spam").splitlines()))[1:]
    X = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    y = np.array([row[-1] == "spam" for row in rows]).astype(int)
    expected = hone.Dataset(X, y).fingerprint
    np.save(tmp_path / "a.npy", np.column_stack([X, y]))
    np.save(tmp_path / "f.npy", np.asfortranarray(np.column_stack([X, y])).astype(">f8"))
    np.savez_compressed(tmp_path / "a.npz", X=X, y=y)
    for first in (0, 1):
        with open(tmp_path / f"{first}.svm", "w") as out:
            for label, row in zip(y, X):
                pairs = (f"{j + first}:{v!r}" for j, v in enumerate(row.tolist()) if v or j in (0, 56))
                out.write(f"{label} {' '.join(pairs)}\n")
    assert hone.Dataset(scipy.sparse.csr_matrix(X), y).fingerprint == expected
    for name in ("a.npy", "f.npy"):
        assert hone.Dataset.read(tmp_path / name, target=-1).fingerprint == expected, name
    for name in ("a.npz", "0.svm", "1.svm"):
        assert hone.Dataset.read(tmp_path / name).fingerprint == expected, name


def test_every_way_of_reading_has_its_argument(tmp_path):
    (tmp_path / "t.txt").write_text("a;b;y\n1,5;2;1\n2,5;3;0\n3,25;5;1\n")
    (tmp_path / "t.csv").write_text("a,b,y\n1.5,2,1\n2.5,3,0\n3.25,5,1\n")
    expected = hone.Dataset.read(tmp_path / "t.csv", target="y").fingerprint
    german = hone.Dataset.read(tmp_path / "t.txt", target="y", delimiter=";", decimal=",", format="csv")
    assert german.fingerprint == expected == pickle.loads(pickle.dumps(german)).fingerprint
    (tmp_path / "t.svm").write_text("1 1:2 3:1\n0 2:1\n")
    wide = hone.Dataset.read(tmp_path / "t.svm", columns=9, first_index=0)
    assert wide.n_columns == 9 and wide.fingerprint != hone.Dataset.read(tmp_path / "t.svm", columns=9).fingerprint
    assert hone.Dataset.read(tmp_path / "t.svm").n_columns == 3
    with pytest.raises(hone.OutOfMemoryError, match="1000 bytes"):
        hone.Dataset.read(DATA / "letter.csv.gz", target="lettr", memory=1000)
    for how, said in (({"format": "xml"}, "none of csv"), ({"decimal": ";;"}, "one character"), ({"first_index": 2}, "first_index"),
                      ({"columns": 0}, "columns"), ({"memory": -1}, "memory"), ({"delimiter": ";", "decimal": "x"}, "decimal")):
        with pytest.raises(hone.Error, match=said):
            hone.Dataset.read(tmp_path / "t.csv", target="y", **how)


@pytest.mark.parametrize("how", [{"na": ["-"]}, {"delimiter": ";"}, {"decimal": ","}, {"header": False}])
def test_what_a_format_has_no_use_for_is_refused(how, tmp_path):
    (tmp_path / "t.svm").write_text("1 1:2 3:1\n0 2:1\n")
    np.save(tmp_path / "t.npy", np.eye(3))
    for name in ("t.svm", "t.npy"):
        with pytest.raises(hone.ArgumentError, match="is for csv files"):
            hone.Dataset.read(tmp_path / name, **how)


def test_a_deflated_array_is_inflated_only_so_far(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", X=np.zeros((9_200_000, 1)), y=np.zeros(3))
    with pytest.raises(hone.DataError, match="200 times its packed size"):
        hone.Dataset.read(tmp_path / "bomb.npz")
    np.savez_compressed(tmp_path / "small.npz", X=np.zeros((1_000_000, 1)), y=np.arange(1_000_000) % 2)
    assert hone.Dataset.read(tmp_path / "small.npz").n_rows == 1_000_000
