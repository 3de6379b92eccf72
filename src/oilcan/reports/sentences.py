"""Numbers as sentences for people who run machines: what the forecast is worth."""

from collections.abc import Callable
from typing import Any

from oilcan.core.phrasing.policy_names import name_of
from oilcan.core.phrasing.quantities import between, money, number, percent, span
from oilcan.evaluation.results import false_alarm_rate, false_alarm_words

Numbers = dict[str, Any]


def interval(pair: list[float] | None, form: Callable[[float], str]) -> str:
    """` (95 % interval a to b)`, or nothing."""
    return f" (95 % interval {between(pair, form)})" if pair else ""


def verdict(metrics: Numbers, unit: str) -> list[str]:
    """What it is worth, in a few sentences; the first is the one to remember."""
    if "events" in metrics:
        return [*_announced(metrics, unit), *_money(metrics)]
    if "costs" in metrics:
        return [*_found(metrics), *_money(metrics)]
    if "n_rul" not in metrics["test"]:
        return []                                   # no event and no remaining life: the other tasks have the word
    return _life(metrics, unit)


def _announced(metrics: Numbers, unit: str) -> list[str]:
    events = metrics["events"]
    if not events["n_failures"]:
        return ["No failure of the test part can be judged, so whether failures are announced is unknown."]
    lines = [
        f"{events['detected']} of {events['n_failures']} failures were announced in time: "
        f"{percent(events['detected_share'])}{interval(events.get('detected_share_ci95'), percent)}."
    ]
    median = events.get(f"median_lead_time_{unit}")
    if median is not None:
        lines.append(f"Half of the announced failures were known {span(median, unit)} ahead or more.")
    rate = false_alarm_rate(unit)[0]
    if events.get(rate) is not None:
        right = events.get("alarm_precision")
        share = (f"; {percent(right)} of the alarms were right{interval(events.get('alarm_precision_ci95'), percent)}"
                 if right is not None else "")
        lines.append(f"The price was {number(events[rate], 2)} false alarms per "
                     f"{false_alarm_words(unit)}{share}.")
    return lines


def _found(metrics: Numbers) -> list[str]:
    test = metrics["test"]
    if test.get("recall") is None:
        return ["No test row is positive, so whether they are found is unknown."]
    positives = round(test["n"] * test["prevalence"])
    lines = [f"{round(positives * test['recall'])} of {positives} positive rows among {number(test['n'])} were found: "
             f"{percent(test['recall'])}{interval(test.get('recall_ci95'), percent)}."]
    if test.get("precision") is not None:
        lines.append(f"Of the rows it warned of, {percent(test['precision'])} were right"
                     f"{interval(test.get('precision_ci95'), percent)}.")
    return lines


def _money(metrics: Numbers) -> list[str]:
    costs = metrics["costs"]
    simple = f"the cheapest simple policy ({name_of(costs['cheapest_simple'])})"
    if costs["saving"] < 0:
        loss = [-end for end in costs.get("saving_ci95", [])]
        return [f"Acting on it would have cost {money(-costs['saving'])} more than {simple}{interval(loss, money)}. "
                "It does not pay at these prices."]
    lines = [f"Acting on it would have cost {money(costs['model'])}, which is {money(costs['saving'])} less than "
             f"{simple}{interval(costs.get('saving_ci95'), money)}."]
    if costs.get("saving_captured") is not None:
        lines.append(f"Perfect foresight would have cost {money(costs['perfect'])}; the forecast captures "
                     f"{percent(costs['saving_captured'])} of what can be saved.")
    return lines


def _life(metrics: Numbers, unit: str) -> list[str]:
    test = metrics["test"]
    if test.get("rmse") is None:
        return ["No remaining life of the test part is known, so its error is unknown."]
    name = "rmse_capped" if "rmse_capped" in test else "rmse"
    lines = [f"The remaining life is typically {span(test[name], unit)} off (root mean squared error"
             f"{', lives cut at the cap' if name == 'rmse_capped' else ''})"
             f"{interval(test.get(f'{name}_ci95'), lambda ticks: span(ticks, unit))}."]
    lines.append(f"The stated 90 % intervals held the truth in {percent(test['coverage_90'])} of cases"
                 f"{_below_cap(test)}.")
    rule = metrics.get("baselines", {}).get("median_life", {})
    if rule.get(name) is not None:
        lines.append(f"Knowing only a machine's age and the usual life would be {span(rule[name], unit)} off.")
    return lines


def _below_cap(test: Numbers) -> str:
    below = test.get("coverage_90_below_cap")
    return "" if below is None else f", and in {percent(below)} of those with a life below the cap"
