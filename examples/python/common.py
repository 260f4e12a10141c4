"""What the examples share: arguments and data."""

import argparse
import pathlib

import hone

DATA = pathlib.Path(__file__).parents[1] / "data"


def arguments(small: int, description: str) -> argparse.Namespace:
    """The command line; `trials` is `small` with --small."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", default=DATA / "spam.csv.gz", help="a CSV file")
    parser.add_argument("--target", default="type", help="its target column")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--output", default="out", help="folder of models and of what the optimiser writes")
    parser.add_argument("--small", action="store_true", help="small data, few trials")
    given = parser.parse_args()
    if given.small:
        given.data, given.target, given.trials = DATA / "vehicle.csv.gz", "Class", small
    return given


def dataset(given: argparse.Namespace) -> hone.Dataset:
    """The table. It pickles as its path, so that workers read it once each."""
    return hone.Dataset.read(given.data, target=given.target)
