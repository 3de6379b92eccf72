"""A model -> the serving bundle: safe model files, plan, contract, threshold, drift reference, lineage.

Reads   the data-set contract, data/prepared, data/features, models/model, models/model.json, models/reference
Params  package, prepare (what the service repeats of it)
Writes  models/bundle, proven on its own check rows before it takes that name
"""

from collections.abc import Sequence

from oilcan.core.bundle.drift_reference import DriftReference, some_rows
from oilcan.core.bundle.learned_rows import LearnedRows
from oilcan.core.bundle.normals import Normals
from oilcan.ground import hashing
from oilcan.io.batches import feature_rows
from oilcan.io.bundle import bundle_folder, model_folder
from oilcan.io.stage import digests, files, stage, stage_inputs
from oilcan.params.stages.package import PackageParams
from oilcan.params.stages.prepare import PrepareParams
from oilcan.scoring import check, lineage, scorer


def main(argv: Sequence[str] | None = None) -> None:
    """Package what the arguments name."""
    inputs = ("prepared", "features", "model", "description")
    args = stage.parse(__doc__, "contract", *inputs, "reference", "out", argv=argv)
    p = stage_inputs.read_params(PackageParams, args.params, "package")
    prepare = stage_inputs.read_params(PrepareParams, args.params, "prepare")
    contract = stage_inputs.read_contract(args.contract)
    trained = model_folder.read_model(args.model)
    description = files.read_json(args.description)
    fitted = trained.served
    plan = feature_rows.read_plan(args.features)
    fitted.check_features(tuple(plan.names), plan.hash, str(args.features))
    rows = feature_rows.read_part(args.prepared, "validation")
    some = some_rows(len(rows))
    rows, features = rows[some], feature_rows.read_matrix(args.prepared, args.features, plan, ["validation"], some)

    drift = DriftReference.learn(fitted.features, features, scorer.columns_by_batch(trained.judged, features))
    normals = Normals.learn(plan, features)
    keys = feature_rows.partitions(args.prepared, feature_rows.keys(args.prepared))
    learned = LearnedRows.joined(map(LearnedRows.of, keys))
    checks = check.check_rows(fitted, rows, features, p.check_rows)
    md5 = {name: digests.dvc_md5(getattr(args, name)) for name in (*inputs, "reference")}
    facts = lineage.facts(contract, hashing.sha256(args.contract), description, md5)
    facts |= {"prepare": {"fill_gap_periods": prepare.fill_gap_periods}}

    watch = args.reference / bundle_folder.WATCH

    with files.fresh_folder(args.out) as draft:
        bundle_folder.write_bundle(draft, contract=args.contract, plan=args.features / "plan.json", fitted=fitted,
                                   drift_reference=drift, normals=normals, check_rows=checks, learned=learned,
                                   facts=facts, watch_reference=watch if watch.is_file() else None)
        loaded = bundle_folder.load_bundle(draft)
        check.check(loaded.fitted, loaded.check_rows, str(args.out))
    stage.report("package", forecasts=len(fitted.forecasts), check_rows=len(checks), bundle=loaded.digest[:12])


if __name__ == "__main__":
    stage.run(main)
