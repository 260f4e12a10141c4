"""SMAC3 with a script as its target: each trial is a process of the program hone-smac-target, which cannot harm the
optimiser. A process costs a quarter of a second, so this is for trials that take longer, and for engines that call
programs."""

import json
import os
import shutil
import sys

import common
from smac import HyperparameterOptimizationFacade, Scenario

import hone


def main() -> None:
    given = common.arguments(6, __doc__)
    data = common.dataset(given)
    os.environ.update(HONE_DATA=os.path.abspath(given.data), HONE_READ=json.dumps({"target": given.target}))
    program = shutil.which("hone-smac-target", path=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
    if program is None:
        sys.exit("hone-smac-target is not installed: pip install .")
    scenario = Scenario(hone.space(data), deterministic=True, n_trials=given.trials, crash_cost=1.0, name="script",
                        output_directory=given.output)
    smac = HyperparameterOptimizationFacade(scenario, program, overwrite=True)
    best = smac.optimize()
    statuses = {trial.status.name for trial in smac.runhistory.values()}
    cost = smac.runhistory.get_min_cost(best)
    seed = next(trial.seed for trial in smac.runhistory)
    loss = hone.train(best, data, seed=seed, model_dir=given.output)  # the same loss here, and the model
    print(f"trials {len(smac.runhistory)} {statuses}, model {best['model']}, loss {loss:.4f}, the script's {cost:.4f}")


if __name__ == "__main__":
    main()
