"""The same content has the same fingerprint, in whatever file or container it comes."""

import csv
import gzip
import pathlib

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
