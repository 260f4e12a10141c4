"""The call, and its like."""

from __future__ import annotations

import json
import inspect
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from . import _hone
from ._check import check_flag, check_function, check_integer, check_list, check_path, check_text, check_threads
from ._config import check_seed, config_dict
from ._errors import BY_STATUS, ArgumentError, ConfigError, Error
from ._log import listeners
from ._mappings import dataset_of
from ._model import Model

ENDS = ("ok", "deadline", "cutoff", "work_limit", "cancelled", "memory")
AUTO, HOLDOUT, FOLDS, ROWS, OOB, NONE = range(6)
_KEEP = {None: 0, "all": 1, "best": 2, "none": 3}
_ISA = {None: 0, "auto": 0, "portable": 1, "avx2": 2, "avx512": 3}
# Models and metrics that fit one task only decide what a target of whole numbers is.
_ONE_TASK = {"logistic_regression": "classification", "linear_regression": "regression"}
_METRIC_TASK = {"rmse": "regression", "mse": "regression", "mae": "regression", "r2": "regression",
                "accuracy": "classification", "error": "classification", "log_loss": "classification",
                "balanced_accuracy": "classification", "roc_auc": "classification"}


class Result:
    """What a training came to.

    Attributes:
        loss: the metric turned so that smaller is better; finite.
        model: the fitted model, or None.
        path: file of the saved model, or None.
        end: ok, deadline, cutoff, work_limit, cancelled or memory.
        info: everything as a dict: metrics, configuration, adjusted and inactive keys, times; `judged_rows` that the
            loss is of, and whether it is `partial`: a limit left only some of the rows or folds to judge.
        error: why a trial of `train_many` failed, or None.
        scores: after `cross_validate`, the scores of every row from the model that has not seen it.
    """

    scores: np.ndarray[Any, Any] | None = None

    def __init__(self, found: Any) -> None:
        self.error: Error | None = None
        self.model: Model | None = None
        self.path: str | None = None
        self.loss, self.end = math.nan, "failed"
        self.info: dict[str, Any] = {}
        if isinstance(found, Error) or len(found) == 3:
            self.error = found if isinstance(found, Error) else BY_STATUS[found[0]](*found[1:])
            self.info = {"status": "failed", "message": str(self.error)}
            return
        self.loss, text, handle, self.path, end, judged = found
        self.end = ENDS[end]
        self.info = json.loads(text)
        self.info["judged_rows"] = judged
        for told in (self.info, *self.info.get("folds", ())):
            told["metrics"] = {name: float(value) for name, value in told.get("metrics", {}).items()}
        folds = self.info["validation"].get("folds", 1)
        if self.end != "cutoff" and folds > len(self.info.get("folds", [0])):
            self.info["partial"] = True
        if handle is not None:
            self.model = Model(handle)

    @property
    def metrics(self) -> dict[str, float]:
        """All metrics of the task, in their natural sign."""
        found: dict[str, float] = self.info.get("metrics", {})
        return found

    def __repr__(self) -> str:
        return f"hone.Result(loss={self.loss!r}, end={self.end!r})"


# ---- options ----

def _validation(how: Any) -> dict[str, Any]:
    if how is None or isinstance(how, str) and how == "auto":
        return {}
    if isinstance(how, str):
        word, _, number = how.partition(":")
        if word in ("oob", "none") and not number:
            return {"validation": OOB if word == "oob" else NONE}
        if word == "holdout" and not number:
            return {"validation": HOLDOUT}
        if word == "holdout" and number.replace(".", "", 1).isdigit() and 0 < float(number) < 1:
            return {"validation": HOLDOUT, "holdout": float(number)}
        if word in ("cv", "folds") and number.isdigit() and 2 <= int(number) < 2**31:
            return {"validation": FOLDS, "folds": int(number)}
    elif not isinstance(how, (bool, int, float)):
        rows = np.asarray(how)
        if rows.dtype.kind in "iu" and rows.ndim == 1:
            return {"validation": ROWS, "valid_rows": np.unique(rows).astype(np.int64)}
    raise ArgumentError(f"auto, holdout:0.25, cv:5, oob, none or row numbers are needed, not {how!r}",
                        "validation")


def _number(name: str, value: Any, low: float, high: float = math.inf) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ArgumentError(f"a number is needed, not {type(value).__name__}", name)
    if not low < float(value) <= high or math.isinf(float(value)):
        raise ArgumentError(f"{value} is not in ({low:g}, {high:g}]", name)
    return float(value)


def _choice(name: str, value: Any, known: Mapping[Any, int]) -> int:
    if not (value is None or isinstance(value, str)) or value not in known:
        raise ArgumentError(f"one of {', '.join(k for k in known if k)} is needed, not {value!r}", name)
    return known[value]


def build_options(*, budget: Any = None, fidelity: str | None = None, validation: Any = "auto",
                  split_seed: Any = None, metric: str | None = None, n_threads: Any = None,
                  deadline: Any = None, memory_cap: Any = None, work_limit: Any = None, cutoff: Any = None,
                  strict: bool = False, refit: bool = True, warm_from: Model | None = None,
                  isa: str | None = None, model_dir: Any = None, keep_model: bool = False, keep: str | None = None,
                  race: bool = False, unjudged: bool = False, warm_start: bool = False) -> dict[str, Any]:
    """The library's options from the keyword arguments of `train`."""
    o = _validation(validation)
    if budget is not None:
        o["budget"] = _number("budget", budget, 0, 1)
    if fidelity not in (None, "rows", "native", "default"):
        raise ArgumentError(f"native or None is needed, not {fidelity!r}", "fidelity")
    if fidelity == "native":
        o["native_fidelity"] = True
    if split_seed is not None:
        o["split_seed"] = check_seed(split_seed, "split_seed")
    if metric is not None:
        o["metric"] = check_text(metric, "metric")
    if n_threads is not None:
        o["threads"] = check_threads(n_threads)
    if deadline is not None:
        o["deadline"] = _number("deadline", deadline, 0)
    if memory_cap is not None:
        o["memory_cap"] = check_integer(memory_cap, "memory_cap", 1, 2**63)
    if work_limit is not None:
        o["work_limit"] = check_integer(work_limit, "work_limit", 1, 2**63)
    if cutoff is not None:
        o["cutoff"] = _number("cutoff", cutoff, -math.inf)
    if warm_from is not None:
        if not isinstance(warm_from, Model):
            raise ArgumentError(f"a hone.Model is needed, not {type(warm_from).__name__}", "warm_from")
        o["warm_from"] = warm_from._handle
    if model_dir is not None:
        o["model_dir"] = check_path(model_dir, "model_dir")
    o["isa"], o["keep"] = _choice("isa", isa, _ISA), _choice("keep", keep, _KEEP)
    flags = {"strict": strict, "race": race, "unjudged": unjudged, "warm_start": warm_start, "keep_model": keep_model}
    o.update((name, check_flag(value, name)) for name, value in flags.items())
    o["no_refit"] = not check_flag(refit, "refit")
    return o


_SHARED = frozenset(inspect.signature(build_options).parameters) - {
    "model_dir", "keep_model", "keep", "race", "unjudged"}
RUN = ("verbose", "progress", "judged", "instance")


def check_names(call: str, options: Mapping[str, Any], *, more: Iterable[str] = (), less: Iterable[str] = ()) -> None:
    """That a call has all these options; else what Python says of an unknown argument."""
    for name in options:
        if name not in (_SHARED | set(more)) - set(less):
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")


def _task_of(cfg: Mapping[str, Any], metric: str | None) -> str | None:
    return _ONE_TASK.get(str(cfg.get("model"))) or _METRIC_TASK.get(str(metric))


# ---- calls ----

def train(cfg: Any, dataset: Any, seed: int = 0, model_dir: str | os.PathLike[str] | None = None, *,
          budget: float | None = None, fidelity: str | None = None, instance: Any = None,
          validation: Any = "auto", split_seed: int | None = None, metric: str | None = None,
          n_threads: int | None = None, deadline: float | None = None, memory_cap: int | None = None,
          work_limit: int | None = None, cutoff: float | None = None, strict: bool = False, refit: bool = True,
          warm_from: Model | None = None, warm_start: bool = False, isa: str | None = None, verbose: int = 0,
          progress: Any = None, judged: Any = None) -> float:
    """Trains what `cfg` names and gives the loss that an optimiser minimises.

    The loss is the metric on validation rows, turned so that smaller is better: negative accuracy, or rmse. It is
    always finite. Equal arguments give equal bits, at any number of threads, in every process.

    Args:
        cfg: a ConfigSpace configuration or any mapping. 'model' names the model; hyperparameters are
            '<model>:<name>' or plain '<name>'; Python or NumPy scalars.
        dataset: a `hone.Dataset`, or a mapping with 'X' and 'y' (`hone.Dataset` lists what else). The same mapping
            given again finds what earlier trials prepared.
        seed: in [0, 2**64).
        model_dir: a directory where the model is saved, refitted on all rows; None: not saved.
        budget: in (0, 1]: a share of the trees of a forest, of the rows of other models.
        fidelity: 'native': the budget scales the model's own fidelity instead (iterations, tolerance).
        instance: a number of a fold as optimisers pass it ('0', '1', ...): seeds the split of the validation.
        validation: 'auto' (validation rows of the dataset, else a holdout of a quarter), 'holdout:0.25', 'cv:5',
            'oob', 'none', or the numbers of the validation rows.
        split_seed: fixes the split while `seed` varies.
        metric: accuracy, error, balanced_accuracy, log_loss, roc_auc, ..., rmse, mae, r2, ...
        n_threads: None: those that OMP_NUM_THREADS, threadpoolctl, the CPU affinity and the cgroup leave.
        deadline: seconds; the best model so far then counts. When it ends the judging itself, the loss is that of the rows
            or folds that were judged: `Result.info` says `partial` and `judged_rows`.
        memory_cap: bytes that the trial may allocate.
        work_limit: a deadline in counted operations: the same bits everywhere.
        cutoff: stops when the loss cannot get below it.
        strict: refuses keys that have no effect and values that the data make act differently.
        refit: False: the saved model is the validation model.
        warm_from: a model to start from.
        warm_start: fits that can (linear models, svm) start from the nearest solution that an earlier trial with this
            option left for the same rows. Results then depend on what ran before, within the solver's tolerance.
        isa: kernels: auto, portable, avx2 or avx512.
        verbose: 1: a line a stage on standard error; 2: progress too. Lines also go to the logger 'hone.train'.
        progress: True: a tqdm bar; or a function of (stage, fraction, seconds left). An exception stops the training.
        judged: a function of (done, folds, loss), called after each of the folds of the validation with the mean
            loss of those that are done. An exception stops the training: that is how a pruner ends a trial.

    Raises:
        ConfigError, DataError, ArgumentError: all ValueErrors, naming the place.
        OutOfMemoryError, FileError, UnsupportedError: under `hone.Error` too.
        KeyboardInterrupt: within a tenth of a second of Ctrl-C.
    """
    found = _run(cfg, dataset, seed, verbose, progress, judged, instance, dict(
        budget=budget, fidelity=fidelity, validation=validation, split_seed=split_seed, metric=metric,
        n_threads=n_threads, deadline=deadline, memory_cap=memory_cap, work_limit=work_limit, cutoff=cutoff,
        strict=strict, refit=refit, warm_from=warm_from, warm_start=warm_start, isa=isa, model_dir=model_dir))
    if len(found) == 3:
        raise BY_STATUS[found[0]](*found[1:])
    return found[0]  # type: ignore[no-any-return]


def fit(cfg: Any, dataset: Any, seed: int = 0, model_dir: str | os.PathLike[str] | None = None, *,
        verbose: int = 0, progress: Any = None, judged: Any = None, instance: Any = None,
        **options: Any) -> Result:
    """The same as `train`, with the model and the full result. Options are those of `train`.

    One option more: `unjudged` spares the training loss of `validation='none'`, which is NaN then.
    """
    check_names("fit", options, more=("unjudged",))
    found = _run(cfg, dataset, seed, verbose, progress, judged, instance,
                 dict(options, model_dir=model_dir, keep_model=True))
    result = Result(found)
    if result.error is not None:
        raise result.error
    return result


def run_trial(cfg: Any, dataset: Any, seed: int, model_dir: Any = None, *, verbose: int = 0, progress: Any = None,
              judged: Any = None, instance: Any = None, **options: Any) -> Result:
    """The result of `train`: the model is fitted on all rows only when there is a directory for it."""
    check_names("train", options)
    result = Result(_run(cfg, dataset, seed, verbose, progress, judged, instance,
                         dict(options, model_dir=model_dir)))
    if result.error is not None:
        raise result.error
    return result


def cross_validate(cfg: Any, dataset: Any, seed: int = 0, *, folds: int = 5, verbose: int = 0,
                   progress: Any = None, judged: Any = None, **options: Any) -> Result:
    """Trains on each of `folds` stratified parts. The loss is the mean over folds.

    Options are those of `train` but for `validation`, `refit` and `instance`. The model that `model_dir` gets is that
    of the first fold; `train` with `validation='cv:5'` saves one that is fitted on all rows. The result has `scores`:
    the scores of every row from the model that has not seen it, rows by classes.
    """
    check_names("cross_validate", options, more=("model_dir",), less=("validation", "refit"))
    parts = check_integer(folds, "folds", 2, 2**31)
    data, alive = dataset_of(dataset, _task_of(config_dict(cfg), options.get("metric")))
    scores = np.full((data.n_rows, max(len(data.classes), 1)), np.nan)
    built = build_options(**options, validation=f"cv:{parts}", refit=False)
    built["out_of_fold"] = scores
    result = Result(_hone.train(config_dict(cfg), data._handle, check_seed(seed), built,
                                *listeners(verbose, progress), check_function(judged, "judged")))
    del alive
    if result.error is not None:
        raise result.error
    result.scores = scores
    return result


def train_many(cfgs: Iterable[Any], dataset: Any, seeds: Any = 0, model_dir: Any = None, *, verbose: int = 0,
               progress: Any = None, **options: Any) -> list[Result]:
    """Trains a list of configurations, ordered for the most sharing.

    The loss and the metrics of result i are bit for bit those of `fit` of configuration i; a trial that fails says so in
    its `error`, and harms no other. No model stays in memory: `model` is None, and `path` the file of a model that was
    saved. Options are those of `train` but for `judged` and `instance`.

    Args:
        seeds: one for all, or one each.
        model_dir: where the best model is saved; `keep='all'` saves that of each trial.

    Two options more: `keep` ('best', 'all' or 'none') and `race` (the best loss so far is the cutoff of the trials
    that begin after it; which ones it cuts short depends on what finished first).
    """
    check_names("train_many", options, more=("keep", "race"))
    if isinstance(cfgs, Mapping):
        raise ArgumentError("a list of configurations is needed; one alone is for train", "cfgs")
    plain = [_numbered(c, i) for i, c in enumerate(check_list(cfgs, "cfgs", "configurations"))]
    one = hasattr(seeds, "__index__") and not np.ndim(seeds)
    listed = [seeds] * len(plain) if one else check_list(seeds, "seeds", "integers")
    if len(listed) != len(plain):
        raise ArgumentError(f"{len(listed)} seeds for {len(plain)} configurations", "seeds")
    tasks = {_task_of(c, options.get("metric")) for c in plain}
    data, alive = dataset_of(dataset, tasks.pop() if len(tasks) == 1 else None)
    built = build_options(**options, model_dir=model_dir)
    found = _hone.train_many(plain, [check_seed(s, "seeds") for s in listed], data._handle, built,
                             *listeners(verbose, progress))
    del alive
    return [Result(f) for f in found]


def estimate(cfg: Any, dataset: Any, seed: int = 0, *, pilot: float | None = None,
             **options: Any) -> dict[str, float]:
    """What `train` with the same arguments would take.

    Gives `bytes_bound`, which the training never exceeds and which may be far above. With `pilot` (0.01 is a good
    choice: a share of the training rows) also `bytes_likely` and `seconds_likely`, extrapolated from three small
    trainings and mostly within a factor of 3.
    """
    check_names("estimate", options, more=("model_dir",))
    plain = config_dict(cfg)
    share = 0.0 if pilot is None else _number("pilot", pilot, 0, 1)
    data, alive = dataset_of(dataset, _task_of(plain, options.get("metric")))
    most, bytes_likely, seconds = _hone.estimate(plain, data._handle, check_seed(seed),
                                                 build_options(**options), share)
    del alive
    found: dict[str, float] = {"bytes_bound": most}
    return found if pilot is None else {**found, "bytes_likely": bytes_likely, "seconds_likely": seconds}


def _run(cfg: Any, dataset: Any, seed: Any, verbose: int, progress: Any, judged: Any, instance: Any,
         options: dict[str, Any]) -> tuple[Any, ...]:
    plain = config_dict(cfg)
    number = check_seed(seed)
    built = build_options(**options)
    if instance is not None:
        built["split_seed"] = _instance(instance)
    data, alive = dataset_of(dataset, _task_of(plain, options.get("metric")))
    found: tuple[Any, ...] = _hone.train(plain, data._handle, number, built, *listeners(verbose, progress),
                                         check_function(judged, "judged"))
    del alive
    return found


def _numbered(cfg: Any, place: int) -> dict[str, Any]:
    """A configuration of a list; an error tells which."""
    try:
        return config_dict(cfg)
    except ConfigError as error:
        raise ConfigError(error.message, f"cfgs[{place}]{error.path.removeprefix('config')}") from None


def _instance(instance: Any) -> int:
    text = str(instance)
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**64:
        raise ArgumentError(f"the number of a split is needed, not {instance!r}", "instance")
    return int(text)
