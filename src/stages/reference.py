"""The accepted data and model -> what monitoring compares new data with, and what its limits are drawn from.

Reads   the data-set contract, data/canonical, data/prepared, data/features, models/model, monitoring.yaml;
        what the alarms promise, from metrics/detail/evaluate.json; nothing of the test part itself
Params  reference
Writes  models/reference: watch_reference.npz (part of the bundle) and material.npz; where the data count no time,
        reference.json alone says why there is neither
"""

from collections.abc import Sequence

from oilcan.ground.section import section
from oilcan.io.batches import feature_rows
from oilcan.io.bundle import bundle_folder, model_folder
from oilcan.io.stage import digests, files, stage, stage_inputs
from oilcan.monitoring.reference.reference_assembling import assemble, sealed
from oilcan.operations.watching.accepting import accepted_data
from oilcan.params.operating.monitoring import MonitoringParams
from oilcan.params.stages.reference import ReferenceParams


def main(argv: Sequence[str] | None = None) -> None:
    """Learn the reference from what the arguments name."""
    inputs = ("canonical", "prepared", "features", "model")
    args = stage.parse(__doc__, "contract", *inputs, "rules", "metrics", "out", argv=argv)
    p = stage_inputs.read_params(ReferenceParams, args.params, "reference")
    contract = stage_inputs.read_contract(args.contract)
    rules = section(MonitoringParams, stage_inputs.read_yaml(args.rules), str(args.rules))
    if contract.time.kind == "none":
        with files.fresh_folder(args.out) as draft:
            files.write_json({"watched": False, "reason": "independent rows count no time"}, draft / "reference.json")
        return stage.report("reference", watched="no: independent rows count no time")
    plan = feature_rows.read_plan(args.features)
    judged = model_folder.read_model(args.model).judged

    promise = files.read_json(args.metrics).get("promise")
    accepted = accepted_data(contract, args.canonical, args.prepared, args.features, judged, promise,
                             rows_per_batch=p.rows_per_batch)
    md5 = {name: digests.dvc_md5(getattr(args, name)) for name in inputs}
    fitting = rules.fitting(contract.time.kind, contract.shortest_look_back())
    reference, material = sealed(*assemble(contract, plan, accepted, fitting, md5))

    with files.fresh_folder(args.out) as draft:
        (draft / bundle_folder.WATCH).write_bytes(reference.to_bytes())
        (draft / "material.npz").write_bytes(material)
        files.write_json({"watched": True, "window": reference.window}, draft / "reference.json")
    return stage.report("reference", machines=len(reference.machines), columns=len(reference.columns),
                        windows=int(reference.facts["windows"]))


if __name__ == "__main__":
    stage.run(main)
