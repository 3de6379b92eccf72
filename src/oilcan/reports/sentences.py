"""Numbers as sentences for people who run machines: what the forecast is worth, and what is weak."""

from typing import Any

from oilcan.evaluation.event_quality import false_alarm_rate

Numbers = dict[str, Any]
_FEW_FAILURES = 30
_CLEARLY_WORSE = 0.1        # of a share: a slice this far below the whole is named
_ECE_LIMIT = 0.02
_BASELINES = {"never": "running to failure", "always": "always alarming", "age": "the age rule",
              "error_codes": "the error-code rule", "limits": "the sensor limits"}


def eur(amount: float) -> str:
    """Money to three digits.

    Examples
    --------
    >>> eur(1234567.0), eur(45678.0), eur(-12.4)
    ('EUR 1.23 million', 'EUR 45,700', 'EUR -12')
    """
    size = abs(amount)
    if size >= 1e6:
        return f"EUR {amount / 1e6:.3g} million"
    if size >= 1e3:
        digits = len(f"{size:.0f}") - 3
        return f"EUR {round(amount, -digits):,.0f}"
    return f"EUR {amount:.0f}"


def percent(share: float) -> str:
    """Share as a whole percentage, with a digit more near 0 and 100.

    Examples
    --------
    >>> percent(0.873), percent(0.004), percent(1.0)
    ('87 %', '0.4 %', '100 %')
    """
    value = 100.0 * share
    return f"{value:.1f} %" if 0 < value < 5 or 95 < value < 100 else f"{value:.0f} %"


def span(ticks: float, unit: str) -> str:
    """Length of time in the unit a person would use.

    Examples
    --------
    >>> span(41.0, "h"), span(120.0, "h"), span(31.0, "cycles")
    ('41 hours', '5 days', '31 cycles')
    """
    if unit == "cycles":
        return f"{ticks:.0f} cycles"
    return f"{ticks:.0f} hours" if ticks < 72 else f"{ticks / 24:.2g} days" if ticks < 240 else f"{ticks / 24:.0f} days"


def between(pair: list[float] | None, form: Any) -> str:
    """`(95 % interval a to b)`, or nothing."""
    return f" (95 % interval {form(pair[0])} to {form(pair[1])})" if pair else ""


def verdict(metrics: Numbers, unit: str) -> list[str]:
    """What it is worth, in a few sentences; the first is the one to remember."""
    if "events" in metrics:
        return [*_announced(metrics, unit), *_money(metrics)]
    if "costs" in metrics:
        return [*_found(metrics), *_money(metrics)]
    return _life(metrics, unit)


def _announced(metrics: Numbers, unit: str) -> list[str]:
    events = metrics["events"]
    if not events["n_failures"]:
        return ["No failure of the test part can be judged, so nothing can be said about announcing failures."]
    lines = [
        f"{events['detected']} of {events['n_failures']} failures were announced in time: "
        f"{percent(events['detected_share'])}."
    ]
    median = events.get(f"median_lead_time_{unit}")
    if median is not None:
        lines.append(f"Half of the announced failures were known {span(median, unit)} ahead or more.")
    rate = false_alarm_rate(unit)[0]
    if events.get(rate) is not None:
        per = "per 1000 cycles" if unit == "cycles" else "per machine and month"
        right = events.get("alarm_precision")
        share = f"; of 10 alarms, {10 * right:.0f} were right" if right is not None else ""
        lines.append(f"The price was {events[rate]:.2g} false alarms {per}{share}.")
    return lines


def _found(metrics: Numbers) -> list[str]:
    test = metrics["test"]
    if test.get("recall") is None:
        return ["No test row is positive, so nothing can be said about finding them."]
    positives = round(test["n"] * test["prevalence"])
    lines = [f"{round(positives * test['recall'])} of {positives} positive rows among {test['n']:,} were found: "
             f"{percent(test['recall'])}."]
    if test.get("precision") is not None:
        lines.append(f"Of 10 rows it warned of, {10 * test['precision']:.0f} were right.")
    return lines


def _money(metrics: Numbers) -> list[str]:
    costs = metrics["costs"]
    simple = ("a planned repair at the best fixed interval"
              if costs.get("periodic", float("inf")) < costs["run_to_failure"] else "running to failure")
    if costs["saving"] < 0:
        return [f"Acting on it would have cost {eur(-costs['saving'])} more than {simple}"
                f"{between(costs.get('saving_ci95'), lambda amount: eur(-amount))}. It does not pay at these prices."]
    lines = [f"Acting on it would have cost {eur(costs['model'])}, which is {eur(costs['saving'])} less than {simple}"
             f"{between(costs.get('saving_ci95'), eur)}."]
    if costs.get("saving_captured") is not None:
        lines.append(f"Perfect foresight would have cost {eur(costs['perfect'])}; the forecast captures "
                     f"{percent(costs['saving_captured'])} of what can be saved.")
    return lines


def _life(metrics: Numbers, unit: str) -> list[str]:
    test = metrics["test"]
    if test.get("rmse") is None:
        return ["No remaining life of the test part is known, so nothing can be said about it."]
    name = "rmse_capped" if "rmse_capped" in test else "rmse"
    lines = [f"The remaining life is typically {span(test[name], unit)} off (root mean squared error"
             f"{', lives cut at the cap' if name == 'rmse_capped' else ''})"
             f"{between(test.get(f'{name}_ci95'), lambda ticks: span(ticks, unit))}."]
    lines.append(f"The stated 90 % intervals held the truth in {percent(test['coverage_90'])} of cases.")
    rule = metrics.get("baselines", {}).get("median_life", {})
    if rule.get(name) is not None:
        lines.append(f"Knowing only a machine's age and the usual life would be {span(rule[name], unit)} off.")
    return lines


def weaknesses(metrics: Numbers, slices: Numbers, unit: str) -> list[str]:
    """What is bad, or not certain, most important first."""
    found = [*_weak_events(metrics), *_weak_money(metrics), *_weak_slices(metrics, slices), *_weak_rows(metrics, unit)]
    found.append("The intervals resample machines and hold the model and its threshold fixed; another training run, "
                 "or another year, may differ by more.")
    return found


def _weak_events(metrics: Numbers) -> list[str]:
    events = metrics.get("events")
    if not events:
        return []
    lines = []
    if events["missed"]:
        late = f"; {events['late_alarms']} alarms came too late to act" if events.get("late_alarms") else ""
        lines.append(f"{events['missed']} failures came without a timely warning{late}.")
    if events.get("held_back"):
        lines.append(f"{events['held_back']} alarms were held back because a crew had its number for the week.")
    if (events.get("alarm_precision") or 1.0) < 0.5:
        lines.append(f"More alarms are false than true: {events['false_alarms']} of {events['alarms']}.")
    if events["n_failures"] < _FEW_FAILURES:
        lines.append(f"All of this rests on only {events['n_failures']} failures.")
    return lines


def _weak_money(metrics: Numbers) -> list[str]:
    costs = metrics.get("costs")
    if not costs:
        return []
    lines = []
    low, high = costs.get("saving_ci95") or (1.0, 1.0)
    if low <= 0 < high:
        lines.append("It is not certain that it saves anything: the interval of the saving includes zero.")
    cheaper = sorted((rule["cost"], name) for name, rule in metrics.get("baselines", {}).items()
                     if rule.get("cost", float("inf")) < costs["model"])
    lines += [f"A simple policy is cheaper: {_BASELINES.get(name, name)}, at {eur(cost)}." for cost, name in cheaper]
    return lines


def _weak_slices(metrics: Numbers, slices: Numbers) -> list[str]:
    whole = metrics.get("events", {}).get("detected_share")
    if whole is None:
        return []
    lines = []
    for name, share, n in _shares(metrics, slices):
        if share < whole - _CLEARLY_WORSE:
            lines.append(f"{name}: only {percent(share)} of {n} failures announced (overall {percent(whole)}).")
    few = sum(values.get("too_few", False) for by in slices.values() for values in by.values())
    if few:
        lines.append(f"{few} slices have too few machines to say anything about them.")
    return lines


def _shares(metrics: Numbers, slices: Numbers) -> list[tuple[str, float, int]]:
    by_mode = [(f"Failure mode {mode}", values) for mode, values in metrics.get("modes", {}).items()]
    by_slice = [(f"{name.replace('_', ' ')}: {value}", values) for name, by in slices.items()
                for value, values in by.items()]
    return [(name, values["detected_share"], values["n_failures"]) for name, values in by_mode + by_slice
            if values.get("detected_share") is not None]


def _weak_rows(metrics: Numbers, unit: str) -> list[str]:
    test = metrics["test"]
    lines = []
    if test.get("ece", 0.0) > _ECE_LIMIT:
        lines.append(f"Probabilities are off by {100 * test['ece']:.1f} points on average (ECE; good is below 2).")
    if test.get("brier", 0.0) > test.get("brier_uncalibrated", 1.0):
        lines.append("Calibration made the probabilities worse on these rows (Brier score).")
    coverage = test.get("coverage_90")
    if coverage is not None and not 0.87 <= coverage <= 0.93:
        which = "narrow" if coverage < 0.9 else "wide"
        lines.append(f"The 90 % intervals of the remaining life are too {which}: they hold {percent(coverage)}.")
    reached = metrics.get("achievable", {}).get("share_reached")
    if reached is not None and reached < 1:
        lines.append(f"The simulation knows the true hazard: the forecast reaches {percent(reached)} of the average "
                     "precision that knowing it would give.")
    if "rmse" in test and "rmse_capped" in test:
        lines.append(f"Lives longer than the cap are not forecast: without cutting them the error is "
                     f"{span(test['rmse'], unit)}.")
    return lines
