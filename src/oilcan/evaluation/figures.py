"""All numbers of an evaluation, by the names that scripts, dashboards and the gate rely on.

The headline task fills `test`, `events`, `costs`, `validation`, `modes`, `baselines`, `achievable`; the first RUL
task adds its numbers to `test`, `validation` and `baselines`; every further task stands under
`tasks.<name>`. A number that does not exist is left out, never NaN; 6 digits after the point.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import bootstrap
from oilcan.evaluation import (
    baselines,
    event_quality,
    hazard_quality,
    importance,
    life_quality,
    machine_ranking,
    plots,
    slices,
)
from oilcan.evaluation.achievable import achievable
from oilcan.evaluation.evidence import EventRows, Evidence
from oilcan.ground.errors import DataError

_DIGITS = 6
Numbers = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """Results: nested metrics, nested slices, and the tables of `plots`."""

    metrics: Numbers
    slices: Numbers
    tables: dict[str, pd.DataFrame]


def evaluate(evidence: Evidence) -> Evaluation:
    """Judge the forecasts of every task on the test rows, and the main numbers on validation.

    Raises
    ------
    DataError
        If a forecast, an alarm policy, or the test part is missing.
    """
    evidence.check()
    numbers: Numbers = {}
    sliced: Numbers = {}
    tables = plots.empty()
    event_tasks, life_tasks = evidence.tasks("failure_within", "label"), evidence.tasks("rul")
    for task in event_tasks:
        first = task == event_tasks[0]
        found, by_slice, drawn = _event_task(evidence, task)
        _merge(numbers if first else numbers.setdefault("tasks", {}).setdefault(task, {}), found)
        if first:
            sliced, tables = by_slice, tables | drawn
    for task in life_tasks:
        first = task == life_tasks[0]
        found, by_slice, drawn = _life_task(evidence, task)
        _merge(numbers if first else numbers.setdefault("tasks", {}).setdefault(task, {}), found)
        if first:
            _merge(sliced, by_slice)
            tables |= drawn
    tables["importance"] = importance.table(evidence.explained, evidence.contract.headline()[0])
    test = numbers["test"]
    test.setdefault("n", test.get("n_rul", 0))
    return Evaluation(_tidy(numbers), _tidy(sliced), tables)


def _event_task(evidence: Evidence, task: str) -> tuple[Numbers, Numbers, dict[str, pd.DataFrame]]:
    policy = _policy(evidence, task)
    test, validation = (EventRows.of(evidence, task, evidence.part(part)) for part in ("test", "validation"))
    p, p_validation = (rows.frame[f"p_{task}"].to_numpy(dtype=np.float64) for rows in (test, validation))
    period_at = baselines.periodic_policy(evidence) if test.windows is not None else None
    periodic = period_at(evidence.contract.costs) if period_at else None
    numbers = _part_numbers(task, test, p, policy, periodic, evidence.unit) | {"threshold": policy.threshold}
    weights = _draws(evidence, test)
    if weights is not None:
        _merge(numbers, event_quality.intervals(test, p, policy, weights, periodic, evidence.unit))
    if len(validation.frame):
        numbers["validation"] = _validation(task, validation, p_validation, policy, periodic, evidence.unit)
    if evidence.contract.tasks[task].modes:
        numbers["modes"] = slices.modes(evidence, task, test, p, policy)
    numbers["test"] |= event_quality.best_f1(validation, p_validation, test, p, weights)
    rules = baselines.event_rules(evidence, task, validation, test)
    numbers["baselines"] = {name: baselines.judge(evidence, test, rule) for name, rule in rules.items()}
    numbers["achievable"] = achievable(test, p)
    did = {name: rule.counts(test) for name, rule in rules.items()}
    drawn = plots.event_tables(validation, test, p_validation, p, policy, period_at, did, evidence.unit)
    numbers["outlook"], drawn["outlook"] = hazard_quality.outlook(test.frame, task)
    if test.windows is not None:
        per_machine = machine_ranking.per_machine(test, p, rules.get("limits"), weights)
        numbers["per_machine"], drawn["machines_pr"] = per_machine
    return numbers, slices.event_slices(evidence, task, test, p, policy), drawn


def _draws(evidence: Evidence, rows: EventRows) -> np.ndarray | None:
    """How often each machine is drawn, (draws, n_machines); None where a single machine leaves nothing to draw."""
    if rows.n_machines < 2:
        return None
    return bootstrap.multiplicities(rows.n_machines, evidence.params.bootstrap, evidence.params.seed)


def _part_numbers(task: str, rows: EventRows, p: np.ndarray, policy: AlarmPolicy, periodic: Any, unit: str) -> Numbers:
    tally = rows.tally(p, policy)
    numbers: Numbers = {
        "test": event_quality.row_numbers(rows, p, policy.threshold) | event_quality.uncalibrated(rows, task) | {
            "machines": rows.n_machines},
        "costs": event_quality.cost_numbers(tally, rows.costs, periodic, unit),
    }
    if rows.windows is not None:
        counts = rows.counts(p, policy)
        numbers["events"] = event_quality.event_numbers(tally, unit) | {
            "late_alarms": counts.late_alarms, "censored_alarms": counts.censored_alarms,
            "held_back": rows.held_back(p, policy) if policy.per_week else None}
    return numbers


def _validation(task: str, rows: EventRows, p: np.ndarray, policy: AlarmPolicy, periodic: Any, unit: str) -> Numbers:
    blocks = _part_numbers(task, rows, p, policy, periodic, unit)
    events, costs = blocks.get("events", {}), blocks["costs"]
    rate = event_quality.false_alarm_rate(unit)[0]
    numbers = blocks["test"] | {key: events[key] for key in ("n_failures", "detected_share", rate) if key in events}
    return numbers | {"cost": costs["model"], "saving_captured": costs["saving_captured"]}


def _policy(evidence: Evidence, task: str) -> AlarmPolicy:
    policies = evidence.model.get("policies", {})
    if task not in policies:
        raise DataError(f"model.json: no alarm policy for task {task!r} (found {sorted(policies)}). "
                        f"Run `dvc repro train`.")
    return AlarmPolicy.from_json(policies[task])


def _life_task(evidence: Evidence, task: str) -> tuple[Numbers, Numbers, dict[str, pd.DataFrame]]:
    frame = evidence.part("test")
    rows = life_quality.LifeRows.of(evidence, task, frame)
    test: Numbers = life_quality.life_numbers(rows)
    test |= life_quality.life_intervals(rows, evidence.params.bootstrap, evidence.params.seed)
    validation = life_quality.life_numbers(life_quality.LifeRows.of(evidence, task, evidence.part("validation")))
    numbers = {"test": test, "validation": validation, "baselines": baselines.life_baseline(evidence, task, frame)}
    return numbers, slices.life_slices(evidence, task, rows, frame), plots.life_tables(rows)


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
