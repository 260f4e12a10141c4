"""SMAC3 with budgets (trees of a forest, rows of other models). A trial that takes too long ends by its own deadline
with the best model so far, and stays within its memory: no process is killed, and none is started. Where the deadline
falls into the judging, the loss is that of the few rows that were judged, which luck decides: `partial_cost` takes its
place, as `crash_cost` does for a trial that failed."""

import common
from smac import MultiFidelityFacade, Scenario

import hone


def main() -> None:
    given = common.arguments(20, __doc__)
    data = common.dataset(given)
    scenario = Scenario(hone.space(data), deterministic=True, n_trials=given.trials, min_budget=0.1, max_budget=1.0,
                        crash_cost=1.0, name="multifidelity", output_directory=given.output)
    target = hone.Target(data, budget=(0.1, 1.0), deadline=60.0, memory_cap=4 << 30, partial_cost=1.0)
    smac = MultiFidelityFacade(scenario, target, overwrite=True)
    best = smac.optimize()
    statuses = {trial.status.name for trial in smac.runhistory.values()}
    budgets = sorted({round(trial.budget, 3) for trial in smac.runhistory})
    loss = hone.train(best, data, seed=0, model_dir=given.output)
    print(f"trials {len(smac.runhistory)} {statuses}, budgets {budgets}, model {best['model']}, loss {loss:.4f}")


if __name__ == "__main__":
    main()
