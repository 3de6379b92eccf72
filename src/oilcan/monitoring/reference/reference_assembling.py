"""The whole reference from the accepted data, partition by partition."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import DataError
from oilcan.ground.needs import GIB, Need
from oilcan.monitoring.limits.limit_material import Material, kept_machines, whole_windows
from oilcan.monitoring.reference.fleet_cells import MOST_MACHINES, FleetCells
from oilcan.monitoring.reference.partition_passes import Span, first_pass, second_pass
from oilcan.monitoring.reference.reference_building import (
    limit_facts,
    merged,
    of_nature,
    quality_facts,
    rate_facts,
    step_facts,
)
from oilcan.monitoring.reference.reference_learning import Levels, group_levels, learn_levels
from oilcan.monitoring.signals import watched_columns
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.counts_by_window import FleetEvents, event_counts, known_codes, learn_hazards
from oilcan.monitoring.statistics.event_statistics import EventCounts
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.monitoring.statistics.marked_slots import explained
from oilcan.monitoring.statistics.work_ages import WorkHazard
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.params.operating.monitoring import MonitoringParams

_SAMPLE: Final = 100_000                # readings that bins and the range of conditions are learned from, about
_BYTES_OF_A_CELL: Final = 250           # 104 of counts, and what is learned from them; measured
_ALL: Final = "all"
MATERIAL_DIGEST: Final = "material_sha256"      # among the facts of a reference that was written with its material


@dataclass(frozen=True)
class Accepted:
    """The data that a model was accepted on.

    Attributes
    ----------
    partitions
        Gives the canonical telemetry, some machines at a time, each time it is called.
    readings
        How many there are, about.
    machines
        Canonical machines, with the categories of the contract.
    events
        Canonical event tables.
    forecasts
        Of rows that the model had not learned from; None where it forecasts no event.
    first, until
        Exact times between which the readings are used.
    promise
        What `evaluate` found that the alarms promise, as metrics/detail/evaluate.json has it; None without alarms.
    """

    partitions: Callable[[], Iterable[pd.DataFrame]]
    readings: int
    machines: pd.DataFrame
    events: FleetEvents
    forecasts: ForecastRows | None
    first: int
    until: int
    promise: Mapping[str, float] | None = None


def assemble(contract: Contract, plan: FeaturePlan, accepted: Accepted, rules: MonitoringParams,
             made_from: Mapping[str, str]) -> tuple[WatchReference, Material]:
    """The reference, and the material of its limits.

    Raises
    ------
    DataError
        If the data count no time, or hold no reading; or if the counts take more memory than is free.
    """
    if contract.time.kind == "none":
        raise DataError(f"datasets/{contract.name}.yaml: independent rows have no windows, so they cannot be watched.")
    axis = WindowAxis.of(rules.window, contract.time)
    span = Span(*(int(slot) for slot in axis.slot_of(np.array([accepted.first, accepted.until + axis.slot - 1]))))
    columns = watched_columns(contract, plan)
    every = max(1, accepted.readings // _SAMPLE)
    sums = [first_pass(part, contract, plan, columns, axis, span, keep_every=every) for part in accepted.partitions()]
    learned = _stored(learn_levels([part for part in sums if len(part.machines)]))
    groups, group_of = groups_of(contract, accepted.machines, learned.machines)
    reference = WatchReference(
        contract.name, contract.version, plan.hash, dict(made_from), accepted.first, accepted.until, rules.window,
        columns, plan.regimes.conditions if plan.regimes else (), learned.machines, group_of, groups,
        known_kinds(contract, accepted.machines, learned.machines), learned.centre, learned.raw_centre,
        group_levels(learned.centre, np.array(group_of), len(groups)), learned.scale, learned.raw_scale, learned.edges,
        learned.shares, learned.support, np.zeros(learned.centre.shape), np.full(learned.centre.shape, np.nan), {})
    need(min(len(learned.machines), MOST_MACHINES), span.end - span.first, len(columns)).check()
    parts = (second_pass(part, contract, plan, reference, learned, axis, span) for part in accepted.partitions())
    counts = FleetCells.of(parts, learned.machines, group_of, len(columns), span, axis, most=MOST_MACHINES,
                          seed=rules.inputs.seed)
    return _with_facts(reference, counts, accepted, axis, rules)


def need(machines: int, slots: int, columns: int) -> Need:
    """What the counts of a reference take, by machine, slot and column."""
    return Need(
        "reference", f"counting the readings of {machines:,} machines in {slots:,} slots and {columns} columns",
        "Take a host with more memory, or let fewer columns of the contract be sensors and conditions.",
        memory=0.35 * GIB + machines * slots * columns * _BYTES_OF_A_CELL)


def sealed(reference: WatchReference, material: Material) -> tuple[WatchReference, bytes]:
    """The reference with the digest of its material, and the bytes of the material to be written beside it."""
    content = material.to_bytes()
    facts = merged(reference.facts, {MATERIAL_DIGEST: hashlib.sha256(content).hexdigest()})
    return replace(reference, facts=facts), content


def _with_facts(reference: WatchReference, counts: FleetCells, accepted: Accepted, axis: WindowAxis,
                rules: MonitoringParams) -> tuple[WatchReference, Material]:
    some = Material(counts.sample, np.array(reference.group_of)[counts.sampled],
                    explained(counts.sample, accepted.events, axis))
    reference = of_nature(reference, counts, axis, rules)
    hazards = learn_hazards(axis, accepted.events, counts.whole)
    happened = reference_counts(counts.whole, accepted, axis, hazards)
    facts = merged(quality_facts(counts, reference, axis), step_facts(some, axis, rules),
                   rate_facts(happened, hazards, rules), promise_facts(accepted.promise),
                   {"codes": known_codes(accepted.events), "rules": rules.model_dump(mode="json")})
    reference = replace(reference, facts=facts)
    kept = kept_machines(some.group_of.tolist(), rules.calibration_machines, rules.inputs.seed)
    material = Material(some.cells.chosen(kept), some.group_of[kept], some.is_explained[kept])
    return replace(reference, facts=merged(facts, limit_facts(material, reference, axis, rules))), material


def reference_counts(cells: Cells, accepted: Accepted, axis: WindowAxis, hazards: Mapping[str, WorkHazard]
                     ) -> EventCounts:
    """Events of the whole windows of the reference; those of forecasts only where there were forecasts."""
    first, last = whole_windows(cells, axis)
    numbers = np.arange(first, last + 1)
    counts = event_counts(axis, numbers, accepted.events, cells, accepted.forecasts, hazards)
    if accepted.forecasts is None or not len(numbers):
        return counts
    covered = np.unique(axis.window_of(axis.slot_of(exact(accepted.forecasts.frame[TIME]))))
    is_there = np.isin(numbers, covered)
    of_forecasts = ("alarms", "announced failures", "forecast failures")
    return replace(counts, count={kind: np.where(is_there, values, np.nan) if kind.startswith(of_forecasts) else values
                                  for kind, values in counts.count.items()})


def promise_facts(promise: Mapping[str, float] | None) -> dict[str, Any]:
    """What the alarms of the accepted model promised."""
    rates = dict(promise or {})
    return {"promised_cost_per_machine_month_eur": rates.pop("cost_per_machine_month_eur", None),
            "promise": rates or None}


def categories(contract: Contract, machines: pd.DataFrame) -> list[str]:
    """Columns of the machines table by which kinds of machines are distinguished."""
    return [name for name in contract.slices if name in machines]


def machine_kinds(contract: Contract, machines: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Machine -> its values by category."""
    names = categories(contract, machines)
    return {str(row[MACHINE]): {name: str(row[name]) for name in names if not pd.isna(row[name])}
            for row in machines[[MACHINE, *names]].to_dict("records")}


def groups_of(contract: Contract, machines: pd.DataFrame, ids: tuple[str, ...]) -> tuple[tuple[str, ...],
                                                                                          tuple[int, ...]]:
    """Values of the first category, last one for all; and the position of each machine's."""
    kinds, names = machine_kinds(contract, machines), categories(contract, machines)
    of_machine = [kinds.get(name, {}).get(names[0]) if names else None for name in ids]
    groups = tuple(sorted({value for value in of_machine if value is not None}))
    place = {value: at for at, value in enumerate(groups)}
    return (*groups, _ALL), tuple(place[value] if value is not None else len(groups) for value in of_machine)


def known_kinds(contract: Contract, machines: pd.DataFrame, ids: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Category -> values of the machines of the reference."""
    kinds = machine_kinds(contract, machines)
    return {name: tuple(sorted({kinds[machine][name] for machine in ids if name in kinds.get(machine, {})}))
            for name in categories(contract, machines)}


def _stored(learned: Levels) -> Levels:
    """Levels as they will be read back: rounded to the single precision of the file."""
    return Levels(learned.machines, *(np.asarray(getattr(learned, name)).astype(np.float32).astype(np.float64)
                                      for name in ("centre", "raw_centre", "others", "scale", "raw_scale", "edges",
                                                   "shares", "support")))
