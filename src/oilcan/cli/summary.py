"""How good is the forecast, what does it save, and where does one look next?"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from oilcan.ground.errors import DataError
from oilcan.io.repository.repository_root import find_root

_FILES: Final = {
    "evaluate": "metrics/detail/evaluate.json", "review": "metrics/detail/review.json",
    "quality": "metrics/detail/data_quality.json",
    "model": "models/model.json", "train": "metrics/detail/train.json",
}
_LOOK: Final = {
    "reports/evaluation.html": "the whole evaluation, for reading",
    "reports/model_card.md": "what to know before relying on it",
    "reports/data_quality.html": "what the data look like",
}
# words, name in metrics/detail/evaluate.json, how it is written
_ROWS: Final = (
    ("PR-AUC", "test.pr_auc", "{:.3f}"),
    ("ROC-AUC", "test.roc_auc", "{:.3f}"),
    ("Brier score", "test.brier", "{:.4f}"),
    ("calibration error (ECE)", "test.ece", "{:.4f}"),
    ("F1 at the threshold", "test.f1", "{:.3f}"),
    ("share of the achievable PR-AUC", "achievable.share_reached", "{:.0%}"),
    ("RUL RMSE, true labels", "test.rmse", "{:,.1f}"),
    ("RUL RMSE, capped labels", "test.rmse_capped", "{:,.1f}"),
    ("RUL 90 % interval covers", "test.coverage_90", "{:.0%}"),
    ("failures announced in time", "events.detected_share", "{:.0%}"),
    ("median lead time [h]", "events.median_lead_time_h", "{:,.0f}"),
    ("median lead time [cycles]", "events.median_lead_time_cycles", "{:,.0f}"),
    ("false alarms per machine-month", "events.false_alarms_per_machine_month", "{:.2f}"),
    ("false alarms per 1000 cycles", "events.false_alarms_per_1000_cycles", "{:.2f}"),
    ("cost of acting on it [EUR]", "costs.model", "{:,.0f}"),
    ("saved over the better simple policy [EUR]", "costs.saving", "{:,.0f}"),
    ("share of the possible saving", "costs.saving_captured", "{:.0%}"),
)
_POLICIES: Final = (
    ("announced", "detected_share", "{:.0%}"),
    ("false alarms/month", "false_alarms_per_machine_month", "{:.2f}"),
    ("/1000 cycles", "false_alarms_per_1000_cycles", "{:.2f}"),
    ("cost [EUR]", "cost", "{:,.0f}"),
    ("RMSE", "rmse", "{:,.1f}"),
    ("RMSE capped", "rmse_capped", "{:,.1f}"),
)


def register(commands: Any) -> None:
    """Add `oilcan summary`."""
    parser = commands.add_parser(
        "summary", help="the forecast's quality, what it saves, where to look",
        description="Print a short table of the forecast's quality with 95 % intervals, what it saves, the simple "
                    "policies beside it, and where to look next.")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Print what the last `dvc repro` found."""
    root = find_root()
    found = {name: _read(root / path) for name, path in _FILES.items()}
    if not found["evaluate"]:
        raise DataError(f"{_FILES['evaluate']}: does not exist. Run `dvc repro` first.")
    print("\n".join(lines(found, [path for path in _LOOK if (root / path).exists()])))
    return 0


def lines(found: Mapping[str, Mapping[str, Any]], reports: Sequence[str]) -> list[str]:
    """The summary as lines.

    Parameters
    ----------
    found
        Contents of evaluate, review, quality, model and train; empty where there is none.
    reports
        Reports that exist.
    """
    evaluate = found["evaluate"]
    out = [*_heading(found), ""]
    out += _aligned([["test part", "value", "95 % interval"], *_quality(evaluate)])
    policies = _policies(evaluate)
    if policies:
        out += ["", *_aligned(policies)]
    notes = _notes(found)
    if notes:
        out += ["", *notes]
    look = [[path, _LOOK[path]] for path in reports]
    return [*out, "", "Look next:", *_aligned([*look, ["dvc plots show", "curves; dvc metrics diff compares commits"]])]


def _heading(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    model, test = found["model"], found["evaluate"].get("test", {})
    rows = [f"{_get(model, 'trained_on.rows'):,} rows" if _get(model, "trained_on.rows") else "",
            f"{_get(model, 'trained_on.machines'):,} machines" if _get(model, "trained_on.machines") else ""]
    said = [["data set", str(model.get("dataset", "?"))],
            ["model", f"{model.get('model', '?')}, {len(model.get('features', []))} features"],
            ["trained on", ", ".join(filter(None, rows)) or "?"],
            ["tested on", _tested_on(test)]]
    return _aligned(said)


def _tested_on(test: Mapping[str, Any]) -> str:
    parts = [f"{test.get('n', 0):,} rows"]
    if "machines" in test:
        parts.append(f"{test['machines']:,} machines")
    if "prevalence" in test:
        parts.append(f"{test['prevalence']:.2%} of rows positive")
    return ", ".join(parts)


def _quality(evaluate: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for words, name, form in _ROWS:
        value = _get(evaluate, name)
        if value is None:
            continue
        pair = _get(evaluate, f"{name}_ci95")
        rows.append([words, form.format(value), f"{form.format(pair[0])} to {form.format(pair[1])}" if pair else ""])
    return rows


def _policies(evaluate: Mapping[str, Any]) -> list[list[str]]:
    """The model and each simple policy, one a line; columns that none has are left out."""
    model = {"cost": _get(evaluate, "costs.model")}
    model |= {name: _get(evaluate, f"events.{name}") for _, name, _ in _POLICIES if _get(evaluate, f"events.{name}")}
    model |= {name: _get(evaluate, f"test.{name}") for name in ("rmse", "rmse_capped")}
    table = {"this model": model} | dict(evaluate.get("baselines", {}))
    costs = evaluate.get("costs", {})
    for words, name in (("periodic", "periodic"), ("perfect foresight", "perfect")):
        if name in costs:
            table[words] = {"cost": costs[name]}
    used = [column for column in _POLICIES if any(values.get(column[1]) is not None for values in table.values())]
    if len(table) < 2:
        return []
    return [["beside simple policies", *(words for words, _, _ in used)]] + [
        [name.replace("_", " "), *(form.format(values[key]) if values.get(key) is not None else "-"
                                   for _, key, form in used)]
        for name, values in table.items()
    ]


def _notes(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    review, quality = found["review"], found["quality"]
    notes = []
    if "decision" in review:
        notes.append(f"review: {review['decision']} ({'; '.join(review.get('reasons', []))})")
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


def _get(values: Any, dotted: str) -> Any:
    for step in dotted.split("."):
        values = values.get(step) if isinstance(values, Mapping) else None
    return values


def _read(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as err:
        raise DataError(f"{path}: not readable as JSON ({err}). Run `dvc repro`.") from err
    return values if isinstance(values, Mapping) else {}
