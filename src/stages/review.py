"""Is this model good enough, and at least as good as the champion on the same rows?

Reads   the data-set contract, data/prepared, data/predictions, metrics of evaluate, explain and validate, plots,
        models/model.json, models/bundle, models/champion.json (and the champion's bundle beside it, proven by the
        digest named there), gate.yaml
Params  review (and compute, which changes no byte)
Writes  metrics/review.json, metrics/detail/review.json, models/bundle.verdict.json, reports/evaluation.html,
        reports/model_card.md, reports/data_sheet.md
"""

from collections.abc import Sequence

from oilcan.evaluation.results import Evaluation
from oilcan.governance import gate
from oilcan.ground.section import section
from oilcan.io.bundle import bundle_folder, champion, verdict_file
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.operations.partitioned.behaviour import behaviour
from oilcan.operations.partitioned.champion_comparison import compared
from oilcan.params.compute import ComputeParams
from oilcan.params.operating.gate_policy import GatePolicy
from oilcan.params.stages.review import ReviewParams
from oilcan.reports import cards, evaluation_page

FIGURES = ("metrics", "data_quality", "slices", "explained", "model")


def main(argv: Sequence[str] | None = None) -> None:
    """Review what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "predictions", *FIGURES, "plots", "bundle", "champion",
                       "policy", "decision", "detail", "verdict", "page", "card", "sheet", argv=argv)
    p = stage_inputs.read_params(ReviewParams, args.params, "review")
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    contract = stage_inputs.read_contract(args.contract)
    figures = {name: files.read_json(getattr(args, name)) for name in FIGURES}
    predictions = args.predictions / "predictions.parquet"
    reigning, judged = champion.read_champion(args.champion), bundle_folder.load_bundle(args.bundle)
    policy = section(GatePolicy, stage_inputs.read_yaml(args.policy), str(args.policy))

    both = compared(contract, judged, reigning, args.prepared, predictions, policy=policy, params=p, compute=compute)
    verdict = gate.judge(figures["metrics"], figures["data_quality"], both.comparisons, policy, contract.tasks,
                         (*both.fairness, *behaviour(judged, figures["model"].get("monotone", {}))))
    found = Evaluation(figures["metrics"], figures["slices"], table_files.read_csvs(args.plots))

    files.write_json({"decision": verdict.decision}, args.decision)
    names = {"bundle": judged.digest, "champion": reigning.digest if reigning else None}
    files.write_json(verdict.as_json() | names, args.detail)
    verdict_file.write_verdict(args.verdict, verdict.decision, verdict.reasons, verdict.withheld, **names)
    files.write_text(evaluation_page.page(contract, found, figures["explained"], verdict), args.page)
    files.write_text(cards.model_card(contract, verdict, figures["metrics"], figures["slices"],
                                      figures["model"], policy.owner), args.card)
    files.write_text(cards.data_sheet(contract, figures["data_quality"]), args.sheet)
    stage.report("review", decision=verdict.decision, checks=len(verdict.checks), champion=bool(reigning))


if __name__ == "__main__":
    stage.run(main)
