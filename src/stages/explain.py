"""Model and held-out rows -> what the forecast rests on: importance by permutation, by sensor and by feature.

Reads   the data-set contract, data/prepared, data/features (part validation), models/model.joblib
Params  explain (and compute, which changes no byte)
Writes  metrics/explain.json
"""

from collections.abc import Sequence

from oilcan import params
from oilcan.evaluation import importance
from oilcan.io import files, matrix, stage


def main(argv: Sequence[str] | None = None) -> None:
    """Explain what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "features", "model", "out", argv=argv)
    p = files.read_params(params.ExplainParams, args.params, "explain")
    compute = files.read_params(params.ComputeParams, args.params, "compute")
    contract = files.read_contract(args.contract)
    fitted = files.read_model(args.model).judged
    plan = matrix.read_plan(args.features)
    fitted.check_features(tuple(plan.names), plan.hash, str(args.features))
    rows, features = matrix.read_rows(args.prepared, args.features, plan, "validation")

    found = importance.importance(contract, plan, fitted, rows, features, p, jobs=compute.jobs)

    files.write_json(found, args.out)
    stage.report("explain", rows=len(rows), tasks=len(found), features=len(plan.names))


if __name__ == "__main__":
    stage.run(main)
