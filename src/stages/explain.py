"""Model and held-out rows -> what the forecast rests on: importance by permutation, by sensor and by feature.

Reads   the data-set contract, data/prepared, data/features (part validation), models/model
Params  explain (and compute, which changes no byte)
Writes  metrics/detail/explain.json
"""

from collections.abc import Sequence

from oilcan.evaluation import importance
from oilcan.io.batches import feature_rows
from oilcan.io.bundle import model_folder
from oilcan.io.stage import files, stage, stage_inputs
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.explain import ExplainParams


def main(argv: Sequence[str] | None = None) -> None:
    """Explain what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "features", "model", "out", argv=argv)
    p = stage_inputs.read_params(ExplainParams, args.params, "explain")
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    contract = stage_inputs.read_contract(args.contract)
    fitted = model_folder.read_model(args.model).judged
    plan = feature_rows.read_plan(args.features)
    fitted.check_features(tuple(plan.names), plan.hash, str(args.features))
    rows = feature_rows.read_part(args.prepared, "validation")
    wanted = importance.rows_to_read(contract, fitted, rows, p)
    features = feature_rows.read_picked(args.prepared, args.features, plan, "validation", wanted)

    losses = importance.importance(contract, plan, fitted, rows, features, p, jobs=compute.jobs)

    files.write_json(losses, args.out)
    stage.report("explain", rows=len(rows), tasks=len(losses), features=len(plan.names))


if __name__ == "__main__":
    stage.run(main)
