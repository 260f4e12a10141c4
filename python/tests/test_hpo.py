"""Inside optimisers: the examples at small size, and what each engine asks of an objective."""

import inspect
import json
import os
import pathlib
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import hone

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "python"


def example(name, tmp_path):
    """Runs an example; its last line. Anything that an engine warns of is a failure."""
    needs = name.partition("_")[0]
    pytest.importorskip({"smac": "smac", "optuna": "optuna"}[needs])
    done = subprocess.run([sys.executable, EXAMPLES / f"{name}.py", "--small", "--output", tmp_path], text=True,
                          capture_output=True, timeout=200, env={**os.environ, "PYTHONHASHSEED": "0"})
    assert done.returncode == 0, done.stderr
    assert not re.search(r"\[WARNING\]|\[ERROR\]|hone.*Warning", done.stdout + done.stderr), done.stderr
    assert list(pathlib.Path(tmp_path).glob("*.hone"))
    return done.stdout.strip().splitlines()[-1]


def test_smac_finds_a_model_without_a_crash(tmp_path):
    said = example("smac_blackbox", tmp_path)
    assert said.startswith("trials 14 {'SUCCESS'}") and float(said.split()[-1]) < -0.7


def test_smac_takes_splits_as_instances(tmp_path):
    assert re.match(r"trials 16 \{'SUCCESS'\}, [2-5] splits", example("smac_folds", tmp_path))


def test_smac_gives_budgets(tmp_path):
    assert "trials 20 {'SUCCESS'}, budgets [0.111, 0.333, 1.0]" in example("smac_multifidelity", tmp_path)


def test_smac_on_two_workers_of_dask_loses_no_trial(tmp_path):
    pytest.importorskip("dask.distributed")
    assert example("smac_dask", tmp_path).startswith("trials 14 {'SUCCESS'}")


def test_optuna_prunes_between_budgets_and_replays(tmp_path):
    said = example("optuna_pruning", tmp_path)
    assert int(re.search(r"pruned (\d+)", said)[1]) > 0
    loss, of_study = re.findall(r"-0\.\d+", said)
    assert loss == of_study


def test_optuna_in_two_processes_on_one_journal(tmp_path):
    said = example("optuna_journal", tmp_path)
    loss, of_study = re.findall(r"-0\.\d+", said)
    assert said.startswith("trials 16") and loss == of_study


def test_smac_kills_no_trial_after_a_parallel_fit_in_the_parent(rows):
    smac = pytest.importorskip("smac")
    data = hone.Dataset(*rows)
    hone.train({"model": "random_forest"}, data, 0, n_threads=2)
    scenario = smac.Scenario(hone.space(data), deterministic=True, n_trials=6, crash_cost=1.0, trial_walltime_limit=20,
                             trial_memory_limit=(4096, "MB"), name="limits", output_directory=f"/tmp/{os.getpid()}-smac")
    found = smac.RandomFacade(scenario, hone.Target(data), overwrite=True)
    found.optimize()
    assert [t.status.name for t in found.runhistory.values()] == ["SUCCESS"] * 6


# ---- what an engine sees of the target ----

def test_the_target_shows_only_what_the_scenario_passes(rows):
    data = hone.Dataset(*rows)
    for given, shown in (({}, ["config", "seed"]), ({"budget": (0.1, 1)}, ["config", "seed", "budget"]),
                         ({"instances": True}, ["config", "seed", "instance"])):
        target = hone.Target(data, deadline=60.0, **given)
        assert list(inspect.signature(target).parameters) == shown and target.__code__.co_code
        again = pickle.loads(pickle.dumps(target))
        assert again({"model": "knn"}, seed=3) == target({"model": "knn"}, seed=3) == hone.train({"model": "knn"}, data, 3)
    loss, told = hone.Target(data, info=True)({"model": "knn", "svm:C": 1})
    assert told["metrics"]["accuracy"] == -loss and list(told["inactive"]) == ["svm:C"] and json.dumps(told)
    assert hone.Target(None)({"model": "knn"}, data_to_scatter=data) == hone.train({"model": "knn"}, data)
    with pytest.raises(hone.ArgumentError, match="budgett"):
        hone.Target(data, budgett=1)


class FixedTrial:
    """What a define-by-run engine offers, with answers known before."""

    def __init__(self, answers):
        self.answers, self.asked, self.attrs, self.reported = answers, [], {}, []

    def suggest_categorical(self, name, choices):
        self.asked.append(name)
        return self.answers.get(name, choices[0])

    def suggest_float(self, name, low, high, log=False):
        self.asked.append(name)
        return self.answers.get(name, (low * high) ** 0.5 if log else (low + high) / 2)

    def suggest_int(self, name, low, high, log=False):
        self.asked.append(name)
        return self.answers.get(name, low)

    def report(self, value, step):
        self.reported.append((step, value))

    def should_prune(self):
        return False

    def set_user_attr(self, key, value):
        self.attrs[key] = json.loads(json.dumps(value))


def test_only_active_hyperparameters_are_asked_for(rows, tmp_path):
    objective = hone.hpo.optuna_objective(hone.Dataset(*rows), seed=2, budgets=(0.3, 1), model_dir=tmp_path)
    trial = FixedTrial({"model": "svm", "svm:kernel": "rbf"})
    loss = pickle.loads(pickle.dumps(objective))(trial)
    assert not [n for n in trial.asked if not n.startswith(("svm:", "prep:", "model"))] and "svm:degree" not in trial.asked
    assert [step for step, _ in trial.reported] == [0]
    assert hone.load(trial.attrs["model_path"]).record["seed"] == "2" and trial.attrs["config_hash"]
    assert hone.hpo.optuna_objective(hone.Dataset(*rows), seed=2)(FixedTrial(trial.answers)) == loss
    with pytest.raises(hone.ArgumentError, match="budgets"):
        hone.hpo.optuna_objective(hone.Dataset(*rows), budgets=(1, 0.5))


def test_dicts_for_hyperopt_dehb_and_hpobench(rows):
    data, config = hone.Dataset(*rows), {"model": "random_forest", "n_estimators": 20}
    loss = hone.train(config, data, 0)
    assert hone.hpo.dict_objective(data)(config) == {"loss": loss, "status": "ok"}
    dehb = hone.hpo.dict_objective(data, style="dehb")(config, fidelity=0.5)
    assert dehb["fitness"] == hone.train(config, data, 0, budget=0.5) and dehb["cost"] > 0
    bench = pickle.loads(pickle.dumps(hone.hpo.dict_objective(data, style="hpobench")))
    assert bench(config, fidelity={"budget": 0.5}, rng=np.int64(4))["function_value"] == hone.train(
        config, data, 4, budget=0.5)
    with pytest.raises(hone.ArgumentError, match="style"):
        hone.hpo.dict_objective(data, style="nni")
    with pytest.raises(TypeError, match="sead"):
        hone.hpo.dict_objective(data, sead=1)


def test_ray_gets_a_function_that_travels(rows, tmp_path):
    """Ray's contract, without Ray: a picklable function of one dict, whose answer is a dict of metrics."""
    data = hone.Dataset(*rows).share(tmp_path)
    text = pickle.dumps(hone.hpo.ray_trainable(data, seed=1))
    function = pickle.loads(text)
    assert len(text) < 1000 and inspect.ismethod(function) and len(inspect.signature(function).parameters) == 1
    config = {"model": "knn", "budget": 0.5}
    assert function(config) == {"loss": hone.train({"model": "knn"}, data, 1, budget=0.5)} and "budget" in config
