"""Inside optimisers: the examples at small size, and what each engine asks of an objective."""

import inspect
import json
import multiprocessing
import os
import pathlib
import pickle
import re
import signal
import subprocess
import sys
import textwrap

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


def test_smac_takes_our_forest_as_its_surrogate(tmp_path):
    said = example("smac_surrogate", tmp_path)
    assert said.startswith("trials 14 {'SUCCESS'}") and float(said.split()[-1]) < -0.7


def test_smac_on_two_workers_of_dask_loses_no_trial(tmp_path):
    pytest.importorskip("dask.distributed")
    assert example("smac_dask", tmp_path).startswith("trials 14 {'SUCCESS'}")


def test_smac_runs_the_script_target(tmp_path):
    said = example("smac_script", tmp_path)
    loss, of_script = re.findall(r"-0\.\d+", said)
    assert said.startswith("trials 6 {'SUCCESS'}") and loss == of_script


MORTAL = """
    import os, signal, hone
    class Mortal(hone.Target):
        # kills its process in the first trial that gets here
        def __call__(self, config, seed=0):
            try:
                os.close(os.open(os.environ["MARK"], os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return super().__call__(config, seed)
            os.kill(os.getpid(), signal.SIGKILL)
"""
CLUSTER = """
    import sys, numpy as np, hone
    from dask.distributed import Client, LocalCluster
    from mortal import Mortal
    from smac import RandomFacade, Scenario
    if __name__ == "__main__":
        X = np.random.default_rng(0).normal(size=(200, 4))
        data = hone.Dataset(X, (X[:, 0] > 0).astype(int)).share(sys.argv[1])
        scenario = Scenario(hone.space(data), deterministic=True, n_trials=8, crash_cost=1.0, output_directory=sys.argv[1])
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
            smac = RandomFacade(scenario, Mortal(data, n_threads=1), overwrite=True, dask_client=client)
            smac.optimize()
        print(smac.runhistory.finished, *sorted({t.status.name for t in smac.runhistory.values()}))
"""


def test_a_worker_of_dask_that_dies_loses_only_its_trial(tmp_path):
    pytest.importorskip("dask.distributed")
    pytest.importorskip("smac")
    (tmp_path / "mortal.py").write_text(textwrap.dedent(MORTAL))
    (tmp_path / "cluster.py").write_text(textwrap.dedent(CLUSTER))
    done = subprocess.run([sys.executable, tmp_path / "cluster.py", tmp_path], text=True, capture_output=True, timeout=200,
                          env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(tmp_path),
                               "MARK": str(tmp_path / "mark")})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mark").exists() and done.stdout.split()[-2:] == ["8", "SUCCESS"]


def test_optuna_prunes_between_budgets_and_replays(tmp_path):
    said = example("optuna_pruning", tmp_path)
    assert int(re.search(r"pruned (\d+)", said)[1]) > 0
    loss, of_study = re.findall(r"-0\.\d+", said)
    assert loss == of_study


def test_optuna_in_two_processes_on_one_journal(tmp_path):
    said = example("optuna_journal", tmp_path)
    loss, of_study = re.findall(r"-0\.\d+", said)
    assert said.startswith("trials 16") and loss == of_study


class Mortal(hone.hpo.OptunaObjective):
    """Kills the process of one trial."""

    def __call__(self, trial):
        if trial.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(trial)


def open_storage(kind, folder):
    if kind == "journal":
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        return JournalStorage(JournalFileBackend(f"{folder}/log"))
    from optuna.storages import RDBStorage

    return RDBStorage(f"sqlite:///{folder}/study.db", engine_kwargs={"connect_args": {"timeout": 60}})


def study_of(kind, folder, objective, trials, seed):
    import optuna

    sampler = optuna.samplers.RandomSampler(seed)
    study = optuna.load_study(study_name="s", storage=open_storage(kind, folder), sampler=sampler)
    study.optimize(objective, n_trials=trials)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_two_processes_share_a_study_and_one_that_dies_loses_its_trial(kind, method, rows, tmp_path):
    optuna = pytest.importorskip("optuna")
    data = hone.Dataset(*rows).share(tmp_path)
    hone.train({"model": "random_forest"}, data, 0, n_threads=2)  # a pool that a forked child must not wait for
    optuna.create_study(study_name="s", storage=open_storage(kind, tmp_path))
    start = multiprocessing.get_context(method)
    mortal = Mortal(data, model_dir=tmp_path / "models")
    workers = [start.Process(target=study_of, args=(kind, tmp_path, mortal, 15, i)) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)
    assert sorted(w.exitcode for w in workers) == [-signal.SIGKILL, 0]
    study_of(kind, tmp_path, mortal, 15, 7)
    study = optuna.load_study(study_name="s", storage=open_storage(kind, tmp_path))
    done = [t for t in study.trials if t.state is optuna.trial.TrialState.COMPLETE]
    assert 30 <= len(done) == len(study.trials) - 1 and study.trials[3] not in done
    for trial in done[:4]:
        assert hone.hpo.optuna_objective(data)(optuna.trial.FixedTrial(trial.params)) == trial.value
        record = hone.load(trial.user_attrs["model_path"]).record
        assert record["config_hash"] == trial.user_attrs["config_hash"]
    info = hone.fit(study.best_params, data, 0).info
    study.ask().set_user_attr("info", info)
    assert optuna.load_study(study_name="s", storage=open_storage(kind, tmp_path)).trials[-1].user_attrs["info"] == info


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


class Doomed(FixedTrial):
    """Is pruned at the given report."""

    def __init__(self, answers, at):
        super().__init__(answers)
        self.at = at

    def should_prune(self):
        return len(self.reported) == self.at


def test_a_pruner_sees_the_mean_of_the_folds_and_ends_a_trial_between_them(rows, tmp_path):
    optuna = pytest.importorskip("optuna")
    data, answers = hone.Dataset(*rows), {"model": "knn"}
    objective = hone.hpo.optuna_objective(data, seed=2, budgets=(0.5, 1), validation="cv:3", model_dir=tmp_path)
    trial = FixedTrial(answers)
    loss = objective(trial)
    assert [step for step, _ in trial.reported] == [0, 1, 2, 3, 4]
    config = hone.hpo.suggest(FixedTrial(answers), objective.space)
    assert trial.reported[2][1] == pytest.approx(hone.train(config, data, 2, budget=0.5, validation="cv:3"), abs=1e-15)
    assert loss == hone.train(config, data, 2, validation="cv:3")
    saved = os.listdir(tmp_path)
    for at in (2, 5):
        doomed = Doomed(answers, at)
        with pytest.raises(optuna.TrialPruned):
            objective(doomed)
        assert doomed.reported == trial.reported[:at]
    assert os.listdir(tmp_path) == saved  # a pruned trial saves no model


def test_folds_are_told_as_they_are_judged(rows):
    told, data = [], hone.Dataset(*rows)
    loss = hone.train({"model": "knn"}, data, 0, validation="cv:4", judged=lambda *said: told.append(said))
    assert [said[:2] for said in told] == [(i, 4) for i in (1, 2, 3, 4)] and told[3][2] == pytest.approx(loss, abs=1e-15)

    def stop(done, folds, loss):
        raise KeyError(done)

    with pytest.raises(KeyError, match="1"):
        hone.train({"model": "knn"}, data, 0, validation="cv:4", judged=stop)
    with pytest.raises(hone.ArgumentError, match="judged"):
        hone.train({"model": "knn"}, data, 0, judged=3)


# ---- the program for SMAC's script runner ----

def script(*arguments, **environment):
    done = subprocess.run([sys.executable, "-m", "hone.smac_target", *arguments], text=True, capture_output=True,
                          timeout=60, env={**os.environ, **environment})
    assert done.stdout.count("\n") == 1, done.stderr
    return done


def test_the_script_target_gives_the_loss_and_one_line(rows, tmp_path):
    data = hone.Dataset(*rows).share(tmp_path / "data with = and ;")
    options = {"model_dir": str(tmp_path / "a = b; c"), "verbose": 2}
    done = script("--seed=3", "--budget=0.5", "--instance=1", "--instance_features=[1.0]", "--model=svm", "--svm:C=10.0",
                  "--prep:scale=none", "--knn:p=2", HONE_DATA=data._folder, HONE_OPTIONS=json.dumps(options))
    assert done.returncode == 0 and "done" in done.stderr
    # as SMAC's runner reads it
    said = dict(pair.split("=") for pair in done.stdout.replace(" ", "").strip().split(";"))
    config = {"model": "svm", "svm:C": 10.0, "prep:scale": "none"}
    assert float(said["cost"]) == hone.train(config, data, 3, budget=0.5, instance="1")
    info = json.loads(said["additional_info"])
    assert said["status"] == "SUCCESS" and list(info["inactive"]) == ["knn:p"]
    assert hone.load(info["model_path"]).record["seed"] == "3" and "a = b; c" in info["model_path"]


@pytest.mark.parametrize("code, status, arguments, environment, said", [
    (2, "CRASHED", ["--model=svm", "--svm:C=-1"], {}, "svm:C"),
    (2, "CRASHED", ["--model=svm", "--svm:D=1"], {}, "svm:D"),
    (2, "CRASHED", ["--model=svm", "--seed=x"], {}, "seed"),
    (2, "CRASHED", ["--model=svm", "C=1"], {}, "arguments"),
    (2, "CRASHED", ["--model=svm"], {"HONE_OPTIONS": "{"}, "HONE_OPTIONS"),
    (2, "CRASHED", ["--model=svm"], {"HONE_OPTIONS": "[1]"}, "HONE_OPTIONS"),
    (2, "CRASHED", ["--model=svm"], {"HONE_OPTIONS": '{"sead": 1}'}, "sead"),
    (2, "CRASHED", ["--model=svm"], {"HONE_DATA": ""}, "HONE_DATA"),
    (2, "CRASHED", ["--model=svm"], {"HONE_DATA": "table.csv", "HONE_READ": '{"tarket": "a"}'}, "tarket"),
    (3, "CRASHED", ["--model=svm"], {"HONE_DATA": "table.csv", "HONE_READ": '{"target": "b"}'}, "table.csv"),
    (4, "MEMORYOUT", ["--model=random_forest"], {"HONE_OPTIONS": '{"memory_cap": 1000}'}, "memory"),
    (5, "CRASHED", ["--model=svm"], {"HONE_DATA": "/none.csv", "HONE_READ": '{"target": "a"}'}, "/none.csv"),
    (5, "CRASHED", ["--model=svm"], {"HONE_DATA": "."}, "dataset.json"),
])
def test_the_script_target_says_what_is_wrong(code, status, arguments, environment, said, rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text("a,b\n1,\n2,3\n")
    done = script(*arguments, **{"HONE_DATA": hone.Dataset(*rows).share(tmp_path / "data")._folder, **environment})
    assert (done.returncode, done.stdout) == (code, f"status={status}\n") and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_the_script_target_explains_itself():
    done = subprocess.run([sys.executable, "-m", "hone.smac_target", "--help"], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0 and "HONE_OPTIONS" in done.stdout and not done.stderr


def test_a_target_refuses_wrong_options_before_any_trial(rows):
    for options in ({"deadline": -1}, {"partial_cost": "x"}, {"strict": 3}, {"model_dir": 3}):
        with pytest.raises(hone.ArgumentError, match=next(iter(options))):
            hone.Target(hone.Dataset(*rows), **options)
    with pytest.raises(hone.ArgumentError, match="budgets"):
        hone.hpo.optuna_objective(hone.Dataset(*rows), budgets=3)


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
