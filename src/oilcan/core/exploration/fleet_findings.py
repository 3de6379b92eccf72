"""All findings of exploration about one fleet; `explore` computes them."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.exploration import leak_suspects, pitfalls, row_differences
from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.core.exploration.holdings import holdings, kind_columns, time_lines
from oilcan.core.exploration.lives.component_lives import Spells, clusters, maintenance_rhythm, spells
from oilcan.core.exploration.lives.failure_patterns import FailurePattern, failure_patterns
from oilcan.core.exploration.lives.kind_rates import KindRates, kind_rates
from oilcan.core.exploration.lives.life_fits import LifeFit, fit_life, renewal_differs, survival_curve
from oilcan.core.exploration.pitfalls import Pitfall
from oilcan.core.exploration.sensor_behaviour import (
    SensorFacts,
    fleet_changes,
    joint_trends,
    redundancy,
    sampling,
    sensor_facts,
)
from oilcan.core.exploration.sensor_signals import Signals, signals
from oilcan.core.exploration.warnings.aligned import look_back
from oilcan.core.exploration.warnings.recommendation import Recommendation, recommend
from oilcan.core.exploration.warnings.warning_signs import ModeSigns, announceable, mode_signs
from oilcan.core.features.signals.regimes import Clusters
from oilcan.core.judging.life_tables import median_life
from oilcan.ground.columns import MACHINE, MODE, PART, TARGET, TIME

MODES: Final = 12  # failure modes looked at one by one, those with most failures


@dataclass(frozen=True)
class Lives:
    """Lives of one component, or of those of one kind of machine."""

    mode: str
    kind: str
    fit: LifeFit | None
    curve: dict[str, list[float]]
    lives: int
    failed: int
    repair_median: float | None
    renewal: dict[str, float] | None
    age_is_unknown: bool


@dataclass(frozen=True)
class Exploration:
    """What was found; each field answers one question of the page."""

    fleet: FleetRecord
    holdings: dict[str, Any]
    time_lines: tuple[pd.DataFrame, pd.DataFrame]
    lives: list[Lives]
    clusters: dict[str, Any]
    rhythm: dict[str, float] | None
    modes: list[ModeSigns]
    announceable: dict[str, float | None]
    recommendations: list[Recommendation]
    signals: Signals
    sensors: list[SensorFacts]
    correlation: np.ndarray
    same: list[tuple[str, str, float]]
    changes: list[dict[str, Any]]
    sampling: dict[str, float] | None
    regimes: int
    trends: int
    pitfalls: list[Pitfall]
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    kinds: list[KindRates] = field(default_factory=list)
    patterns: list[FailurePattern] = field(default_factory=list)


def row_columns(contract: Contract) -> list[str]:
    """The columns of rows.parquet that `explore` and `record` look at: key, part, and labels of independent rows."""
    if contract.time.kind != "none":
        return [MACHINE, TIME, PART]
    return [MACHINE, PART, *(f"{TARGET}{name}" for name, task in contract.tasks.items() if task.kind == "label")]


def explore(
    fleet: FleetRecord, rows: pd.DataFrame | None, *, seed: int, still_open: frozenset[str] = frozenset()
) -> Exploration:
    """All findings about a fleet.

    Parameters
    ----------
    rows
        Forecast rows with parts and targets, where there is a split. Of test rows only machines, times and conditions
        are read.
    seed
        Of the resampling of machines.
    still_open
        Words of the contract that its author has not filled in; they count as not stated.
    """
    rng = np.random.default_rng(seed)
    timed = TIME in fleet.readings
    read = signals(fleet)
    rhythm = maintenance_rhythm(fleet) if timed else None
    together: dict[str, Any] = clusters(fleet) if timed else {"failures": 0, "same_instant": []}
    failures = fleet.failures[MODE].astype(str).value_counts().to_dict() if timed else {}
    names = sorted(failures, key=lambda mode: (-failures[mode], mode))[:MODES]
    whole = spells(fleet, None) if timed else None
    usual = (
        median_life((whole.table["end"] - whole.table["start"]).to_numpy(), whole.table["failed"].to_numpy(bool))
        if whole is not None
        else None
    )
    back = look_back(fleet, usual) if timed else 0.0
    modes = [mode_signs(fleet, read, mode, back=back, rng=rng) for mode in names]
    kinds, stated = kind_columns(fleet), _current(fleet, still_open)
    correlation, same = redundancy(read)
    at_once = [instant["time"] for instant in together["same_instant"]]
    patterns = failure_patterns(fleet, at_once, back=back) if timed and len(fleet.failures) else []
    labels = {} if timed else _labels(fleet, rows)
    return Exploration(
        fleet, holdings(fleet), time_lines(fleet) if timed else (pd.DataFrame(), pd.DataFrame()),
        [one for mode in names for one in _lives(fleet, mode, kinds)], together, rhythm, modes,
        {m.mode: _announceable(stated, m) for m in modes},
        recommend(modes, usual, period=fleet.period, unit=fleet.unit, current=stated) if timed else [],
        read, sensor_facts(fleet, read), correlation, same, fleet_changes(fleet, read), sampling(fleet),
        len(read.regimes.centres) if isinstance(read.regimes, Clusters) else 1,
        max((joint_trends(np.array([s.difference for s in m.sensors if s.lead > 0])) for m in modes
             if any(s.lead > 0 for s in m.sensors)), default=0),
        leak_suspects.columns_of_rows(fleet, labels)
        + _pitfalls(fleet, rows, failures, together, rhythm, kinds, modes, patterns),
        labels,
        [one for mode in names for name in kinds if (one := kind_rates(spells(fleet, mode), fleet.machines, name))],
        patterns,
    )  # fmt: skip


def _lives(fleet: FleetRecord, mode: str, kinds: list[str]) -> list[Lives]:
    """Lives of a component in the whole fleet, then by kind of machine."""
    every = spells(fleet, mode)
    found = [_one(every, every.dated(), mode, "all")]
    for name in kinds:
        of = fleet.machines.set_index(MACHINE)[name].astype(str)
        dated = every.dated()
        for value, part in dated.groupby(dated[MACHINE].map(of)):
            found.append(_one(every, part, mode, f"{name} {value}"))
    return found


def _one(every: Spells, part: pd.DataFrame, mode: str, kind: str) -> Lives:
    length = (part["end"] - part["start"]).to_numpy(np.float64)
    failed = part["failed"].to_numpy(bool)
    fit = fit_life(length, failed, part[MACHINE].to_numpy()) if len(part) else None
    inside = part["began"] != "start of record"
    renewal = (
        renewal_differs(length[inside], failed[inside], (part["began"] == "planned work").to_numpy()[inside])
        if kind == "all"
        else None
    )
    curve = survival_curve(length, failed) if failed.any() else {}
    repair = float(np.median(every.repair_times)) if len(every.repair_times) else None
    return Lives(mode, kind, fit, curve, len(part), int(failed.sum()), repair, renewal, every.age_is_unknown)


def _announceable(now: dict[str, float | list[float] | None], signs: ModeSigns) -> float | None:
    """At the contract's horizon and lead time; at the whole look-back where it states none."""
    horizon, lead = now.get("horizon"), now.get("lead_time")
    if isinstance(horizon, float) and isinstance(lead, float):
        return announceable(signs, lead=lead, horizon=horizon)
    return announceable(signs, lead=0.0, horizon=float(signs.aligned.edges[-1]))


def _current(fleet: FleetRecord, still_open: frozenset[str]) -> dict[str, float | list[float] | None]:
    """The words of the contract that a recommendation speaks about, in ticks; None for those still open."""
    contract = fleet.contract
    within = next((task for task in contract.tasks.values() if task.kind == "failure_within"), None)
    life = next((task for task in contract.tasks.values() if task.kind == "rul"), None)
    stated: dict[str, float | list[float] | None] = {
        "horizon": within.horizon.ticks if within and within.horizon else None,
        "lead_time": within.lead_time.ticks if within and within.lead_time else None,
        "cap": life.cap.ticks if life and life.cap else None,
        "windows": [window.ticks for window in contract.rows.windows] or None,
        "refractory": contract.refractory.ticks if contract.refractory else None,
    }
    return {word: None if word in still_open else value for word, value in stated.items()}


def _pitfalls(
    fleet: FleetRecord, rows: pd.DataFrame | None, failures: dict[str, int], together: dict[str, Any],
    rhythm: dict[str, float] | None, kinds: list[str], modes: list[ModeSigns], patterns: list[FailurePattern],
) -> list[Pitfall]:  # fmt: skip
    found = leak_suspects.sensors_that_jump(fleet, modes) + leak_suspects.columns_of_machines(fleet)
    found += pitfalls.follow_the_calendar(patterns)
    found += pitfalls.calendar(fleet, together["same_instant"], rhythm, modes) if TIME in fleet.readings else []
    found += pitfalls.written_at_failures(fleet) + pitfalls.too_few_failures(failures)
    if rows is not None:
        found += pitfalls.parts_differ(fleet, rows, fleet.machines, kinds)
    return found


def _labels(fleet: FleetRecord, rows: pd.DataFrame | None) -> dict[str, dict[str, Any]]:
    """Per label of independent rows: its share, telling columns, and derived columns to add; training rows only."""
    found: dict[str, dict[str, Any]] = {}
    for name, task in fleet.contract.tasks.items():
        target = f"{TARGET}{name}"
        if rows is None or task.kind != "label" or target not in rows:
            continue
        training = rows.loc[rows[PART] == "train"].set_index(MACHINE)[target].dropna()
        mine = fleet.readings[MACHINE].isin(training.index)
        part = FleetRecord(
            fleet.contract,
            fleet.readings[mine].reset_index(drop=True),
            fleet.errors,
            fleet.maintenance,
            fleet.failures,
            fleet.machines,
            fleet.known_until,
        )
        label = part.readings[MACHINE].map(training)
        positive = (label == 1).to_numpy()
        columns = row_differences.label_differences(part, positive)
        found[name] = row_differences.shares(label) | {
            "columns": columns,
            "derived": row_differences.derived_columns(part, [row["column"] for row in columns], positive),
        }
    return found
