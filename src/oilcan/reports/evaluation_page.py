"""The evaluation as one page: words for the plant manager, pictures, then tables for the data scientist.

Self-contained: no script, no network, light and dark, prints.
"""

from typing import Any

import jinja2
import pandas as pd

from oilcan.evaluation.event_quality import false_alarm_rate
from oilcan.evaluation.evidence import Evidence
from oilcan.evaluation.figures import Evaluation
from oilcan.ground.columns import TIME
from oilcan.reports import sentences
from oilcan.reports.charts import charts

_HIDDEN = "_ci95"
_SENSORS = 15               # named in the picture of what the forecast rests on
_POLICIES = {"never": "Run to failure", "always": "Always alarm", "age": "Age rule", "error_codes": "Error-code rule",
             "limits": "Sensor limits"}


def page(evidence: Evidence, found: Evaluation) -> str:
    """HTML of the report."""
    environment = jinja2.Environment(loader=jinja2.PackageLoader("oilcan.reports"), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["unbroken"] = _unbroken
    metrics, unit = found.metrics, evidence.unit
    said = sentences.verdict(metrics, unit)
    return environment.get_template("evaluation.html").render(
        name=evidence.contract.name,
        description=evidence.contract.description,
        basis=_basis(evidence, metrics),
        headline=said[0],
        verdict=said[1:],
        tiles=_tiles(metrics, unit),
        policies=_policies(metrics),
        weaknesses=sentences.weaknesses(metrics, found.slices, unit),
        charts=charts(found, unit),
        importance=_importance(evidence, found),
        importance_basis=_importance_basis(evidence),
        blocks=_blocks(metrics),
        rules=_rules(metrics, unit),
        groups=_groups(metrics, found.slices, unit),
        protocol=_protocol(evidence),
    ) + "\n"


def _unbroken(text: str) -> str:
    """A number and its unit stay on one line."""
    return text.replace(" %", "\u00a0%").replace("EUR ", "EUR\u00a0").replace(" million", "\u00a0million")


def _basis(evidence: Evidence, metrics: dict[str, Any]) -> str:
    test = evidence.part("test")
    machines = test["machine_id"].nunique()
    if not evidence.has_time:
        return f"{len(test):,} test rows that the model has not seen."
    what = f"{len(test):,} forecasts for {machines:,} machines"
    failures = metrics.get("events", {}).get("n_failures")
    ends = f", {failures} failures" if failures is not None else ""
    if not isinstance(test[TIME].dtype, pd.DatetimeTZDtype):
        return f"{what}{ends}, none of it seen in training."
    return f"{what}{ends}, {test[TIME].min():%d %B %Y} to {test[TIME].max():%d %B %Y}; none of it seen in training."


def _tiles(metrics: dict[str, Any], unit: str) -> list[tuple[str, str, str]]:
    """Value, what it is, and its interval."""
    events, costs, test = (metrics.get(block, {}) for block in ("events", "costs", "test"))
    rate = false_alarm_rate(unit)[0]
    per = "1000 cycles" if unit == "cycles" else "machine and month"
    wanted = [
        (events, "detected_share", "of failures announced", sentences.percent),
        (events, f"median_lead_time_{unit}", "typical warning time", lambda ticks: sentences.span(ticks, unit)),
        (events, rate, f"false alarms per {per}", lambda value: f"{value:.2g}"),
        ({} if events else test, "recall", "of positives found", sentences.percent),
        ({} if events else test, "precision", "of warnings right", sentences.percent),
        (costs, "saving", "saved against the better simple policy", sentences.eur),
        ({} if costs else test, "rmse_capped", "typical error, lives cut at the cap",
         lambda t: sentences.span(t, unit)),
        ({} if costs else test, "rmse", "typical error, all lives", lambda ticks: sentences.span(ticks, unit)),
        ({} if costs else test, "coverage_90", "of lives inside the 90 % interval", sentences.percent),
    ]
    return [(form(block[key]), label, _interval(block.get(f"{key}_ci95"), form))
            for block, key, label, form in wanted if block.get(key) is not None]


def _interval(pair: list[float] | None, form: Any) -> str:
    if not pair:
        return ""
    low, high = form(pair[0]), form(pair[1])
    return f"{low} to {high}" if low != high else ""


def _policies(metrics: dict[str, Any]) -> list[tuple[str, str, float, str]]:
    """Name, cost in words, length of its bar in percent, and class; cheapest last."""
    costs = metrics.get("costs")
    if not costs:
        return []
    bars = [("Run to failure", costs["run_to_failure"], "s1"), ("Acting on the forecast", costs["model"], "s0"),
            ("Perfect foresight", costs["perfect"], "s3")]
    if costs.get("periodic") is not None and costs["periodic"] < costs["run_to_failure"]:
        bars.append(("Best planned interval", costs["periodic"], "s2"))
    bars += [(_POLICIES[name], rule["cost"], "s4") for name, rule in metrics["baselines"].items()
             if name not in {"never"} and "cost" in rule]
    longest = max(cost for _, cost, _ in bars) or 1.0
    ordered = sorted(bars, key=lambda bar: (-bar[1], bar[0]))
    return [(name, sentences.eur(cost), round(100.0 * cost / longest, 1), style) for name, cost, style in ordered]


def _importance(evidence: Evidence, found: Evaluation) -> list[tuple[str, str, float]]:
    """What the crew calls a sensor, the share lost without it, and length of its bar in percent; dearest first."""
    table = found.tables["importance"].head(_SENSORS)
    longest = float(table["loss"].max()) if len(table) else 0.0
    if longest <= 0:
        return []
    whole = evidence.explained[evidence.contract.headline()[0]]["whole"] / 100.0
    lines = zip(table["words"], table["loss"], table["loss"] - table["low"], strict=True)
    return [(words, f"{loss / whole:.1f} % (\u00b1 {spread / whole:.1f})", round(max(loss, 0.0) / longest * 100.0, 1))
            for words, loss, spread in lines]


def _importance_basis(evidence: Evidence) -> str:
    explained = evidence.explained.get(evidence.contract.headline()[0], {})
    if not explained:
        return ""
    what = (f"The share of the average precision ({explained['whole']:.2g}) that is lost"
            if explained["metric"] == "pr_auc" else "How much the typical error of the remaining life grows")
    return (f"{what} when the readings of a sensor are shuffled among {explained['n']:,} rows that training never saw. "
            f"What is no larger than its \u00b1 is chance; sensors that say the same cover for each other.")


def _blocks(metrics: dict[str, Any]) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """Name of a block, and lines: name, value, interval, value on validation."""
    before = metrics.get("validation", {})
    blocks = []
    for block in ("test", "events", "costs", "per_machine", "achievable"):
        values = metrics.get(block, {})
        lines = [(key, _number(value), _pair(values.get(f"{key}{_HIDDEN}")),
                  _number(before[key]) if block not in {"achievable", "per_machine"} and key in before else "")
                 for key, value in sorted(values.items()) if not key.endswith(_HIDDEN)]
        if lines:
            blocks.append((block, lines))
    return blocks


def _number(value: Any) -> str:
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, int) or float(value).is_integer() or abs(value) >= 1e3:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) < 1e-3 else f"{value:.4f}".rstrip("0") if abs(value) < 10 else f"{value:,.2f}"


def _pair(pair: list[float] | None) -> str:
    return f"{_number(pair[0])}\u00a0to\u00a0{_number(pair[1])}" if pair else ""


def _table(lines: dict[str, dict[str, Any]], columns: list[str]) -> dict[str, Any]:
    """A table with the columns that any line has."""
    kept = [column for column in columns if any(column in values for values in lines.values())]
    body = [(name, [_number(values[column]) if column in values else "" for column in kept],
             bool(values.get("too_few"))) for name, values in lines.items()]
    return {"columns": [column.replace("_", " ") for column in kept], "lines": body}


def _rules(metrics: dict[str, Any], unit: str) -> dict[str, Any]:
    rate = false_alarm_rate(unit)[0]
    columns = ["cost", "detected_share", rate, "alarm_precision", f"median_lead_time_{unit}", "rmse", "rmse_capped",
               "mae", "phm_score", "codes", f"limit_{unit}", f"median_{unit}"]
    test = metrics["test"]
    model = {**test, **metrics.get("events", {})}
    if "events" not in metrics and "recall" in test:        # independent rows: each positive is an event
        model |= {"detected_share": test["recall"], "alarm_precision": test.get("precision", 0.0)}
    if "costs" in metrics:
        model["cost"] = metrics["costs"]["model"]
    rules = {name.replace("_", " "): rule for name, rule in metrics.get("baselines", {}).items()}
    return _table({"the forecast": model, **rules}, columns)


def _groups(metrics: dict[str, Any], slices: dict[str, Any], unit: str) -> list[tuple[str, dict[str, Any]]]:
    columns = ["machines", "n", "n_failures", "detected_share", false_alarm_rate(unit)[0], f"median_lead_time_{unit}",
               "alarm_precision", "pr_auc", "ece", "rmse_capped", "coverage_90", "cost"]
    if "events" not in metrics:
        columns += ["recall", "precision", "roc_auc", "rmse", "mae"]
    tables = {"failure mode": metrics.get("modes", {})} | {name.replace("_", " "): by for name, by in slices.items()}
    return [(name, _table(by, columns)) for name, by in tables.items() if by]


def _protocol(evidence: Evidence) -> list[str]:
    name, task = evidence.contract.headline()
    prices = evidence.contract.costs
    lines = [f"Prices of the contract: missed failure {sentences.eur(prices.missed_failure_eur)}, false alarm "
             f"{sentences.eur(prices.false_alarm_eur)}, planned repair {sentences.eur(prices.planned_repair_eur)}."]
    if task.kind == "failure_within":
        lines.append(f"Task {name}: a failure in the {task.horizon} that begin {task.lead_time} from now. An alarm "
                     "earlier or later than that is false; a failure is announced if an alarm fell in its window. "
                     "Windows cut off by the ends of the test part, and alarms whose outcome is not yet known, are "
                     "left out.")
    lines.append("What a rule or threshold had to choose was chosen on earlier data, never on the test part.")
    lines.append(f"Intervals: {evidence.params.bootstrap} resamples of whole "
                 f"{'machines' if evidence.has_time else 'rows'}, 2.5 % to 97.5 %.")
    return lines
