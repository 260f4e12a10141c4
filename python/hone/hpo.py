"""Objectives for optimisers other than SMAC3 (which takes `hone.Target`). No optimiser is imported here.

All of them can be pickled; with a dataset that is shared or read from a file they pickle as a path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._check import check_list
from ._config import check_seed
from ._dataset import Dataset
from ._errors import ArgumentError
from ._space import space_dict
from ._train import RUN, _number, build_options, check_names, run_trial, train


class _Objective:
    def __init__(self, dataset: Any, seed: int, options: Mapping[str, Any]) -> None:
        given = {k: v for k, v in options.items() if k not in RUN}
        check_names(type(self).__name__, given, more=("model_dir",))
        build_options(**given)
        self.dataset = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
        self.seed = check_seed(seed)
        self.options = dict(options)


# ---- Optuna ----

def _holds(condition: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    kind = condition["type"]
    if kind in ("AND", "OR"):
        inner = [_holds(c, chosen) for c in condition["conditions"]]
        return all(inner) if kind == "AND" else any(inner)
    values = condition["values"] if kind == "IN" else [condition["value"]]
    return condition["parent"] in chosen and chosen[condition["parent"]] in values


def _suggest(trial: Any, h: Mapping[str, Any]) -> Any:
    name, kind = h["name"], h["type"]
    if kind == "uniform_float":
        return trial.suggest_float(name, h["lower"], h["upper"], log=h["log"])
    if kind == "uniform_int":
        return trial.suggest_int(name, h["lower"], h["upper"], log=h["log"])
    choices = [h["value"]] if kind == "constant" else h["choices"] if kind == "categorical" else h["sequence"]
    return trial.suggest_categorical(name, choices)


def suggest(trial: Any, space: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of a trial, define-by-run: only what is active is asked for.

    Args:
        trial: anything with Optuna's `suggest_categorical`, `suggest_int` and `suggest_float`.
        space: what `hone.space_dict` gives.
    """
    conditions = {c["child"]: c for c in space["conditions"]}
    chosen: dict[str, Any] = {}
    for h in space["hyperparameters"]:  # parents stand before their children
        if h["name"] not in conditions or _holds(conditions[h["name"]], chosen):
            chosen[h["name"]] = _suggest(trial, h)
    return chosen


class OptunaObjective(_Objective):
    """The objective for `study.optimize`: a loss to minimise.

    With several `budgets` a trial is trained on each in turn (a small one sees a part of what a larger one sees), and
    with `validation='cv:5'` on each fold. After each of these steps the loss so far is reported as the intermediate
    value, and the study's pruner may end the trial there. Steps inside a fit report nothing.

    Args:
        dataset: a `hone.Dataset`, or what makes one.
        seed: of every trial.
        models: names; None: all that do the task.
        preprocessing: with 'prep:' hyperparameters.
        budgets: ascending, in (0, 1].
        model_dir: where the models of trials that reach the last budget are saved; their path is the user attribute
            'model_path' of the trial.
        options: further options of `hone.train`.
    """

    def __init__(self, dataset: Any, seed: int = 0, *, models: str | Sequence[str] | None = None,
                 preprocessing: bool = True, budgets: Sequence[float] = (1.0,), model_dir: Any = None,
                 **options: Any) -> None:
        super().__init__(dataset, seed, options)
        self.budgets = [_number("budgets", b, 0, 1) for b in check_list(budgets, "budgets", "shares")]
        if not self.budgets or sorted(self.budgets) != self.budgets:
            raise ArgumentError("an ascending list is needed", "budgets")
        self.model_dir = model_dir
        self.space = space_dict(self.dataset, models, preprocessing=preprocessing)

    def __call__(self, trial: Any) -> float:
        config = suggest(trial, self.space)
        for step, budget in enumerate(self.budgets):
            last = step + 1 == len(self.budgets)
            found = run_trial(config, self.dataset, self.seed, self.model_dir if last else None,
                              budget=None if budget == 1 else budget, judged=self._reporter(trial, step, last),
                              **self.options)
        trial.set_user_attr("config_hash", found.info["config_hash"])
        if found.path is not None:
            trial.set_user_attr("model_path", found.path)
        return found.loss

    @staticmethod
    def _reporter(trial: Any, step: int, last: bool) -> Callable[[int, int, float], None]:
        def judged(done: int, folds: int, loss: float) -> None:
            if last and done == folds:
                return
            trial.report(loss, step * folds + done - 1)
            if trial.should_prune():
                from optuna import TrialPruned

                raise TrialPruned

        return judged


# ---- dicts ----

_STYLES = ("hyperopt", "dehb", "hpobench")


class DictObjective(_Objective):
    """Objectives that answer with a dict: the loss under the name that the engine wants, and seconds as its cost.

    Args:
        dataset: a `hone.Dataset`, or what makes one.
        seed: of every trial, where the engine passes none.
        style: 'hyperopt': f(config) gives loss and status; 'dehb': f(config, fidelity) gives fitness and cost;
            'hpobench': f(configuration, fidelity, rng) gives function_value and cost.
        options: further options of `hone.train`.
    """

    def __init__(self, dataset: Any, seed: int = 0, *, style: str = "hyperopt", **options: Any) -> None:
        super().__init__(dataset, seed, options)
        if style not in _STYLES:
            raise ArgumentError(f"{', '.join(_STYLES)} is needed, not {style!r}", "style")
        self.style = style

    def __call__(self, configuration: Any, fidelity: Any = None, rng: Any = None) -> dict[str, Any]:
        budget = fidelity.get("budget") if isinstance(fidelity, Mapping) else fidelity
        started = time.perf_counter()
        loss = train(configuration, self.dataset, self.seed if rng is None else rng,
                     budget=budget, **self.options)
        seconds = time.perf_counter() - started
        if self.style == "hyperopt":
            return {"loss": loss, "status": "ok"}
        if self.style == "dehb":
            return {"fitness": loss, "cost": seconds, "info": {}}
        return {"function_value": loss, "cost": seconds, "info": {"fidelity": budget}}


class RayTrainable(_Objective):
    """The function for `ray.tune.Tuner`: a dict in, {'loss': ...} out.

    Ray calls functions, so give it `trainable.run`. Keys of the dict are hyperparameters; 'budget' is the budget.
    """

    def __init__(self, dataset: Any, seed: int = 0, **options: Any) -> None:
        super().__init__(dataset, seed, options)

    def run(self, config: Mapping[str, Any]) -> dict[str, float]:
        plain = dict(config)
        return {"loss": train(plain, self.dataset, self.seed, budget=plain.pop("budget", None), **self.options)}


def optuna_objective(dataset: Any, seed: int = 0, **options: Any) -> OptunaObjective:
    """`OptunaObjective` with its arguments."""
    return OptunaObjective(dataset, seed, **options)


def dict_objective(dataset: Any, seed: int = 0, **options: Any) -> DictObjective:
    """`DictObjective` with its arguments."""
    return DictObjective(dataset, seed, **options)


def ray_trainable(dataset: Any, seed: int = 0, **options: Any) -> Any:
    """The function of a `RayTrainable`."""
    return RayTrainable(dataset, seed, **options).run
