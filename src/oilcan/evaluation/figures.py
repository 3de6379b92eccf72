"""All numbers of an evaluation, by the names that scripts, dashboards and the gate rely on.

The headline task fills `test`, `events`, `costs`, `promise`, `validation`, `modes`, `baselines`, `achievable`; the
first RUL task adds its numbers to `test`, `validation` and `baselines`; every further task, and every task of kind
`class` or `number`, is under `tasks.<name>`. A number that does not exist is left out, never NaN; 6 digits
after the point.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import bootstrap
from oilcan.evaluation import (
    event_quality,
    hazard_quality,
    life_quality,
    machine_ranking,
    plots,
    slices,
)
from oilcan.evaluation.comparisons import baselines
from oilcan.evaluation.comparisons.achievable import ORACLE, achievable
from oilcan.evaluation.event_quality import SimplePolicies
from oilcan.evaluation.event_rows import EventRows
from oilcan.evaluation.fleet_and_forecasts import Fleet, Forecasts
from oilcan.evaluation.results import Evaluation, false_alarm_rate
from oilcan.evaluation.stated_quality import stated_task
from oilcan.ground.columns import KEY, MACHINE, TIME
from oilcan.params.stages.evaluate import EvaluateParams

_DIGITS = 6
Numbers = dict[str, Any]
Results = tuple[Numbers, Numbers, dict[str, pd.DataFrame]]     # metrics, slices, tables of plots


def evaluate(fleet: Fleet, forecasts: Forecasts, explained: dict[str, Any], params: EvaluateParams) -> Evaluation:
    """Judge the forecasts of every task on the test rows, and the main numbers on validation.

    Parameters
    ----------
    explained
        metrics/detail/explain.json: what each task's forecast rests on; may be empty.

    Raises
    ------
    DataError
        If a forecast, an alarm policy, or the test part is missing.
    """
    forecasts.check(fleet.contract)
    numbers: Numbers = {"basis": _basis(fleet, forecasts) | {"resamples": params.bootstrap}}
    sliced: Numbers = {}
    tables = plots.empty()
    event_tasks, life_tasks = fleet.tasks("failure_within", "label"), fleet.tasks("rul")
    for tasks, judge in ((event_tasks, _event_task), (life_tasks, _life_task)):
        for task in tasks:
            first = task == tasks[0]
            found, by_slice, drawn = judge(fleet, forecasts, task, params)
            _merge(numbers if first else numbers.setdefault("tasks", {}).setdefault(task, {}), found)
            if first:
                _merge(sliced, by_slice)
                tables |= drawn
    for task in fleet.tasks("class", "number"):
        numbers.setdefault("tasks", {})[task] = stated_task(fleet, forecasts, task, params)
    tables["importance"] = plots.importance_table(explained, plots.headline_of(explained, fleet.contract))
    test = numbers.setdefault("test", {} if event_tasks or life_tasks else {"n": numbers["basis"]["rows"]})
    test.setdefault("n", test.get("n_rul", 0))
    return Evaluation(_tidy(numbers), _tidy(sliced), tables)


def _basis(fleet: Fleet, forecasts: Forecasts) -> Numbers:
    """How many rows of how many machines, from when to when."""
    test = forecasts.part("test", KEY if fleet.has_time else [MACHINE])
    basis: Numbers = {"rows": len(test), "machines": int(test[MACHINE].nunique())}
    if fleet.has_time and len(test):
        first, last = test[TIME].min(), test[TIME].max()
        basis |= {"first": fleet.contract.time.plain(first), "last": fleet.contract.time.plain(last)}
    return basis


def _event_task(fleet: Fleet, forecasts: Forecasts, task: str, params: EvaluateParams) -> Results:
    policy = forecasts.policy(task)
    test, validation = (EventRows.of(fleet, task, forecasts.outcomes(part, task)) for part in ("test", "validation"))
    p, p_validation = (forecasts.part(part, [f"p_{task}"])[f"p_{task}"].to_numpy(dtype=np.float64)
                       for part in ("test", "validation"))
    period_at = baselines.periodic_policy(fleet) if test.windows is not None else None
    rules = baselines.event_rules(fleet, task, validation, test)
    simple = _simple_policies(fleet, test, rules, period_at)
    weights = _draws(test, params)
    score = forecasts.values("test", f"score_{task}")
    numbers = _part_numbers(test, p, score, policy, fleet.unit) | {"threshold": policy.threshold}
    numbers["costs"] = event_quality.cost_numbers(test.tally(p, policy), test.costs, simple, fleet.unit)
    _merge(numbers, event_quality.intervals(test, p, policy, weights, simple, fleet.unit))
    if len(validation.frame):
        score = forecasts.values("validation", f"score_{task}")
        numbers["validation"] = _validation(validation, p_validation, score, policy, fleet.unit)
    if fleet.contract.tasks[task].modes:
        numbers["modes"] = slices.modes(fleet, forecasts, task, test, p, policy, weights)
    numbers["test"] |= event_quality.best_f1(validation, p_validation, test, p, weights)
    numbers["baselines"] = {name: baselines.judge(fleet.unit, test, rule) for name, rule in rules.items()}
    numbers["achievable"] = achievable(test, p, forecasts.values("test", ORACLE))
    did = {name: rule.counts(test) for name, rule in rules.items()}
    drawn = plots.event_tables(validation, test, p_validation, p, policy, period_at, did, fleet.unit)
    numbers["outlook"], drawn["outlook"] = hazard_quality.outlook(forecasts, "test", task, fleet.unit)
    if test.windows is not None:
        numbers["promise"] = event_quality.promise_numbers(test.tally(p, policy), test.costs)
        per_machine = machine_ranking.per_machine(test, p, rules.get("limits"), weights)
        numbers["per_machine"], drawn["machines_pr"] = per_machine
    by_slice = slices.event_slices(fleet, task, test, p, policy, params.min_slice_machines)
    return numbers, by_slice, drawn


def _simple_policies(fleet: Fleet, test: EventRows, rules: dict[str, baselines.SimpleRule], period_at: plots.Periodic
                     ) -> SimplePolicies:
    tallies = {name: rule.tally(test) for name, rule in rules.items()}
    return SimplePolicies.of(tallies, test.costs, period_at(fleet.contract.costs) if period_at else None)


def _draws(rows: EventRows, params: EvaluateParams) -> np.ndarray | None:
    """How often each machine is drawn, (draws, n_machines); None where a single machine leaves nothing to draw."""
    if rows.n_machines < 2:
        return None
    return bootstrap.multiplicities(rows.n_machines, params.bootstrap, params.seed)


def _part_numbers(rows: EventRows, p: np.ndarray, score: np.ndarray | None, policy: AlarmPolicy, unit: str) -> Numbers:
    numbers: Numbers = {"test": event_quality.row_numbers(rows, p, policy.threshold) | event_quality.uncalibrated(
        rows, score) | {"machines": rows.n_machines}}
    if rows.windows is not None:
        counts = rows.counts(p, policy)
        numbers["events"] = event_quality.event_numbers(rows.tally(p, policy), unit) | {
            "late_alarms": counts.late_alarms, "censored_alarms": counts.censored_alarms,
            "held_back": rows.held_back(p, policy) if policy.per_week else None}
    return numbers


def _validation(rows: EventRows, p: np.ndarray, score: np.ndarray | None, policy: AlarmPolicy, unit: str) -> Numbers:
    blocks = _part_numbers(rows, p, score, policy, unit)
    events = blocks.get("events", {})
    rate = false_alarm_rate(unit)[0]
    numbers = blocks["test"] | {key: events[key] for key in ("n_failures", "detected_share", rate) if key in events}
    return numbers | {"cost": event_quality.total_cost(rows.tally(p, policy), rows.costs)}


def _life_task(fleet: Fleet, forecasts: Forecasts, task: str, params: EvaluateParams) -> Results:
    frame, before = (life_quality.judged(forecasts, part, task) for part in ("test", "validation"))
    rows = life_quality.LifeRows.of(fleet, task, frame)
    test: Numbers = life_quality.life_numbers(rows)
    test |= life_quality.life_intervals(rows, params.bootstrap, params.seed)
    validation = life_quality.life_numbers(life_quality.LifeRows.of(fleet, task, before))
    numbers = {"test": test, "validation": validation, "baselines": baselines.life_baseline(fleet, task, frame)}
    by_slice = slices.life_slices(fleet, task, rows, frame, params.min_slice_machines)
    return numbers, by_slice, plots.life_tables(rows)


def _merge(into: Numbers, more: Numbers) -> None:
    """Nested union; numbers already there stay."""
    for key, value in more.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into.setdefault(key, value)


def _tidy(value: Any) -> Any:
    """Plain rounded values; what is None, NaN, infinite or an empty block is left out."""
    if isinstance(value, dict):
        kept = {str(key): _tidy(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != {}}
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if isinstance(value, bool | str | int) or value is None:
        return value
    number = float(value)
    return round(number, _DIGITS) if math.isfinite(number) else None
