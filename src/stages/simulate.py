"""Nothing -> the raw files of `demo_fleet`, as a company would export them, and the truth that no company has.

Reads   the data-set contract: horizon and lead time of its headline task
Params  simulate
Writes  telemetry.parquet, truth.parquet, errors.csv, maintenance.csv, failures.csv, machines.csv
"""

from collections.abc import Sequence

from oilcan.core.simulate import draw_deliveries
from oilcan.io.stage import files, stage, stage_inputs
from oilcan.operations.partitioned.simulated_files import write_fleet
from oilcan.params.stages.simulate import SimulateParams


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "out", argv=argv)
    p = stage_inputs.read_params(SimulateParams, args.params, "simulate")
    horizon_h, lead_time_h = stage_inputs.read_contract(args.contract).look_ahead()

    deliveries = draw_deliveries(
        machines=p.machines, days=p.days, seed=p.seed, start=p.start, scenario=p.scenario,
        horizon_h=horizon_h, lead_time_h=lead_time_h,
    )  # fmt: skip

    with files.fresh_folder(args.out) as folder:
        counts = write_fleet(deliveries, folder)
    stage.report("simulate", **counts)


if __name__ == "__main__":
    stage.run(main)
