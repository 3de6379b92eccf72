"""The evaluation as one page: words for the plant manager, pictures, then tables for the data scientist.

Self-contained: no script, no network, light and dark, prints. All input comes from what the stages wrote, including
the verdict of the gate.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from oilcan.contract import Contract
from oilcan.core.phrasing.policy_names import name_of
from oilcan.core.phrasing.quantities import between, money, number, percent, span
from oilcan.evaluation.plots import headline_of
from oilcan.evaluation.results import Evaluation, false_alarm_rate, false_alarm_words
from oilcan.governance.floor_checks import simple_costs
from oilcan.governance.gate_findings import Verdict
from oilcan.governance.task_numbers import of_each_task
from oilcan.ground.durations import Duration
from oilcan.reports import sentences
from oilcan.reports.drawing.charts import charts
from oilcan.reports.drawing.policy_styles import STYLES
from oilcan.reports.rendering import cell, html
from oilcan.reports.stated_sentences import stated_sentences
from oilcan.reports.weaknesses import weaknesses

Numbers = dict[str, Any]
_HIDDEN: Final = "_ci95"
_SENSORS: Final = 15            # named in the picture of what the forecast rests on
_GATE: Final = {"promote": "The gate: promote", "hold": "The gate: hold", "reject": "The gate: reject"}


def page(contract: Contract, found: Evaluation, explained: Mapping[str, Any], verdict: Verdict) -> str:
    """HTML of the report.

    Parameters
    ----------
    explained
        Content of metrics/detail/explain.json; may be empty.
    """
    metrics, unit = found.metrics, contract.time.lengths
    has_time = contract.time.kind != "none"
    headline, *more = [*sentences.verdict(metrics, unit), *stated_sentences(metrics, contract)]
    return html(
        "evaluation.html",
        name=contract.name,
        description=contract.description,
        has_time=has_time,
        basis=_basis(metrics, has_time=has_time),
        headline=headline,
        verdict=more,
        gate={"decision": verdict.decision, "word": _GATE[verdict.decision], "reasons": verdict.reasons,
              "checks": verdict.checks},
        tiles=_tiles(metrics, unit),
        policies=_policies(metrics),
        weaknesses=weaknesses(metrics, found.slices, contract.tasks, unit),
        charts=charts(found, unit, has_time=has_time),
        importance=_importance(found, _headline(explained, contract)),
        importance_basis=_importance_basis(_headline(explained, contract)),
        blocks=_blocks(metrics),
        rules=_rules(metrics, unit),
        groups=_groups(metrics, found.slices, unit, has_time=has_time),
        tasks=_tasks(contract, metrics, unit),
        protocol=_protocol(contract, metrics["basis"]),
    )


def _headline(explained: Mapping[str, Any], contract: Contract) -> Mapping[str, Any]:
    return explained.get(headline_of(explained, contract), {})


def _basis(metrics: Numbers, *, has_time: bool) -> str:
    basis = metrics["basis"]
    if not has_time:
        return f"{number(basis['rows'])} test rows that the model has not seen."
    what = f"{number(basis['rows'])} forecasts for {number(basis['machines'])} machines"
    failures = metrics.get("events", {}).get("n_failures")
    ends = f", {number(failures)} failures" if failures is not None else ""
    if not isinstance(basis.get("first"), str):
        return f"{what}{ends}, none of it seen in training."
    first, last = (datetime.fromisoformat(basis[end]) for end in ("first", "last"))
    return f"{what}{ends}, {first:%d %B %Y} to {last:%d %B %Y}; none of it seen in training."


def _tiles(metrics: Numbers, unit: str) -> list[tuple[str, str, str, bool]]:
    """Value, what it is, its interval, and whether it is bad news."""
    events, costs, test = (metrics.get(block, {}) for block in ("events", "costs", "test"))
    rate = false_alarm_rate(unit)[0]
    per = false_alarm_words(unit)
    wanted: list[tuple[Numbers, str, str, Callable[[float], str]]] = [
        (events, "detected_share", "of failures announced", percent),
        (events, f"median_lead_time_{unit}", "typical warning time", lambda ticks: span(ticks, unit)),
        (events, rate, f"false alarms per {per}", lambda value: number(value, 2)),
        ({} if events else test, "recall", "of positives found", percent),
        ({} if events else test, "precision", "of warnings right", percent),
        (costs, "saving", "saved against the cheapest simple policy", money),
        ({} if costs else test, "rmse_capped", "typical error, lives cut at the cap", lambda t: span(t, unit)),
        ({} if costs else test, "rmse", "typical error, all lives", lambda ticks: span(ticks, unit)),
        ({} if costs else test, "coverage_90", "of lives inside the 90 % interval", percent),
        ({} if costs else test, "coverage_90_below_cap", "of lives below the cap inside it", percent),
    ]
    return [(form(block[key]), label, _interval(block.get(f"{key}{_HIDDEN}"), form), key == "saving" and block[key] < 0)
            for block, key, label, form in wanted if block.get(key) is not None]


def _interval(pair: list[float] | None, form: Callable[[float], str]) -> str:
    return between(pair, form) if pair and form(pair[0]) != form(pair[1]) else ""


def _policies(metrics: Numbers) -> list[tuple[str, str, float, str]]:
    """Name, cost in words, length of its bar in percent, and class; cheapest last."""
    costs = metrics.get("costs")
    if not costs:
        return []
    bars = {"model": costs["model"], "perfect": costs["perfect"]} | simple_costs(metrics)
    longest = max(bars.values()) or 1.0
    ordered = sorted(bars.items(), key=lambda bar: (-bar[1], bar[0]))
    return [(name_of(name).capitalize(), money(cost), round(100.0 * cost / longest, 1), STYLES[name])
            for name, cost in ordered]


def _importance(found: Evaluation, explained: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """What the crew calls a sensor, the share lost without it, and length of its bar in percent; dearest first."""
    table = found.tables["importance"].head(_SENSORS)
    longest = float(table["loss"].max()) if len(table) else 0.0
    if longest <= 0:
        return []
    whole = explained["whole"] / 100.0
    lines = zip(table["words"], table["loss"], table["loss"] - table["low"], strict=True)
    return [(words, f"{loss / whole:.1f} % (\u00b1 {spread / whole:.1f})", round(max(loss, 0.0) / longest * 100.0, 1))
            for words, loss, spread in lines]


def _importance_basis(explained: Mapping[str, Any]) -> str:
    if not explained:
        return ""
    what = (f"The share of the average precision ({number(explained['whole'], 2)}) that is lost"
            if explained["metric"] == "pr_auc" else "How much the typical error of the remaining life grows")
    return (f"{what} when the readings of a sensor are shuffled among {number(explained['n'])} rows that training "
            "never saw. What is no larger than its \u00b1 is chance; redundant sensors replace each other.")


def _blocks(metrics: Numbers) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """Name of a block, and lines: name, value, interval, value on validation."""
    before = metrics.get("validation", {})
    blocks = []
    for block in ("test", "events", "costs", "per_machine", "achievable"):
        values = metrics.get(block, {})
        lines = [(key, cell(value), _pair(values.get(f"{key}{_HIDDEN}")),
                  cell(before[key]) if block not in {"achievable", "per_machine"} and key in before else "")
                 for key, value in sorted(values.items()) if not key.endswith(_HIDDEN)]
        if lines:
            blocks.append((block, lines))
    return blocks



def _pair(pair: list[float] | None) -> str:
    return between(pair, cell).replace(" ", "\u00a0") if pair else ""


def _table(lines: Mapping[str, Mapping[str, Any]], columns: list[str]) -> dict[str, Any]:
    """A table with the columns that any line has."""
    kept = [column for column in columns if any(column in values for values in lines.values())]
    body = [(name, [_cell(values.get(column, "")) for column in kept], bool(values.get("too_few")))
            for name, values in lines.items()]
    return {"columns": ["95 % interval" if column.endswith(_HIDDEN) else column.replace("_", " ") for column in kept],
            "lines": body}


def _cell(value: Any) -> str:
    return _pair(value) if isinstance(value, list) else "" if value is None else cell(value)


def _rules(metrics: Numbers, unit: str) -> dict[str, Any]:
    rate = false_alarm_rate(unit)[0]
    columns = ["cost", "detected_share", rate, "alarm_precision", f"median_lead_time_{unit}", "rmse", "rmse_capped",
               "mae", "phm_score", "codes", f"limit_{unit}", f"median_{unit}"]
    test, costs = metrics["test"], metrics.get("costs", {})
    model = {**test, **metrics.get("events", {})}
    if "events" not in metrics and "recall" in test:        # independent rows: each positive is an event
        model |= {"detected_share": test["recall"], "alarm_precision": test.get("precision", 0.0)}
    lines = {"the forecast": model | ({"cost": costs["model"]} if costs else {})}
    lines |= {name_of(name): rule for name, rule in metrics.get("baselines", {}).items()}
    lines |= {name_of(name): {"cost": costs[name]} for name in ("periodic", "perfect") if name in costs}
    return _table(lines, columns)


def _groups(metrics: Numbers, slices: Numbers, unit: str, *, has_time: bool) -> list[tuple[str, dict[str, Any]]]:
    columns = ["machines"] if has_time else []
    columns += ["n", "n_failures", "detected_share", f"detected_share{_HIDDEN}", false_alarm_rate(unit)[0],
                f"median_lead_time_{unit}",
                "alarm_precision", f"alarm_precision{_HIDDEN}", "pr_auc", "ece", "rmse_capped", "coverage_90", "cost"]
    if "events" not in metrics:
        columns += ["recall", "precision", "roc_auc", "rmse", "mae"]
    tables = {"failure mode": metrics.get("modes", {})} | {name.replace("_", " "): by for name, by in slices.items()}
    return [(name, _table(by, columns)) for name, by in tables.items() if by]


def _tasks(contract: Contract, metrics: Numbers, unit: str) -> dict[str, Any] | None:
    """The tasks whose numbers are not shown above; None if there are none."""
    columns = ["n", "prevalence", "pr_auc", "roc_auc", "ece", "detected_share", f"detected_share{_HIDDEN}",
               false_alarm_rate(unit)[0], "cost", "saving", "accuracy", f"accuracy{_HIDDEN}", "balanced_accuracy",
               "macro_f1", "log_loss", "rmse", "mae", "r2", "rmse_capped", "coverage_90", f"coverage_90{_HIDDEN}"]
    lines = {}
    for name, task, block in of_each_task(metrics, contract.tasks):
        if block is not metrics:
            costs = block.get("costs", {})
            own = {"cost": costs["model"], "saving": costs["saving"]} if costs else {}
            label = f"{name} (informational)" if task.informational else name
            lines[label] = {**block.get("test", {}), **block.get("events", {}), **own}
    return _table(lines, columns) if lines else None


def _words(duration: Duration | None) -> str:
    return duration.words if duration else "time"


def _protocol(contract: Contract, basis: Mapping[str, Any]) -> list[str]:
    name, task = contract.headline()
    prices = contract.costs
    lines = [] if task.kind in {"class", "number"} else [
             f"Prices of the contract: missed failure {money(prices.missed_failure_eur)}, false alarm "
             f"{money(prices.false_alarm_eur)}, planned repair {money(prices.planned_repair_eur)}."]
    if task.kind == "failure_within":
        lines.append(f"Task {name}: a failure in the {_words(task.horizon)} that begin {_words(task.lead_time)} from "
                     "now. An alarm "
                     "earlier or later than that is false; a failure is announced if an alarm fell in its window. "
                     "Windows cut off by the ends of the test part, and alarms whose outcome is not yet known, are "
                     "left out.")
    lines.append("The saving is counted against the cheapest of all simple policies, which is known only afterwards. "
                 "What a rule or threshold had to choose was chosen on earlier data, never on the test part.")
    whole = "rows" if contract.time.kind == "none" else "machines"
    lines.append(f"Intervals: {basis['resamples']} resamples of whole {whole}, 2.5 % to 97.5 %; shares of fewer than "
                 "30 events are at least as wide as the exact binomial interval (Clopper and Pearson 1934).")
    return lines
