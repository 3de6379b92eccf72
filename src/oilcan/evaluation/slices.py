"""Where is the forecast better or worse? The same numbers by machine model, site, failure mode, ...

A slice with fewer machines than `min_slice_machines` says `too_few` and carries no metric: its
number would be an accident. (Of independent rows, each is a machine.)
"""

from typing import Any

import numpy as np
import pandas as pd

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import row_metrics
from oilcan.core.judging.costs import cost_by_machine
from oilcan.evaluation import event_quality, life_quality
from oilcan.evaluation.evidence import EventRows, Evidence, identity
from oilcan.ground.columns import MACHINE, MODE

SEEN = "seen_in_training"
_MOST_VALUES = 12       # a numeric column with more is cut into quarters
_RELIABILITY_BINS = 5


def groups(evidence: Evidence, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Name of the slice -> the value of each row of `frame`, as text; missing is `unknown`."""
    known = evidence.machines if "machines" in evidence.contract.tables else evidence.readings
    key = [MACHINE] if "machines" in evidence.contract.tables else identity(frame)
    found = {}
    for name in evidence.contract.slices:
        table = known[[*key, name]].drop_duplicates(key)
        values = frame[key].merge(table, on=key, how="left", validate="many_to_one")[name]
        found[name] = _as_text(values)
    if evidence.has_time:
        seen = np.isin(frame[MACHINE].to_numpy(dtype=object).astype(str), evidence.trained_on().astype(str))
        if 0 < seen.sum() < len(seen):
            found[SEEN] = np.where(seen, "yes", "no")
    return found


def _as_text(values: pd.Series) -> np.ndarray:
    missing = values.isna()
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if numeric and values.nunique() > _MOST_VALUES:
        values = pd.qcut(values.astype("float64"), 4, duplicates="drop").map(
            lambda span: f"{span.left:.4g} to {span.right:.4g}").astype("object")
    elif numeric:
        values = values.map("{:g}".format).astype("object")
    return np.where(missing, "unknown", values.astype("object").astype(str))


def event_slices(evidence: Evidence, task: str, rows: EventRows, p: np.ndarray, policy: AlarmPolicy) -> dict[str, Any]:
    """Row, event and cost numbers of every value of every slice."""
    onset = rows.onsets(p, policy)              # of the whole fleet: slices share the budget
    cost = cost_by_machine(rows.tally(p, policy), rows.costs)
    found: dict[str, Any] = {}
    for name, values in groups(evidence, rows.frame).items():
        found[name] = {}
        for value in np.unique(values):
            kept = values == value
            members = np.unique(rows.code[kept])
            numbers: dict[str, Any] = {"machines": len(members), "n": int((kept & rows.known).sum())}
            if len(members) < evidence.params.min_slice_machines:
                found[name][str(value)] = numbers | {"too_few": True}
                continue
            numbers |= event_quality.row_numbers(rows, p, policy.threshold, kept)
            numbers["reliability"] = _reliability(rows.target[kept & rows.known], p[kept & rows.known])
            if rows.windows is not None:
                part = EventRows.of(evidence, task, rows.frame[kept].reset_index(drop=True))
                events = event_quality.event_numbers(part.tally_of(onset[kept]), evidence.unit)
                numbers |= {key: events[key] for key in _kept(evidence.unit) if key in events}
            numbers["cost"] = float(cost[members].sum())
            found[name][str(value)] = numbers
    return found


def _reliability(target: np.ndarray, p: np.ndarray) -> dict[str, list[float]]:
    table = row_metrics.reliability(target, p, _RELIABILITY_BINS) if len(p) else {}
    return {name: values.tolist() for name, values in table.items()}


def _kept(unit: str) -> tuple[str, ...]:
    return ("n_failures", "detected_share", "alarm_precision", event_quality.false_alarm_rate(unit)[0],
            f"median_lead_time_{unit}")


def life_slices(evidence: Evidence, task: str, rows: life_quality.LifeRows, frame: pd.DataFrame) -> dict[str, Any]:
    """RUL numbers of every value of every slice."""
    known = frame[frame[f"target_{task}"].notna()].reset_index(drop=True)
    found: dict[str, Any] = {}
    for name, values in groups(evidence, known).items():
        found[name] = {}
        for value in np.unique(values):
            kept = values == value
            machines = len(np.unique(rows.code[kept]))
            numbers = {"machines": machines, "n": int(kept.sum())}
            few = machines < evidence.params.min_slice_machines
            found[name][str(value)] = numbers | ({"too_few": True} if few else life_quality.life_numbers(rows, kept))
    return found


def modes(evidence: Evidence, task: str, rows: EventRows, p: np.ndarray, policy: AlarmPolicy) -> dict[str, Any]:
    """Per failure mode: how well its own forecast ranks, and how many of its failures the alarms announced."""
    found: dict[str, Any] = {}
    for mode in sorted(evidence.failures[MODE].dropna().astype(str).unique()):
        failures = evidence.failures[evidence.failures[MODE].astype(str) == mode]
        tally = EventRows.of(evidence, task, rows.frame, failures).tally(p, policy)
        n = int(tally.n_failures.sum())
        numbers: dict[str, Any] = {"n_failures": n, "detected_share": tally.detected.sum() / n if n else None}
        forecast, target = f"p_{task}__{mode}", f"target_{task}__{mode}"
        if forecast in rows.frame and target in rows.frame:
            own = EventRows.of(evidence, task, rows.frame.assign(**{f"target_{task}": rows.frame[target]}), failures)
            ranked = event_quality.row_numbers(own, rows.frame[forecast].to_numpy(dtype=np.float64), None)
            numbers |= {key: ranked[key] for key in ("pr_auc", "roc_auc", "prevalence", "ece")}
        found[mode] = numbers
    return found
