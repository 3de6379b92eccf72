"""Cells, events and forecasts of the accepted data -> the facts of the reference and the material of its limits."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.monitoring.limits.drawn_limits import draw_limits
from oilcan.monitoring.limits.limit_material import (
    Material,
    fewest_in_slot,
    limits_as_json,
    machine_windows,
    slots_of_windows,
    terms,
)
from oilcan.monitoring.reference.fleet_cells import FleetCells, stretches
from oilcan.monitoring.statistics.event_statistics import EventCounts, learn_rates
from oilcan.monitoring.statistics.input_statistics import usual_deviation
from oilcan.monitoring.statistics.machine_steps import StepScale, slot_means
from oilcan.monitoring.statistics.quality_statistics import QualityCounts, usual_shares
from oilcan.monitoring.statistics.resting import rest_windows
from oilcan.monitoring.statistics.unit_changes import learn_units
from oilcan.monitoring.statistics.work_ages import WorkHazard
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.params.operating.monitoring import MonitoringParams

_SIZES: Final = (2, 5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_BEYOND: Final = 2.0                    # times the fleet of the reference, up to which limits are tabled


def of_nature(reference: WatchReference, counts: FleetCells, axis: WindowAxis, rules: MonitoringParams
              ) -> WatchReference:
    """The reference with how its columns rest, and how they keep their level or pace."""
    cells = counts.sample
    rests = rest_windows(cells, slots_of_windows(cells, axis), rules.slow_share)
    units = learn_units(cells, stretches(cells, axis), reference.raw_scale)
    columns = tuple(replace(column, rest_windows=int(rests[at]), is_counter=bool(units.is_counter[at]),
                            unit_reach=float(units.reach[at]))
                    for at, column in enumerate(reference.columns))
    pace = np.where(units.is_counter, counts.pace, np.nan).astype(np.float32).astype(np.float64)   # as it is read back
    return replace(reference, columns=columns, still=counts.still.astype(float), pace=pace)


def quality_facts(counts: FleetCells, reference: WatchReference, axis: WindowAxis) -> dict[str, Any]:
    """What the reference shows of faults of the recording, and how many machines fall silent in a window at most."""
    windows = slots_of_windows(counts.sample, axis)
    quality = [QualityCounts.of(counts.sample, slots, reference.raw_scale) for slots in windows]
    reads = [counts.whole.readings[:, slots].sum(axis=1) for slots in windows]
    gone = [int(((after == 0) & (before > 0)).sum()) for before, after in itertools.pairwise(reads)]
    return {"quality": usual_shares(quality, reference), "silent": max(gone, default=0), "windows": len(windows)}


def step_facts(material: Material, axis: WindowAxis, rules: MonitoringParams) -> dict[str, Any]:
    """Usual steps and usual deviations of a machine's window."""
    cells = material.cells
    means = slot_means(cells.n, cells.total, fewest=fewest_in_slot(cells))
    scale = StepScale.learn(means, material.is_explained)
    windows = machine_windows(cells, material.is_explained, scale, axis, rules)
    return {"steps": scale.as_json(), "usual_deviation": usual_deviation(windows.deviation).round(6).tolist()}


def limit_facts(material: Material, reference: WatchReference, axis: WindowAxis, rules: MonitoringParams
                ) -> dict[str, Any]:
    """Limits for fleets of several sizes with the mix of the reference: what the service judges by."""
    source = material.source(reference, axis, rules)
    fleet = len(reference.machines)
    rng = np.random.default_rng(rules.inputs.seed)
    groups = np.array(reference.group_of)
    table = []
    for size in sorted({size for size in _SIZES if size <= _BEYOND * fleet} | ({fleet} if fleet > 1 else set())):
        mix = groups[rng.permutation(np.tile(np.arange(fleet), -(-size // fleet)))[:size]] if size != fleet else groups
        limits = draw_limits(source, mix.tolist(), terms(rules, axis))
        if limits is not None:
            table.append(limits_as_json(limits))
    return {"limits": table}


def rate_facts(counts: EventCounts, hazards: Mapping[str, WorkHazard], rules: MonitoringParams) -> dict[str, Any]:
    """Rates of failures, work, errors and alarms, and the hazards of planned work."""
    rates = learn_rates(counts, span=max(rules.events.spans), least_wander=rules.events.least_wander)
    return {"rates": {kind: rate.as_json() for kind, rate in rates.items()},
            "work_hazards": {component: hazard.as_json() for component, hazard in hazards.items()}}


def merged(*facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of several subjects in one mapping."""
    return {name: value for part in facts for name, value in part.items()}
