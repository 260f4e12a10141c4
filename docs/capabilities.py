#!/usr/bin/env python3
"""Writes docs/capabilities.md from `hone reference`: capabilities.py HONE [--check]

With --check it writes nothing and fails when the page is not what the modules say.
"""

import json
import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).with_suffix(".md")
HEAD = """# Capabilities

Made from what the modules say of themselves by `docs/capabilities.py`. *as it is*: the module gets the data unchanged;
otherwise the cell says what preprocessing makes of it, fitted on the training rows and saved in the model. The contract
tests `capabilities`, `views`, `weights` and `wide` try each cell.
"""
FOOT = """
Every module takes float32 and float64 of any strides without a copy, every other number type converted, labels of any
kind, and 64-bit sizes. A dense copy of sparse rows is made where a module takes none, with a line in the log; it is refused above the memory cap, or without one above 4 GiB. Weights of single classes belong to the dataset (`class_weight`, `--class-weight`): they multiply those of
their rows, in fits and in metrics. A level that
the training rows do not hold, in rows to predict or held out, is no level (all zeros) or falls into the column of rare levels; where a module takes categories, it
goes the way of a level that no split knows.
"""


def cell(model, taken, otherwise):
    """What becomes of such data, and under which choices something else."""
    usual = taken in model["takes"]
    parts = ["as it is" if usual else otherwise]
    for row in model["hyperparameters"]:
        for choice, takes in row.get("choice_takes", {}).items():
            if (taken in takes) != usual:
                parts.append(f"`{row['name']} = {choice}`: {otherwise if usual else 'as it is'}")
    return "; ".join(parts)


def class_weight(model):
    row = next((row for row in model["hyperparameters"] if row["name"] == "class_weight"), None)
    if "classification" not in model["tasks"]:
        return "-"
    return ", ".join(f"`{word}`" for word in row["choices"]) if row else "row weights"


ROWS = (
    ("classification", lambda m: "yes" if "classification" in m["tasks"] else "no"),
    ("regression", lambda m: "yes" if "regression" in m["tasks"] else "no"),
    ("missing cells", lambda m: cell(m, "missing", "`prep:impute`, `prep:indicator`")),
    ("categories", lambda m: cell(m, "categories", "`prep:encode`, `prep:max_levels`")),
    ("sparse rows", lambda m: cell(m, "sparse", "a dense copy")),
    ("row weights", lambda m: cell(m, "weights", "refused")),
    ("class weights", class_weight),
)


def page(reference):
    models = reference["models"]
    lines = ["| | " + " | ".join(f"`{m['name']}`" for m in models) + " |", "| --- |" + " --- |" * len(models)]
    lines += [f"| {name} | " + " | ".join(value(m) for m in models) + " |" for name, value in ROWS]
    return HEAD + "\n" + "\n".join(lines) + "\n" + FOOT


def main():
    made = page(json.loads(subprocess.run([sys.argv[1], "reference"], capture_output=True, text=True, check=True).stdout))
    if "--check" in sys.argv:
        if made != PAGE.read_text():
            sys.exit(f"{PAGE.name} is not what the modules say; run docs/capabilities.py HONE")
        return
    PAGE.write_text(made)


if __name__ == "__main__":
    main()
