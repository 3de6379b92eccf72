"""Numbers for tasks that forecast an event: rows, events and money, each with its interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from oilcan.contract import Costs
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import bootstrap, costs, row_metrics
from oilcan.core.judging.alarm_promise import AlarmCounts, AlarmPromise
from oilcan.core.judging.costs import PeriodicPolicy
from oilcan.core.judging.event_matching import Tally
from oilcan.core.judging.exact_intervals import share_of_events, share_of_rows
from oilcan.evaluation.event_rows import EventRows
from oilcan.evaluation.results import false_alarm_rate
from oilcan.ground.time_units import in_unit

Numbers = dict[str, Any]


def row_numbers(rows: EventRows, p: np.ndarray, threshold: float | None, kept: np.ndarray | None = None) -> Numbers:
    """Row metrics over the rows with a known outcome, of those `kept` if given."""
    chosen = rows.known if kept is None else rows.known & kept
    target, p = rows.target[chosen], p[chosen]
    numbers: Numbers = {
        "n": len(p),
        "prevalence": float(target.mean()) if len(p) else None,
        "roc_auc": row_metrics.roc_auc(target, p),
        "pr_auc": row_metrics.pr_auc(target, p),
        "brier": row_metrics.brier(target, p),
        "ece": row_metrics.ece(target, p),
    }
    if threshold is not None:
        alarm, positive = p >= threshold, target == 1
        precision, recall, f1 = row_metrics.precision_recall_f1(
            int((alarm & positive).sum()), int((alarm & ~positive).sum()), int((~alarm & positive).sum()))
        numbers |= {"precision": precision, "recall": recall, "f1": f1}
    return numbers


def uncalibrated(rows: EventRows, score: np.ndarray | None) -> Numbers:
    """ECE and Brier score of the score before calibration, (n,); empty where predictions do not hold it."""
    if score is None:
        return {}
    score, target = score[rows.known], rows.target[rows.known]
    return {"ece_uncalibrated": row_metrics.ece(target, score), "brier_uncalibrated": row_metrics.brier(target, score)}


def best_f1(validation: EventRows, p_validation: np.ndarray, test: EventRows, p: np.ndarray,
            weights: np.ndarray | None) -> Numbers:
    """F1 of the test rows at the threshold that was best on validation rows, with its interval."""
    known = test.known
    cut = row_metrics.best_f1_threshold(validation.target[validation.known], p_validation[validation.known])
    if cut is None:
        return {}
    predicted, target = (p[known] >= cut).astype(np.float64), test.target[known]
    hits, either = predicted * target, predicted + target
    numbers: Numbers = {"f1_best": 2 * hits.sum() / either.sum() if either.any() else None, "f1_best_threshold": cut}
    if weights is not None:
        top, bottom = (bootstrap.total(test.code[known], values, weights) for values in (2 * hits, either))
        numbers["f1_best_ci95"] = bootstrap.interval(bootstrap.ratio(top, bottom))
    return numbers


def event_numbers(tally: Tally, unit: str) -> Numbers:
    """Event metrics from counts by machine."""
    n, detected = int(tally.n_failures.sum()), int(tally.detected.sum())
    true, false = int(tally.true_alarms.sum()), int(tally.false_alarms.sum())
    exposure, rate, scale = float(tally.exposure.sum()), *false_alarm_rate(unit)
    numbers: Numbers = {
        "n_failures": n,
        "detected": detected,
        "missed": n - detected,
        "detected_share": detected / n if n else None,
        "alarms": true + false,
        "true_alarms": true,
        "false_alarms": false,
        "alarm_precision": true / (true + false) if true + false else None,
        rate: false / (exposure / scale) if exposure else None,
        f"exposure_{unit}": in_unit(exposure, unit),
    }
    if len(tally.lead_times):
        low, middle, high = np.percentile(in_unit(1.0, unit) * np.asarray(tally.lead_times), [25, 50, 75])
        numbers |= {f"median_lead_time_{unit}": float(middle), f"lead_time_q25_{unit}": float(low),
                    f"lead_time_q75_{unit}": float(high)}
    return numbers


@dataclass(frozen=True)
class SimplePolicies:
    """What policies without a forecast would have cost: EUR by machine, each of shape (n_machines,)."""

    by_machine: dict[str, np.ndarray]
    periodic: PeriodicPolicy | None

    @classmethod
    def of(cls, tallies: Mapping[str, Tally], prices: Costs, periodic: PeriodicPolicy | None) -> "SimplePolicies":
        """From what each simple alarm policy did; `never` must be among them."""
        failing = costs.cost_by_machine(tallies["never"], prices)
        by_machine = {"run_to_failure": failing}
        if periodic:
            by_machine["periodic"] = failing * periodic.relative_cost
        alarming = {name: costs.cost_by_machine(tally, prices) for name, tally in tallies.items() if name != "never"}
        return cls(by_machine | alarming, periodic)

    @property
    def cheapest(self) -> str:
        """Name of the one that cost least; of several, the first in the order of the table of policies."""
        return min(self.by_machine, key=lambda name: float(self.by_machine[name].sum()))

    def total(self, name: str) -> float:
        """Cost in EUR of a policy."""
        return float(self.by_machine[name].sum())


def total_cost(tally: Tally, prices: Costs) -> float:
    """Cost in EUR of the alarms that gave `tally`."""
    return float(costs.cost_by_machine(tally, prices).sum())


def promise_numbers(tally: Tally, prices: Costs) -> Numbers:
    """What these alarms promise of the time to come, which monitoring compares outcomes with; empty without time."""
    counts = AlarmCounts.of(tally)
    promise = AlarmPromise.of(counts)
    if promise is None:
        return {}
    return promise.as_json() | {"cost_per_machine_month_eur": total_cost(tally, prices) / float(counts.months.sum())}


def cost_numbers(tally: Tally, prices: Costs, simple: SimplePolicies, unit: str) -> Numbers:
    """Costs of the model, run to failure, periodic repair, perfect foresight and the cheapest simple policy."""
    model, cheapest = total_cost(tally, prices), simple.total(simple.cheapest)
    perfect = costs.perfect(int(tally.n_failures.sum()), prices)
    numbers: Numbers = {
        "model": model,
        "run_to_failure": simple.total("run_to_failure"),
        "periodic": simple.total("periodic") if simple.periodic else None,
        "perfect": perfect,
        "cheapest_simple": simple.cheapest,
        "saving": cheapest - model,
        "saving_captured": costs.saving_captured(model, cheapest, perfect),
    }
    if simple.periodic and simple.periodic.interval is not None:
        numbers[f"periodic_interval_{unit}"] = in_unit(simple.periodic.interval, unit)
    return numbers


def intervals(rows: EventRows, p: np.ndarray, policy: AlarmPolicy, weights: np.ndarray | None,
              simple: SimplePolicies, unit: str) -> dict[str, Numbers]:
    """95 % intervals as `<name>_ci95`, under `test`, `events` and `costs`.

    Shares of few events are at least as wide as the exact binomial interval, also where `weights` is None because
    there is a single machine.
    """
    tally, known = rows.tally(p, policy), rows.known
    drawn: dict[str, dict[str, np.ndarray]] = {"test": {}, "events": {}, "costs": {}}
    if weights is not None:
        drawn["test"] = bootstrap.classification(rows.code[known], rows.target[known], p[known], policy.threshold,
                                                 weights)
        drawn["costs"] = _cost_draws(tally, rows.costs, weights, simple)
        if rows.windows is not None:
            drawn["events"] = _event_draws(tally, weights, unit)
    found = {block: _named(draws) for block, draws in drawn.items()}
    _set(found["test"], _row_intervals(rows, p >= policy.threshold, found["test"]))
    if rows.windows is not None:
        true, false = int(tally.true_alarms.sum()), int(tally.false_alarms.sum())
        hits = {"detected_share": (int(tally.detected.sum()), int(tally.n_failures.sum())),
                "alarm_precision": (true, true + false)}
        _set(found["events"], {name: share_of_events(found["events"].get(f"{name}_ci95"), *pair)
                               for name, pair in hits.items()})
    return found


def _row_intervals(rows: EventRows, alarm: np.ndarray, drawn: Numbers) -> dict[str, list[float] | None]:
    """Intervals of recall and precision; each independent row is an event, rows of one machine are not."""
    positive, known = rows.target == 1, rows.known
    found = {}
    for name, counted in (("recall", known & positive), ("precision", known & alarm)):
        hits, n = int((positive & alarm & counted).sum()), int(counted.sum())
        pair = drawn.get(f"{name}_ci95")
        found[name] = share_of_events(pair, hits, n) if rows.windows is None else share_of_rows(
            pair, hits / n if n else None, len(np.unique(rows.code[counted])))
    return found


def _set(named: Numbers, pairs: Mapping[str, list[float] | None]) -> None:
    named.update({f"{name}_ci95": pair for name, pair in pairs.items() if pair is not None})


def _named(draws: dict[str, np.ndarray]) -> Numbers:
    found = {f"{name}_ci95": bootstrap.interval(values) for name, values in draws.items()}
    return {name: pair for name, pair in found.items() if pair is not None}


def _event_draws(tally: Tally, weights: np.ndarray, unit: str) -> dict[str, np.ndarray]:
    rate, scale = false_alarm_rate(unit)
    true, false = weights @ tally.true_alarms, weights @ tally.false_alarms
    return {
        "detected_share": bootstrap.ratio(weights @ tally.detected, weights @ tally.n_failures),
        "alarm_precision": bootstrap.ratio(true, true + false),
        rate: bootstrap.ratio(false, weights @ tally.exposure / scale),
        f"median_lead_time_{unit}": bootstrap.median(
            tally.lead_machine, in_unit(1.0, unit) * np.asarray(tally.lead_times), weights),
    }


def _cost_draws(tally: Tally, prices: Costs, weights: np.ndarray, simple: SimplePolicies) -> dict[str, np.ndarray]:
    model = weights @ costs.cost_by_machine(tally, prices)
    cheapest = weights @ simple.by_machine[simple.cheapest]
    perfect = weights @ tally.n_failures * prices.planned_repair_eur
    return {"model": model, "saving": cheapest - model,
            "saving_captured": bootstrap.ratio(cheapest - model, cheapest - perfect)}
