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
    terms,
    whole_windows,
)
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.event_statistics import EventCounts, learn_rates
from oilcan.monitoring.statistics.input_statistics import usual_deviation
from oilcan.monitoring.statistics.machine_steps import StepScale, slot_means
from oilcan.monitoring.statistics.quality_statistics import QualityCounts, usual_shares
from oilcan.monitoring.statistics.resting import rest_windows, stood_still
from oilcan.monitoring.statistics.unit_changes import learn_units
from oilcan.monitoring.statistics.work_ages import WorkHazard
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.params.operating.monitoring import MonitoringParams

_SIZES: Final = (2, 5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_FEWEST_STRETCHES: Final = 4           # that the level of a column is compared over
_BEYOND: Final = 2.0                    # times the fleet of the reference, up to which limits are tabled


def of_nature(reference: WatchReference, cells: Cells, axis: WindowAxis, rules: MonitoringParams) -> WatchReference:
    """The reference with how its columns rest, and how they keep their level or pace."""
    windows = _slots_of_windows(cells, axis)
    rests = rest_windows(cells, windows, rules.slow_share)
    # a reference of few windows is compared in shorter stretches, which differ more: so the rule is the more careful
    stretches = windows if len(windows) >= _FEWEST_STRETCHES else _stretches(cells.slots, _FEWEST_STRETCHES)
    units = learn_units(cells, stretches, reference.raw_scale)
    columns = tuple(replace(column, rest_windows=int(rests[at]), is_counter=bool(units.is_counter[at]),
                            unit_reach=float(units.reach[at]))
                    for at, column in enumerate(reference.columns))
    pace = units.pace.astype(np.float32).astype(np.float64)         # as it will be read back
    return replace(reference, columns=columns, still=stood_still(cells).astype(float), pace=pace)


def quality_facts(cells: Cells, reference: WatchReference, axis: WindowAxis) -> dict[str, Any]:
    """What the reference shows of faults of the recording, and how many machines fall silent in a window at most."""
    counts = [QualityCounts.of(cells, slots, reference.raw_scale) for slots in _slots_of_windows(cells, axis)]
    reads = np.stack([count.readings for count in counts]) if counts else np.zeros((0, 0))
    gone = [int(((after == 0) & (before > 0)).sum()) for before, after in itertools.pairwise(reads)]
    return {"quality": usual_shares(counts, reference), "silent": max(gone, default=0), "windows": len(counts)}


def _stretches(slots: int, count: int) -> list[slice]:
    """Equal stretches of all slots, one after another."""
    return [slice(at * slots // count, (at + 1) * slots // count) for at in range(count)]


def _slots_of_windows(cells: Cells, axis: WindowAxis) -> list[slice]:
    first, last = whole_windows(cells, axis)
    return [window_slots(cells, axis, window) for window in range(first, last + 1)]


def window_slots(cells: Any, axis: WindowAxis, window: int) -> slice:
    """Slots of a window in the cells."""
    begin, end = axis.first_slot(window) - cells.first_slot, axis.first_slot(window + 1) - cells.first_slot
    return slice(max(0, begin), max(0, end))


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
