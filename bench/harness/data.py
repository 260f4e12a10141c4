"""The arrays of a case: read or generated, encoded once, split by a seed, kept as .npy files.

Every peer gets the same float matrix: categories one-hot, missing numbers at the median of the
training rows, scaled to mean 0 and deviation 1 where the case says so.
"""

import hashlib
import pathlib

import numpy as np

FOLDERS = ("examples/data", "bench/data")


def find(root, name):
    for folder in FOLDERS:
        if (root / folder / name).exists():
            return root / folder / name
    raise FileNotFoundError(f"{name}: in none of {', '.join(FOLDERS)}")


def clusters(rows, columns, classes, seed=7):
    """Gaussian blobs, three a class, half of the columns informative: ties are rare, noise is not."""
    random = np.random.default_rng(seed)
    informative = max(2, columns // 2)
    centres = random.normal(size=(classes * 3, informative)) * 1.5
    blob = random.integers(len(centres), size=rows)
    X = random.normal(size=(rows, columns))
    X[:, :informative] += centres[blob]
    y = blob % classes
    flipped = random.random(rows) < 0.02
    y[flipped] = random.integers(classes, size=int(flipped.sum()))
    return X, y


def text(rows, columns, nonzeros, seed=7):
    """Word counts by Zipf's law; a sparse weight vector with noise decides the class."""
    from scipy import sparse

    random = np.random.default_rng(seed)
    words = np.minimum(random.zipf(1.3, size=(rows, nonzeros)) - 1, columns - 1)
    data = np.ones(words.size)
    indptr = np.arange(0, words.size + 1, nonzeros)
    X = sparse.csr_matrix((data, words.ravel(), indptr), shape=(rows, columns))
    X.sum_duplicates()
    score = X @ random.normal(size=columns) + random.normal(size=rows)
    return X, (score > np.median(score)).astype(int)


def sensors(rows, seed=7):
    """Nine whole-numbered readings of a machine with seven unequal states, each near a surface of
    three dimensions: like Statlog's Shuttle, with its far outliers."""
    random = np.random.default_rng(seed)
    share = np.array([0.786, 0.154, 0.055, 0.002, 0.001, 0.001, 0.001])
    state = random.choice(7, size=rows, p=share / share.sum())
    spread = random.normal(size=(7, 3, 9)) * random.uniform(1, 20, size=(7, 1, 9))
    centre = random.normal(size=(7, 9)) * 12
    X = centre[state] + np.einsum("ik,ikj->ij", random.normal(size=(rows, 3)), spread[state])
    X += random.normal(size=X.shape)
    far = random.random(rows) < 0.002
    X[far] *= random.uniform(5, 50, size=(int(far.sum()), 1))
    return np.rint(X), state


GENERATORS = {"clusters": clusters, "sensors": sensors, "text": text}


def table(path, target):
    """Columns of a CSV file as (numbers with NaN, one-hot blocks) side by side, and the target."""
    import pandas as pd

    frame = pd.read_csv(path)
    y = frame.pop(target).to_numpy()
    numbers = frame.select_dtypes("number")
    words = frame.drop(columns=numbers.columns)
    blocks = [numbers.to_numpy(float)]
    if words.shape[1]:
        blocks.append(pd.get_dummies(words, dummy_na=False).to_numpy(float))
    return np.hstack(blocks), y


def load(root, spec):
    if "file" in spec:
        return table(find(root, spec["file"]), spec["target"])
    arguments = {k: v for k, v in spec.items() if k != "generate"}
    return GENERATORS[spec["generate"]](**arguments)


def split(X, y, seed, scale):
    """Three quarters train, one quarter judges; imputation and scaling look at training rows only."""
    order = np.random.default_rng(seed).permutation(len(y))
    cut = len(y) * 3 // 4
    train, test = np.sort(order[:cut]), np.sort(order[cut:])
    parts = [X[train], X[test]]
    if not hasattr(X, "indptr"):
        middle = np.nanmedian(parts[0], axis=0)
        parts = [np.where(np.isnan(p), middle, p) for p in parts]
        if scale:
            mean, deviation = parts[0].mean(axis=0), parts[0].std(axis=0)
            deviation[deviation == 0] = 1
            parts = [(p - mean) / deviation for p in parts]
    return parts[0], y[train], parts[1], y[test]


def classes_as_numbers(y, y_test):
    if y.dtype.kind == "f":
        return y, y_test
    levels, codes = np.unique(np.concatenate([y, y_test]), return_inverse=True)
    if y.dtype.kind in "iu" and len(levels) > 50:
        return y.astype(float), y_test.astype(float)
    return codes[: len(y)], codes[len(y) :]


class Store:
    """Prepared arrays in a folder: made by the first run that asks, read by every worker."""

    def __init__(self, root, folder, specs):
        self.root, self.folder, self.specs = root, pathlib.Path(folder), specs
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tables = {}

    def path(self, case, seed, dtype):
        spec = self.specs[case["data"]]
        text = repr((sorted(spec.items()), seed, dtype, case.get("scale", False)))
        path = self.folder / f"{case['data']}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.npz"
        if not path.exists():
            self._write(path, case, spec, seed, dtype)
        return path

    def _write(self, path, case, spec, seed, dtype):
        if case["data"] not in self.tables:
            self.tables = {case["data"]: load(self.root, spec)}
        X, y = self.tables[case["data"]]
        X, y, X_test, y_test = split(X, y, seed, case.get("scale", False))
        y, y_test = classes_as_numbers(y, y_test)
        arrays = {"y": y, "y_test": y_test}
        for name, part in (("X", X), ("X_test", X_test)):
            if hasattr(part, "indptr"):
                arrays |= {f"{name}_data": part.data.astype(dtype), f"{name}_indices": part.indices,
                           f"{name}_indptr": part.indptr, f"{name}_shape": np.array(part.shape)}
            else:
                arrays[name] = np.ascontiguousarray(part, dtype=dtype)
        np.savez(path, **arrays)


def read(path):
    """(X, y, X_test, y_test) of a prepared file."""
    with np.load(path) as arrays:
        def matrix(name):
            if name in arrays:
                return arrays[name]
            from scipy import sparse

            return sparse.csr_matrix((arrays[f"{name}_data"], arrays[f"{name}_indices"],
                                      arrays[f"{name}_indptr"]), shape=arrays[f"{name}_shape"])

        return matrix("X"), arrays["y"], matrix("X_test"), arrays["y_test"]
