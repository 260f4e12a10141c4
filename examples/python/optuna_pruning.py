"""Optuna, define-by-run: a trial is asked only for what is active, and pruned between budgets and folds."""

import common
import optuna

import hone


def main() -> None:
    given = common.arguments(20, __doc__)
    data = common.dataset(given)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), pruner=optuna.pruners.MedianPruner())
    objective = hone.hpo.optuna_objective(data, budgets=(1 / 9, 1 / 3, 1), validation="cv:3")
    study.optimize(objective, n_trials=given.trials)
    pruned = sum(trial.state is optuna.trial.TrialState.PRUNED for trial in study.trials)
    loss = hone.train(study.best_params, data, seed=0, model_dir=given.output, validation="cv:3")  # the same loss again
    print(f"trials {len(study.trials)}, pruned {pruned}, model {study.best_params['model']}, "
          f"loss {loss:.4f}, the study's {study.best_value:.4f}")


if __name__ == "__main__":
    main()
