"""SMAC3 with Hone's forest as its surrogate model: less time between the trials."""

import time

import common
from smac import HyperparameterOptimizationFacade, Scenario

import hone
import hone.smac


def main() -> None:
    given = common.arguments(14, __doc__)
    data = common.dataset(given)
    scenario = Scenario(hone.space(data), deterministic=True, n_trials=given.trials, crash_cost=1.0, name="surrogate",
                        output_directory=given.output)
    smac = HyperparameterOptimizationFacade(scenario, hone.Target(data), model=hone.smac.get_model(scenario), overwrite=True)
    started = time.perf_counter()
    best = smac.optimize()
    between = time.perf_counter() - started - sum(trial.time for trial in smac.runhistory.values())
    statuses = {trial.status.name for trial in smac.runhistory.values()}
    loss = hone.train(best, data, seed=0, model_dir=given.output)
    print(f"trials {len(smac.runhistory)} {statuses}, {1e3 * between / given.trials:.0f} ms between two, loss {loss:.4f}")


if __name__ == "__main__":
    main()
