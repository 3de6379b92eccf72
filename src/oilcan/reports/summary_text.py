"""The text of `oilcan summary`: quality with intervals, savings, the simple policies beside the model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from oilcan.core.phrasing.policy_names import name_of
from oilcan.core.phrasing.quantities import between, number, percent
from oilcan.ground.nested import value_at
from oilcan.ground.time_units import COUNTED

Form = Callable[[float], str]


def _to(digits: int) -> Form:
    return lambda value: number(value, digits)


# words, name in metrics/detail/evaluate.json, how it is written
_ROWS: Final[tuple[tuple[str, str, Form], ...]] = (
    ("PR-AUC", "test.pr_auc", number),
    ("ROC-AUC", "test.roc_auc", number),
    ("Brier score", "test.brier", number),
    ("calibration error (ECE)", "test.ece", number),
    ("F1 at the threshold", "test.f1", number),
    ("share of the achievable PR-AUC", "achievable.share_reached", percent),
    ("RUL RMSE, true labels", "test.rmse", _to(4)),
    ("RUL RMSE, capped labels", "test.rmse_capped", _to(4)),
    ("RUL 90 % interval covers", "test.coverage_90", percent),
    ("  of lives below the cap", "test.coverage_90_below_cap", percent),
    ("failures announced in time", "events.detected_share", percent),
    *((f"median lead time [{unit}]", f"events.median_lead_time_{unit}", number) for unit in ("h", *COUNTED)),
    ("false alarms per machine-month", "events.false_alarms_per_machine_month", number),
    *((f"false alarms per 1000 {unit}", f"events.false_alarms_per_1000_{unit}", number) for unit in COUNTED),
    ("cost of acting on it [EUR]", "costs.model", number),
    ("saved over the cheapest simple policy [EUR]", "costs.saving", number),
    ("share of the possible saving", "costs.saving_captured", percent),
)
_POLICIES: Final[tuple[tuple[str, str, Form], ...]] = (
    ("announced", "detected_share", percent),
    ("false alarms/month", "false_alarms_per_machine_month", number),
    *((f"/1000 {unit}", f"false_alarms_per_1000_{unit}", number) for unit in COUNTED),
    ("cost [EUR]", "cost", number),
    ("RMSE", "rmse", _to(4)),
    ("RMSE capped", "rmse_capped", _to(4)),
)
# of each further task
_TASK_ROWS: Final[tuple[tuple[str, str, Form], ...]] = (
    ("PR-AUC", "test.pr_auc", number),
    ("calibration error (ECE)", "test.ece", number),
    ("failures announced in time", "events.detected_share", percent),
    ("saved over the cheapest simple policy [EUR]", "costs.saving", number),
    ("accuracy", "test.accuracy", percent),
    ("RMSE", "test.rmse", _to(4)),
    ("RMSE, capped labels", "test.rmse_capped", _to(4)),
    ("90 % interval covers", "test.coverage_90", percent),
)


def lines(found: Mapping[str, Mapping[str, Any]], reports: Mapping[str, str]) -> list[str]:
    """The summary as lines.

    Parameters
    ----------
    found
        Contents of evaluate, review, quality, model and train; empty where a file is missing.
    reports
        Path of each report that exists -> what it is for.
    """
    evaluate = found["evaluate"]
    out = [*_heading(found), ""]
    out += _aligned([["test part", "value", "95 % interval"], *_quality(evaluate, _ROWS), *_further_tasks(evaluate)])
    policies = _policies(evaluate)
    if policies:
        out += ["", *_aligned(policies)]
    notes = _notes(found)
    if notes:
        out += ["", *notes]
    look = [[path, purpose] for path, purpose in reports.items()]
    return [*out, "", "Look next:", *_aligned([*look, ["dvc plots show", "curves; dvc metrics diff compares commits"]])]


def _heading(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    model, test = found["model"], found["evaluate"].get("test", {})
    has_time = "first" in found["evaluate"].get("basis", {"first": None})       # independent rows have no machines
    return _aligned([
        ["data set", str(model.get("dataset", "?"))],
        ["model", f"{model.get('model', '?')}, {len(model.get('features', []))} features"],
        ["trained on", _counted(model.get("trained_on", {}).get("rows"),
                                model.get("trained_on", {}).get("machines") if has_time else None)],
        ["tested on", _tested_on(test, has_time=has_time)],
    ])


def _counted(rows: int | None, machines: int | None) -> str:
    parts = [(rows, "rows"), (machines, "machines")]
    return ", ".join(f"{number(count)} {what}" for count, what in parts if count is not None) or "?"


def _tested_on(test: Mapping[str, Any], *, has_time: bool) -> str:
    counted = _counted(test.get("n", 0), test.get("machines") if has_time else None)
    return counted + (f", {percent(test['prevalence'])} of rows positive" if "prevalence" in test else "")


def _quality(evaluate: Mapping[str, Any], wanted: Sequence[tuple[str, str, Form]]) -> list[list[str]]:
    rows = []
    for words, name, form in wanted:
        value = value_at(evaluate, name)
        if value is None:
            continue
        pair = value_at(evaluate, f"{name}_ci95")
        rows.append([words, form(value), between(pair, form) if pair else ""])
    return rows


def _further_tasks(evaluate: Mapping[str, Any]) -> list[list[str]]:
    return [[f"{task}: {words}", *rest] for task, block in evaluate.get("tasks", {}).items()
            for words, *rest in _quality(block, _TASK_ROWS)]


def _policies(evaluate: Mapping[str, Any]) -> list[list[str]]:
    """The model and each simple policy, one a line; columns that none has are left out."""
    model = {"cost": value_at(evaluate, "costs.model")}
    model |= {name: value_at(evaluate, f"events.{name}") for _, name, _ in _POLICIES
              if value_at(evaluate, f"events.{name}") is not None}
    model |= {name: value_at(evaluate, f"test.{name}") for name in ("rmse", "rmse_capped")}
    table = {name_of("model"): model} | {name_of(name): rule for name, rule in evaluate.get("baselines", {}).items()}
    costs = evaluate.get("costs", {})
    table |= {name_of(name): {"cost": costs[name]} for name in ("periodic", "perfect") if name in costs}
    used = [column for column in _POLICIES if any(values.get(column[1]) is not None for values in table.values())]
    if len(table) < 2:
        return []
    return [["beside simple policies", *(words for words, _, _ in used)]] + [
        [name, *(form(values[key]) if values.get(key) is not None else "-" for _, key, form in used)]
        for name, values in table.items()
    ]


def _notes(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    review, quality = found["review"], found["quality"]
    notes = []
    if "decision" in review:
        notes.append(f"review: {review['decision']} ({'; '.join(review.get('reasons', []))})")
        notes += [f"not served: forecast {name}" for name in review.get("withheld", [])]
    if "passed" in quality:
        notes.append(f"data quality: {'passed' if quality['passed'] else 'NOT passed'}")
    suspicious = found["train"].get("suspicious_features", [])
    if suspicious:
        notes.append(f"{len(suspicious)} features look like leaks: see metrics/detail/train.json")
    return notes


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns, the first to the left and the others, if there are three or more, to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    right = len(widths) > 2
    return [
        "  ".join(cell.rjust(width) if right and at else cell.ljust(width)
                  for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]
