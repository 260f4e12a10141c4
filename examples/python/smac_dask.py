"""SMAC3 on two Dask workers of this machine; any Dask cluster does. A worker that dies loses only its trial."""

import common
from dask.distributed import Client, LocalCluster
from smac import HyperparameterOptimizationFacade, Scenario

import hone


def main() -> None:
    given = common.arguments(14, __doc__)
    data = common.dataset(given)
    scenario = Scenario(hone.space(data), deterministic=True, n_trials=given.trials, crash_cost=1.0, name="dask",
                        output_directory=given.output)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        smac = HyperparameterOptimizationFacade(scenario, hone.Target(data, n_threads=1), overwrite=True,
                                                dask_client=client)
        best = smac.optimize()
    statuses = {trial.status.name for trial in smac.runhistory.values()}
    loss = hone.train(best, data, seed=0, model_dir=given.output)
    print(f"trials {smac.runhistory.finished} {statuses}, model {best['model']}, loss {loss:.4f}")


if __name__ == "__main__":
    main()
