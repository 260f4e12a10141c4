"""SMAC3 with instances: each is a split of the data, and SMAC decides on how many a configuration is tried."""

import common
from smac import HyperparameterOptimizationFacade, Scenario

import hone

SPLITS = [str(i) for i in range(5)]


def main() -> None:
    given = common.arguments(16, __doc__)
    data = common.dataset(given)
    scenario = Scenario(hone.space(data), deterministic=True, n_trials=given.trials, crash_cost=1.0, instances=SPLITS,
                        instance_features={s: [float(s)] for s in SPLITS}, name="folds",
                        output_directory=given.output)
    smac = HyperparameterOptimizationFacade(scenario, hone.Target(data, instances=True), overwrite=True)
    best = smac.optimize()
    statuses = {trial.status.name for trial in smac.runhistory.values()}
    splits = {trial.instance for trial in smac.runhistory}
    loss = hone.train(best, data, seed=0, model_dir=given.output)
    print(f"trials {len(smac.runhistory)} {statuses}, {len(splits)} splits, model {best['model']}, loss {loss:.4f}")


if __name__ == "__main__":
    main()
