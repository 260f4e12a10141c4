"""The function that an optimiser calls."""

from __future__ import annotations

import inspect
import math
from typing import Any

from ._check import check_flag
from ._dataset import Dataset
from ._errors import ArgumentError
from ._train import RUN, _number, build_options, run_trial, train

_KEPT = ("loss", "metric", "metrics", "status", "partial", "judged_rows", "config_hash", "adjusted", "inactive",
         "model_path")
_ANYWHERE = inspect.Parameter.POSITIONAL_OR_KEYWORD


class Target:
    """A picklable target function for SMAC3: configuration in, loss out.

    Its signature shows only what the scenario passes, since SMAC warns of every other argument. It carries the code
    object that SMAC reads for its hash. Its pickle holds its dataset: a path when that is shared
    (`Dataset.share`) or read from a file, otherwise all arrays.

    Args:
        dataset: a `hone.Dataset`, or what makes one. None: it comes with `data_to_scatter`.
        budget: whether the scenario passes a budget (multi-fidelity); a pair (low, high) means yes.
        instances: whether the scenario passes instances: numbers of splits, as '0', '1', ...
        model_dir: where the model of each trial is saved.
        info: whether to return (loss, dict of what SMAC keeps as additional information).
        partial_cost: what a trial costs whose loss is partial, that is of some of the rows or folds only, since a limit
            (deadline, memory, work) ended it while it was judged; None: that loss.
        options: further options of `hone.train`.
    """

    __code__ = train.__code__
    __name__ = "hone.train"

    def __init__(self, dataset: Any = None, *, budget: Any = False, instances: Any = False, model_dir: Any = None,
                 info: bool = False, partial_cost: float | None = None, **options: Any) -> None:
        known = inspect.signature(train).parameters
        for name in options:
            if name not in known or name in ("cfg", "dataset", "seed", "instance"):
                raise ArgumentError(f"no option of hone.train is called {name!r}", "options")
        build_options(model_dir=model_dir, **{k: v for k, v in options.items() if k not in RUN})
        self.dataset = dataset if dataset is None or isinstance(dataset, Dataset) else Dataset(dataset)
        self.model_dir = model_dir
        self.info = check_flag(info, "info")
        self.partial_cost = None if partial_cost is None else _number("partial_cost", partial_cost, -math.inf)
        self.options = options
        shown = [inspect.Parameter("config", _ANYWHERE), inspect.Parameter("seed", _ANYWHERE, default=0)]
        if budget:
            shown.append(inspect.Parameter("budget", _ANYWHERE, default=None))
        if instances:
            shown.append(inspect.Parameter("instance", _ANYWHERE, default=None))
        if dataset is None:
            shown.append(inspect.Parameter("data_to_scatter", _ANYWHERE, default=None))
        self.__signature__ = inspect.Signature(shown)

    def __call__(self, config: Any, seed: int = 0, budget: float | None = None, instance: Any = None,
                 data_to_scatter: Any = None) -> Any:
        dataset = self.dataset if data_to_scatter is None else data_to_scatter
        if not self.info and self.partial_cost is None:
            return train(config, dataset, seed, self.model_dir, budget=budget, instance=instance, **self.options)
        found = run_trial(config, dataset, seed, self.model_dir, budget=budget, instance=instance, **self.options)
        cost = self.partial_cost if found.info["partial"] and self.partial_cost is not None else found.loss
        if not self.info:
            return cost
        return cost, {k: found.info[k] for k in _KEPT if k in found.info}
