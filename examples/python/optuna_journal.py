"""Optuna in two processes that share a journal file; more may join from anywhere that sees the file."""

import multiprocessing
import os

import common
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import hone


def work(number: int, file: str, trials: int, objective: hone.hpo.OptunaObjective) -> None:
    study = optuna.load_study(study_name="hone", storage=JournalStorage(JournalFileBackend(file)),
                              sampler=optuna.samplers.TPESampler(seed=number))
    study.optimize(objective, n_trials=trials, catch=(MemoryError,))


def main() -> None:
    given = common.arguments(16, __doc__)
    data = common.dataset(given)
    os.makedirs(given.output, exist_ok=True)
    file = os.path.join(given.output, f"journal-{os.getpid()}.log")
    study = optuna.create_study(study_name="hone", storage=JournalStorage(JournalFileBackend(file)))
    objective = hone.hpo.optuna_objective(data)
    start = multiprocessing.get_context("spawn")
    workers = [start.Process(target=work, args=(i, file, given.trials // 2, objective)) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    loss = hone.train(study.best_params, data, seed=0, model_dir=given.output)
    print(f"trials {len(study.trials)}, model {study.best_params['model']}, loss {loss:.4f}, "
          f"the study's {study.best_value:.4f}")


if __name__ == "__main__":
    main()
