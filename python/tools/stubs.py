"""Writes python/hone/sklearn.pyi from the estimators, whose signatures come from the hyperparameter tables.

    python python/tools/stubs.py           # with the package installed
"""

from __future__ import annotations

import inspect
import pathlib
import sys
from typing import Any

from hone import sklearn as estimators

FILE = pathlib.Path(__file__).parents[1] / "hone" / "sklearn.pyi"
HEAD = '''# Written by python/tools/stubs.py from the hyperparameter tables.
from typing import Any, Self

import numpy as np

from ._model import Model

Array = np.ndarray[Any, Any]
'''
TYPES = {"random_state": "int | np.random.RandomState | None", "n_jobs": "int | None",
         "class_weight": "str | dict[Any, float] | None", "kernel": "str"}
KINDS = {"integer": "int", "real": "float", "boolean": "bool", "choice": "str", "number or word": "float | str"}
FITTED = (("model_", "Model"), ("classes_", "Array"), ("n_features_in_", "int"), ("feature_names_in_", "Array"))
MEMBERS = {"coef_": "Array", "intercept_": None, "support_": "Array", "n_support_": "Array", "dual_coef_": "Array",
           "fit_status_": "int", "n_iter_": "int", "feature_importances_": "Array"}
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "apply")


def argument(name: str, parameter: inspect.Parameter, row: dict[str, Any] | None) -> str:
    default = parameter.default
    if name in TYPES:
        return f"{name}: {TYPES[name]} = {default!r}"
    assert row is not None
    kind = KINDS[row["kind"]]
    none = " | None" if "none" in row.get("words", row.get("choices", ())) else ""
    return f"{name}: {kind}{none} = {default!r}"


def stub(name: str) -> str:
    cls = getattr(estimators, name)
    rows = estimators._rows_of(cls._model, cls._task)
    parameters = dict(inspect.signature(cls.__init__).parameters)
    del parameters["self"]
    arguments = ["self"]
    for key, parameter in parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in arguments:
            arguments.append("*")
        arguments.append(argument(key, parameter, rows.get(key)))
    regresses = cls._task == "regression"
    lines = ["", "", f"class {name}:"]
    lines += [f"    {member}: {kind}" for member, kind in FITTED if not (regresses and member == "classes_")]
    lines += [f"    def __init__({', '.join(arguments)}) -> None: ..."]
    weight = ", sample_weight: Any = None" if "sample_weight" in inspect.signature(cls.fit).parameters else ""
    lines += [f"    def fit(self, X: Any, y: Any{weight}) -> Self: ..."]
    lines += [f"    def {m}(self, X: Any) -> Array: ..." for m in METHODS if m in dir(cls)]
    lines += ["    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...",
              "    def get_params(self, deep: bool = True) -> dict[str, Any]: ...",
              "    def set_params(self, **params: Any) -> Self: ..."]
    if weight:
        lines += [f"    def set_{m}_request(self, *, sample_weight: bool | str | None = ...) -> Self: ..."
                  for m in ("fit", "score")]
    else:
        lines += ["    def set_score_request(self, *, sample_weight: bool | str | None = ...) -> Self: ..."]
    for member, kind in MEMBERS.items():
        if member in dir(cls):
            given = kind or ("float" if regresses and cls._model == "linear_regression" else "Array")
            lines += ["    @property", f"    def {member}(self) -> {given}: ..."]
    return "\n".join(lines)


def text() -> str:
    listed = ", ".join(f'"{n}"' for n in estimators.__all__)
    return HEAD + f"\n__all__ = [{listed}]\n" + "\n".join(stub(n) for n in estimators.__all__) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
