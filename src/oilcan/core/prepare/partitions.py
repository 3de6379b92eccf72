"""Canonical tables -> prepared tables: one partition of machines, then the rows of the fleet."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from oilcan.contract import Contract
from oilcan.core.prepare import forecast_rows as row_tables
from oilcan.core.prepare.cleaning import hold_last, remove_quarantined
from oilcan.core.prepare.derived import add_derived
from oilcan.core.prepare.outcomes import stated_in_telemetry
from oilcan.core.prepare.part_counts import PartCounts
from oilcan.core.prepare.prompted_repairs import settle
from oilcan.core.prepare.splits import PARTS, SplitPlan
from oilcan.ground.columns import ALARMS, KEY, PARTITION, TIME
from oilcan.ground.time_units import MICROSECONDS_PER_HOUR

TABLES: Final = ("errors", "maintenance", "failures", "machines", ALARMS)


@dataclass(frozen=True)
class Prepared:
    """One prepared partition.

    Attributes
    ----------
    telemetry
        Cleaned readings with derived columns, without labels.
    rows
        Rows at which a forecast is made: partition, key, label columns.
    readings_removed, readings_held
        Quarantined readings, and missing ones that repeat the last.
    """

    telemetry: pd.DataFrame
    rows: pd.DataFrame
    telemetry_rows: int
    readings_removed: int
    readings_held: int

    def without_telemetry(self) -> "Prepared":
        """The same without its readings: small enough to send from worker to parent."""
        return replace(self, telemetry=pd.DataFrame())          # not a slice, which would keep all readings


@dataclass(frozen=True)
class PreparedRows:
    """Failures to judge the rows of the fleet by; their summary; the line the stage reports."""

    judged_failures: pd.DataFrame
    summary: dict[str, Any]
    headline: dict[str, Any]


def prepare_partition(
    telemetry: pd.DataFrame, quarantine: pd.DataFrame, contract: Contract, *, number: int, fill_periods: int,
    truth: pd.DataFrame | None = None,
) -> Prepared:
    """Clean one partition, add the derived columns, pick the rows; labels leave the readings here.

    Parameters
    ----------
    telemetry
        Canonical, sorted by (machine_id, time).
    number
        Of the partition.
    fill_periods
        A missing reading repeats the last one for at most this many periods.
    truth
        Of the machines of the partition, in simulations.
    """
    labels = contract.telemetry_columns("label", "group")
    readings, removed = remove_quarantined(telemetry, quarantine)
    readings, held = clean_readings(readings.drop(columns=labels), contract, fill_periods=fill_periods)
    picked = row_tables.pick_rows(telemetry, contract)
    columns = [name for name in (*KEY, *labels) if name in telemetry]
    rows = telemetry[columns].iloc[picked].reset_index(drop=True)
    rows = rows.assign(**stated_in_telemetry(telemetry, picked, contract))
    rows.insert(0, PARTITION, number)
    rows = rows if truth is None else row_tables.add_truth(rows, truth)
    return Prepared(readings, rows, len(telemetry), removed, held)


def clean_readings(telemetry: pd.DataFrame, contract: Contract, *, fill_periods: int) -> tuple[pd.DataFrame, int]:
    """Readings with short silences bridged and derived columns added, and how many were bridged.

    Parameters
    ----------
    telemetry
        Sorted by (machine_id, time), bad readings missing; columns the contract does not know are passed on.
    fill_periods
        A missing reading repeats the last one for at most this many periods.
    """
    known = [name for name in contract.telemetry_columns("sensor", "condition", "static")
             if name not in contract.derived]  # fmt: skip
    kinds = {name: column.type for name, column in contract.tables["telemetry"].columns.items()}
    numbers = [name for name in known if kinds[name] in {"number", "integer", "flag"}]
    held = 0
    if TIME in telemetry and contract.time.period is not None:
        filled = [name for name in contract.telemetry_columns("sensor", "condition")
                  if name in numbers and kinds[name] != "flag"]  # fmt: skip
        telemetry, held = hold_last(telemetry, filled, longest=fill_periods * contract.time.period.ticks)
    return add_derived(telemetry, contract.derived, numbers), held


def prepare_rows(
    parts: Sequence[Prepared],
    tables: Mapping[str, pd.DataFrame],
    labels: pd.DataFrame | None,
    contract: Contract,
    *,
    seed: int,
    take: Callable[[pd.DataFrame], None],
) -> PreparedRows:
    """Part and label the rows of all partitions, or refuse if a part cannot carry a task.

    Parameters
    ----------
    take
        Gets the rows with part and targets, one partition after the other, so that memory does not hold those of all.

    Raises
    ------
    DataError
        If a part has no rows, one class only, or no life that ended.
    """
    machines, failures = tables["machines"], tables["failures"]
    prompted = settle(tables["maintenance"], tables[ALARMS], contract.longest_look_ahead())
    judged = prompted.judged_failures(failures)
    plan = row_tables.plan_parts([part.rows for part in parts], machines, failures, contract, seed=seed)
    counts, left_out = PartCounts(contract), Counter[str]()
    for part in parts:
        kept, others = row_tables.part_rows(part.rows, failures, contract, plan)
        rows = row_tables.label_rows(kept, machines, judged, contract, plan, labels, prompted)
        counts.add(rows)
        left_out.update(others)
        take(rows)
    counts.check()
    readings = {
        "telemetry_rows": sum(part.telemetry_rows for part in parts),
        "readings_removed": sum(part.readings_removed for part in parts),
        "readings_held": sum(part.readings_held for part in parts),
    }
    summary = readings | {
        "rows_picked": sum(len(part.rows) for part in parts),
        "rows_left_out": dict(sorted(left_out.items())),
        "prompted_repairs": prompted.counts,
        "parts": counts.as_json(),
        "split": _describe(plan, machines, contract),
    }
    of_part = {part: counts.counts[part]["rows"] for part in PARTS}
    headline = {"rows_in": readings["telemetry_rows"], "rows_out": sum(of_part.values())} | of_part
    return PreparedRows(judged, summary, headline)


def _describe(plan: SplitPlan, machines: pd.DataFrame, contract: Contract) -> dict[str, Any]:
    described: dict[str, Any] = {"by": plan.by}
    if plan.cuts is not None:
        is_instant = isinstance(machines["first_time"].dtype, pd.DatetimeTZDtype)
        cuts = [contract.time.plain(pd.Timestamp(cut, unit="us", tz="UTC")) if is_instant else cut for cut in plan.cuts]
        described |= {"first_validation": cuts[0], "first_test": cuts[1]}
        described["gap"] = plan.gap / MICROSECONDS_PER_HOUR if is_instant else plan.gap
        described["unseen_machines"] = sorted(plan.of_machine)
    return described
