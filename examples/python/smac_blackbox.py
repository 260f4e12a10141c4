"""SMAC3 over the published space: every trial is one call of hone.train."""

import common
from smac import HyperparameterOptimizationFacade, Scenario

import hone


def main() -> None:
    given = common.arguments(14, __doc__)
    data = common.dataset(given)
    scenario = Scenario(hone.space(data), deterministic=True, n_trials=given.trials, crash_cost=1.0,
                        trial_memory_limit=(4096, "MB"), name="blackbox", output_directory=given.output)
    smac = HyperparameterOptimizationFacade(scenario, hone.Target(data), overwrite=True)
    best = smac.optimize()
    statuses = {trial.status.name for trial in smac.runhistory.values()}
    loss = hone.train(best, data, seed=0, model_dir=given.output)  # and the model of the best, on all rows
    print(f"trials {len(smac.runhistory)} {statuses}, model {best['model']}, loss {loss:.4f}")


if __name__ == "__main__":
    main()
