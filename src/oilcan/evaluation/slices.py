"""Where is the forecast better or worse? The same numbers by machine model, site, failure mode, ...

A slice with fewer machines than `min_slice_machines` says `too_few` and carries no metric: its
number would be chance. (Of independent rows, each is a machine.)
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import bootstrap, row_metrics
from oilcan.core.judging.costs import cost_by_machine
from oilcan.core.judging.exact_intervals import share_of_events
from oilcan.evaluation import event_quality, life_quality, results
from oilcan.evaluation.event_rows import EventRows
from oilcan.evaluation.fleet_and_forecasts import Fleet, Forecasts, identity
from oilcan.ground.columns import MACHINE, MODE, TARGET

SEEN = "seen_in_training"
_MOST_VALUES = 12       # a numeric column with more is cut into quarters
_RELIABILITY_BINS = 5


Group = tuple[str, np.ndarray]      # value of a slice as text, and its rows, (n,)


def groups(fleet: Fleet, frame: pd.DataFrame) -> Iterator[tuple[str, Iterator[Group]]]:
    """Name of each slice, and the rows of `frame` of each of its values, in their order; missing is `unknown`."""
    known = fleet.machines if "machines" in fleet.contract.tables else fleet.readings
    key = [MACHINE] if "machines" in fleet.contract.tables else identity(frame)
    code, ids = pd.factorize(frame[MACHINE])
    for name in fleet.contract.slices:
        table = known[[*key, name]].drop_duplicates(key)
        values = (table.set_index(MACHINE)[name].reindex(np.asarray(ids)).iloc[code] if key == [MACHINE] else
                  frame[key].merge(table, on=key, how="left", validate="many_to_one")[name])
        yield name, _by_value(*_as_text(values))
    if fleet.has_time:
        seen = np.isin(np.asarray(ids).astype(str), fleet.trained_on().astype(str))[code]
        if 0 < seen.sum() < len(seen):
            yield SEEN, _by_value(np.array(["no", "yes"]), seen.astype(np.int64))


def _by_value(names: np.ndarray, place: np.ndarray) -> Iterator[Group]:
    return ((str(name), place == at) for at, name in enumerate(names))


def _as_text(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values as text, rising, and the position of each row's among them."""
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    spell: Callable[[Any], str] = "{:g}".format if numeric else str
    if numeric and values.nunique() > _MOST_VALUES:
        values = pd.qcut(values.astype("float64"), 4, duplicates="drop")
        spell = _span
    code, distinct = pd.factorize(values)
    texts = [spell(value) for value in distinct] + ["unknown"] * bool((code < 0).any())     # -1 is the last
    names, place = np.unique(np.array(texts, dtype=str), return_inverse=True)
    return names, place[code]


def _span(values: pd.Interval) -> str:
    return f"{values.left:.4g} to {values.right:.4g}"


def event_slices(fleet: Fleet, task: str, rows: EventRows, p: np.ndarray, policy: AlarmPolicy,
                 fewest: int) -> dict[str, Any]:
    """Row, event and cost numbers of every value of every slice."""
    onset = rows.onsets(p, policy)              # of the whole fleet: slices share the budget
    cost = cost_by_machine(rows.tally(p, policy), rows.costs)
    found: dict[str, Any] = {}
    for name, values in groups(fleet, rows.frame):
        found[name] = {}
        for value, kept in values:
            members = np.unique(rows.code[kept])
            numbers: dict[str, Any] = {"machines": len(members), "n": int((kept & rows.known).sum())}
            if len(members) < fewest:
                found[name][value] = numbers | {"too_few": True}
                continue
            numbers |= event_quality.row_numbers(rows, p, policy.threshold, kept)
            numbers["reliability"] = _reliability(rows.target[kept & rows.known], p[kept & rows.known])
            if rows.windows is not None:
                part = EventRows.of(fleet, task, rows.frame[kept].reset_index(drop=True))
                events = event_quality.event_numbers(part.tally_of(onset[kept]), fleet.unit)
                numbers |= {key: events[key] for key in _kept(fleet.unit) if key in events} | _exact(events)
            numbers["cost"] = float(cost[members].sum())
            found[name][value] = numbers
    return found


def _reliability(target: np.ndarray, p: np.ndarray) -> dict[str, list[float]]:
    table = row_metrics.reliability(target, p, _RELIABILITY_BINS) if len(p) else {}
    return {name: values.tolist() for name, values in table.items()}


def _exact(events: dict[str, Any]) -> dict[str, Any]:
    """Intervals of shares of few events; resampling the few machines of a slice would say little."""
    pairs = {"detected_share_ci95": share_of_events(None, events["detected"], events["n_failures"]),
             "alarm_precision_ci95": share_of_events(None, events["true_alarms"], events["alarms"])}
    return {name: pair for name, pair in pairs.items() if pair is not None}


def _kept(unit: str) -> tuple[str, ...]:
    return ("n_failures", "detected_share", "alarm_precision", results.false_alarm_rate(unit)[0],
            f"median_lead_time_{unit}")


def life_slices(fleet: Fleet, task: str, rows: life_quality.LifeRows, frame: pd.DataFrame, fewest: int
                ) -> dict[str, Any]:
    """RUL numbers of every value of every slice."""
    known = frame[frame[f"{TARGET}{task}"].notna()].reset_index(drop=True)
    found: dict[str, Any] = {}
    for name, values in groups(fleet, known):
        found[name] = {}
        for value, kept in values:
            machines = len(np.unique(rows.code[kept]))
            numbers = {"machines": machines, "n": int(kept.sum())}
            few = machines < fewest
            found[name][value] = numbers | ({"too_few": True} if few else life_quality.life_numbers(rows, kept))
    return found


def modes(fleet: Fleet, forecasts: Forecasts, task: str, rows: EventRows, p: np.ndarray, policy: AlarmPolicy,
          weights: np.ndarray | None) -> dict[str, Any]:
    """Per failure mode: how well its own forecast ranks, and how many of its failures the alarms announced.

    `rows` are those of the test part.
    """
    found: dict[str, Any] = {}
    for mode in sorted(fleet.failures[MODE].dropna().astype(str).unique()):
        failures = fleet.failures[fleet.failures[MODE].astype(str) == mode]
        tally = EventRows.of(fleet, task, rows.frame, failures).tally(p, policy)
        n, detected = int(tally.n_failures.sum()), int(tally.detected.sum())
        drawn = None if weights is None else bootstrap.interval(
            bootstrap.ratio(weights @ tally.detected, weights @ tally.n_failures))
        numbers: dict[str, Any] = {"n_failures": n, "detected_share": detected / n if n else None,
                                   "detected_share_ci95": share_of_events(drawn, detected, n)}
        target, own = (forecasts.values("test", f"{begin}{task}__{mode}") for begin in (TARGET, "p_"))
        if target is not None and own is not None:
            numbers |= _ranked(rows, target, own, weights)
        found[mode] = numbers
    return found


def _ranked(rows: EventRows, target: np.ndarray, p: np.ndarray, weights: np.ndarray | None) -> dict[str, Any]:
    own = dataclasses.replace(rows, target=target)
    numbers = event_quality.row_numbers(own, p, None)
    kept = {key: numbers[key] for key in ("pr_auc", "roc_auc", "prevalence", "ece")}
    if weights is not None:
        ranking = bootstrap.Ranking.of(own.code[own.known], target[own.known], p[own.known])
        kept["pr_auc_ci95"] = bootstrap.interval(np.array([ranking.auc_ap(draw)[1] for draw in weights]))
    return kept
