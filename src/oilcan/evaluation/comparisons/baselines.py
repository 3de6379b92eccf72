"""Simple policies on the same rows, for comparison. Whatever they choose, they choose before the test part.

- `never`: no alarms, run to failure
- `always`: an alarm whenever one may be raised
- `periodic`: planned repair at a fixed age (cost only; `costs.best_period`)
- `age`: alarm when the last failure or maintenance is long ago; limit chosen on validation
- `error_codes`: alarm when one of certain error codes was logged since the last row; codes chosen on
  training and validation
- `limits`: alarm when a sensor is above its limit in the contract's `rule_baseline`
- `median_life`: RUL, median life of training machines minus age
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from oilcan.contract import Costs
from oilcan.core.bundle.learned_rows import LEARNED
from oilcan.core.judging import costs
from oilcan.core.judging.event_matching import EventCounts, Tally
from oilcan.core.judging.life_tables import age, lives, median_life
from oilcan.evaluation import event_quality, life_quality, results
from oilcan.evaluation.event_rows import EventRows
from oilcan.evaluation.fleet_and_forecasts import Fleet, identity
from oilcan.ground import columns
from oilcan.ground.columns import CODE, KEY, MACHINE, TARGET, TIME
from oilcan.ground.time_units import in_unit

_MOST_CODES = 30        # the most frequent error codes; rarer ones cannot be judged


@dataclass(frozen=True)
class SimpleRule:
    """A policy without a model, on the test rows: alarm at score >= threshold; `facts` records what was chosen."""

    score: np.ndarray               # (n,)
    threshold: float = 1.0
    facts: dict[str, Any] = field(default_factory=dict)

    def counts(self, rows: EventRows) -> EventCounts:
        """Events on `rows`, under the same silence and budget as the forecast's."""
        return rows.counts(self.score, rows.plain(self.threshold))

    def tally(self, rows: EventRows) -> Tally:
        """The same by machine."""
        return rows.tally(self.score, rows.plain(self.threshold))


def event_rules(fleet: Fleet, name: str, validation: EventRows, test: EventRows) -> dict[str, SimpleRule]:
    """The simple alarm policies that the data allow."""
    whole = np.ones(len(test.frame))
    found = {"never": SimpleRule(whole, np.inf), "always": SimpleRule(whole)}
    if test.windows is not None:
        found["age"] = _age_rule(fleet, validation, test)
        if len(fleet.errors):
            found["error_codes"] = _error_rule(fleet, name, validation, test)
    if fleet.contract.rule_baseline:
        found["limits"] = SimpleRule(above_limits(fleet, test.frame))
    return found


def judge(unit: str, rows: EventRows, rule: SimpleRule) -> dict[str, Any]:
    """Events and cost of a simple policy on the test rows."""
    tally = rule.tally(rows)
    numbers = event_quality.event_numbers(tally, unit)
    rate = results.false_alarm_rate(unit)[0]
    kept = ["detected_share", "false_alarms", "alarm_precision"]
    if rows.windows is not None:
        kept += [rate, f"median_lead_time_{unit}"]
    return {"cost": event_quality.total_cost(tally, rows.costs)} | {
        key: numbers[key] for key in kept if key in numbers} | rule.facts


def periodic_policy(fleet: Fleet) -> Callable[[Costs], costs.PeriodicPolicy]:
    """The best planned interval at given prices, by the lives seen in training and validation."""
    ended, failed = _lives_before(fleet, *LEARNED)
    return lambda prices: costs.best_period(ended, failed, prices)


def _lives_before(fleet: Fleet, *parts: str) -> tuple[np.ndarray, np.ndarray]:
    step = fleet.contract.rows.stride or fleet.contract.time.period
    end = fleet.last_rows(*parts) + (step.ticks if step else 0.0)      # the row at the failure is left out
    start = fleet.started()
    return lives(start[start.index.isin(end.index)], end, fleet.failures)


def _age_rule(fleet: Fleet, validation: EventRows, test: EventRows) -> SimpleRule:
    limit = validation.cheapest(_ages(fleet, validation.frame))[0]
    return SimpleRule(_ages(fleet, test.frame), limit,
                      {f"limit_{fleet.unit}": in_unit(limit, fleet.unit)} if np.isfinite(limit) else {})


def _ages(fleet: Fleet, frame: pd.DataFrame) -> np.ndarray:
    return age(frame[MACHINE], columns.ticks(frame[TIME]), fleet.started(), fleet.failures,
               fleet.maintenance)


def _error_rule(fleet: Fleet, name: str, validation: EventRows, test: EventRows) -> SimpleRule:
    train = EventRows.of(fleet, name, fleet.rows.read("train", [*KEY, f"{TARGET}{name}"]))
    seen = [train, validation]
    codes = fleet.errors[CODE].value_counts().index[:_MOST_CODES].sort_values().tolist()
    logged = [logged_codes(fleet.errors, rows.frame, codes) for rows in seen]

    def price(chosen: list[int]) -> float:
        return float(sum(rows.cost(_any(flags, chosen), 1.0) for rows, flags in zip(seen, logged, strict=True)))

    chosen: list[int] = []
    cheapest = price(chosen)
    for at in sorted(range(len(codes)), key=lambda at: price([at])):       # greedy, the best code first
        if (cost := price([*chosen, at])) < cheapest:
            chosen, cheapest = [*chosen, at], cost
    return SimpleRule(_any(logged_codes(fleet.errors, test.frame, codes), chosen), 1.0,
                {"codes": ", ".join(str(codes[at]) for at in sorted(chosen)) or "none pays"})


def _any(flags: np.ndarray, chosen: list[int]) -> np.ndarray:
    return np.asarray(flags[:, chosen].any(axis=1), dtype=np.float64)


def logged_codes(errors: pd.DataFrame, frame: pd.DataFrame, codes: list[Any]) -> np.ndarray:
    """Which codes were logged since the machine's last row, shape (n_rows, n_codes), bool."""
    flags = np.zeros((len(frame), len(codes)), dtype=bool)
    who, ids = pd.factorize(frame[MACHINE])
    machines = pd.Index(ids)
    logged = errors[errors[CODE].isin(codes) & errors[MACHINE].isin(machines)]
    when = columns.ticks(frame[TIME])
    error_who, error_when = machines.get_indexer(pd.Index(logged[MACHINE])), columns.ticks(logged[TIME])
    if len(frame) == 0 or len(logged) == 0:
        return flags
    origin = min(when.min(), error_when.min())
    span = max(when.max(), error_when.max()) - origin + 1.0
    row = np.searchsorted(who * span + when - origin, error_who * span + error_when - origin, side="left")
    column = pd.Index(codes).get_indexer(pd.Index(logged[CODE]))
    inside = row < len(frame)
    inside[inside] &= who[row[inside]] == error_who[inside]                # the next row is the machine's own
    starts = np.flatnonzero(np.diff(who, prepend=-1))
    inside[inside] &= ~np.isin(row[inside], starts) | (error_when[inside] == when[row[inside]])
    flags[row[inside], column[inside]] = True
    return flags


def above_limits(fleet: Fleet, frame: pd.DataFrame) -> np.ndarray:
    """1 where any sensor of `rule_baseline` is above its limit, else 0; a missing reading is not above."""
    key = identity(frame)
    found = frame[key].merge(fleet.readings, on=key, how="left", validate="many_to_one")
    limits = fleet.contract.rule_baseline
    return np.asarray((found[list(limits)] > pd.Series(limits)).any(axis=1), dtype=np.float64)


def life_baseline(fleet: Fleet, name: str, test: pd.DataFrame) -> dict[str, Any]:
    """RUL by the median life of training machines minus age; empty if none failed."""
    middle = median_life(*_lives_before(fleet, "train"))
    if middle is None:
        return {}
    rows = life_quality.LifeRows.of(fleet, name, test)
    known = test[test[f"{TARGET}{name}"].notna()]
    ages = age(known[MACHINE], columns.ticks(known[TIME]), fleet.started(), fleet.failures)
    left = in_unit(1.0, fleet.unit) * np.maximum(middle - ages, 0.0)
    numbers = life_quality.life_numbers(rows.with_forecast(rows.capped(left)))
    kept = ("rmse", "mae", "phm_score", "rmse_capped", "phm_score_capped")
    return {"median_life": {f"median_{fleet.unit}": in_unit(middle, fleet.unit)} | {
        key: numbers[key] for key in kept if key in numbers}}
