"""The function that an optimiser calls."""

from __future__ import annotations

import inspect
from typing import Any

from ._dataset import Dataset
from ._errors import ArgumentError
from ._train import run_trial, train

_ANYWHERE = inspect.Parameter.POSITIONAL_OR_KEYWORD


class Target:
    """A picklable target function for SMAC3: configuration in, loss out.

    Its signature shows only what the scenario passes, since SMAC warns of every other argument. It carries the code
    object that SMAC reads for its hash. Pickled with a dataset that is shared (`Dataset.share`), it is a path.

    Args:
        dataset: a `hone.Dataset`, or what makes one. None: it comes with `data_to_scatter`.
        budget: whether the scenario passes a budget (multi-fidelity); a pair (low, high) means yes.
        instances: whether the scenario passes instances: numbers of splits, as '0', '1', ...
        model_dir: where the model of each trial is saved.
        info: whether to return (loss, dict of what SMAC keeps as additional information).
        options: further options of `hone.train`.
    """

    __code__ = train.__code__
    __name__ = "hone.train"

    def __init__(self, dataset: Any = None, *, budget: Any = False, instances: Any = False, model_dir: Any = None,
                 info: bool = False, **options: Any) -> None:
        known = inspect.signature(train).parameters
        for name in options:
            if name not in known or name in ("cfg", "dataset", "seed", "instance"):
                raise ArgumentError(f"no option of hone.train is called {name!r}", "options")
        self.dataset = dataset if dataset is None or isinstance(dataset, Dataset) else Dataset(dataset)
        self.model_dir = model_dir
        self.info = info
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
        if not self.info:
            return train(config, dataset, seed, self.model_dir, budget=budget, instance=instance, **self.options)
        found = run_trial(config, dataset, seed, self.model_dir, budget=budget, instance=instance, **self.options)
        keep = ("metric", "metrics", "status", "config_hash", "adjusted", "inactive", "model_path")
        return found.loss, {k: found.info[k] for k in keep if k in found.info}
