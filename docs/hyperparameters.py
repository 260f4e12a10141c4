#!/usr/bin/env python3
"""Writes docs/hyperparameters.md from `hone reference`: hyperparameters.py HONE [--check]

With --check it writes nothing and fails when the page is not what the tables say.
"""

import json
import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).with_suffix(".md")
HEAD = """# Hyperparameters

Made from the tables of the modules by `docs/hyperparameters.py`; `hone reference` gives the same as JSON.
In a configuration a hyperparameter is `<model>:<name>`, or plain `<name>` beside `model`; preprocessing is
`prep:<name>`. *Searched* is the range that `hone space` publishes; a dash: not searched.
Of two hyperparameters that do not stand together one may have its default, as in a record: then the other counts.
"""


def default(row):
    value = row["default"]
    return "true" if value is True else "false" if value is False else str(value)


def searched(row):
    if row["kind"] in ("choice", "boolean"):
        return "-" if row["fixed"] else ", ".join(row.get("tune_choices", ["all"]))
    return row.get("tune", "-") + (", log scale" if row["log"] and "tune" in row else "")


def notes(row):
    parts = [row["help"]]
    if "parent" in row:
        parts.append(f"Only while `{row['parent']}` is {' or '.join(row['values'])}.")
    if "excludes" in row:
        parts.append(f"Not together with `{row['excludes']}`.")
    if len(row["tasks"]) == 1:
        parts.append(f"Only in {row['tasks'][0]}.")
    if row["fidelity"]:
        parts.append("A budget can scale it.")
    return " ".join(parts)


def table(rows):
    lines = ["| name | takes | default | searched | what it does |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = [f"`{row['name']}`", row["takes"], default(row), searched(row), notes(row)]
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines)


def page(reference):
    parts = [HEAD]
    for model in reference["models"]:
        takes = ", ".join(model["takes"]) or "neither holes, categories, sparse rows nor weights"
        parts.append(f"## {model['name']}\n\n{model['summary']}\nTasks: {', '.join(model['tasks'])}. Takes as it is: "
                     f"{takes}.\n\n{table(model['hyperparameters'])}\n")
    parts.append(f"## prep\n\nPreprocessing, fitted on training rows only.\n\n{table(reference['preprocessing'])}\n")
    return "\n".join(parts)


def main():
    made = page(json.loads(subprocess.run([sys.argv[1], "reference"], capture_output=True, text=True, check=True).stdout))
    if "--check" in sys.argv:
        if made != PAGE.read_text():
            sys.exit(f"{PAGE.name} is not what the tables say; run docs/hyperparameters.py HONE")
        return
    PAGE.write_text(made)


if __name__ == "__main__":
    main()
