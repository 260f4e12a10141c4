import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before SciPy is imported: scikit-learn then checks array API input too

import numpy as np
import pytest

import hone


@pytest.fixture(autouse=True)
def forget():
    hone.clear_cache()


@pytest.fixture(scope="session")
def rows():
    """200 rows of 4 columns, 3 classes that a line cannot part perfectly."""
    dice = np.random.default_rng(7)
    X = dice.normal(size=(200, 4))
    y = (X[:, 0] + 0.5 * X[:, 1] ** 2 > 0).astype(int) + (X[:, 2] > 1)
    return X, y


@pytest.fixture(scope="session")
def amounts():
    dice = np.random.default_rng(8)
    X = dice.normal(size=(150, 3))
    return X, X @ [1.0, -2.0, 0.5] + 0.1 * dice.normal(size=150)
