"""What do we have? Machines by kind, what was observed of them, and the time line of their events."""

from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.ground.columns import CODE, COMPONENT, MACHINE, MODE, TIME, ticks
from oilcan.ground.time_units import elapsed_words

GAPS: Final = 300  # longest breaks in the telemetry that the time line shows
SHOWN: Final = 150  # machines on the time line; of more, those with most failures, then evenly


def kinds(machines: pd.DataFrame, columns: list[str]) -> dict[str, dict[str, int]]:
    """Machines per value of each text column, most frequent first, at most twelve values."""
    return {name: {str(value): int(count) for value, count in
                   machines[name].astype("string").fillna("unknown").value_counts().head(12).items()}
            for name in columns}  # fmt: skip


def kind_columns(fleet: FleetRecord) -> list[str]:
    """Columns of the machines table that sort machines into kinds: the slices of the contract, else short texts."""
    table = fleet.machines
    named = [name for name in fleet.contract.slices if name in table]
    texts = [
        name
        for name in table.columns
        if name not in {MACHINE, *named} and isinstance(table[name].dtype, pd.StringDtype)
    ]
    return [*named, *(name for name in texts if 1 < table[name].nunique() <= 12)]


def holdings(fleet: FleetRecord) -> dict[str, Any]:
    """Counts of machines, readings and events; observed time; how many lives ended in a failure; ages."""
    machines = fleet.machines
    counts: dict[str, Any] = {
        "machines": len(machines),
        "readings": len(fleet.readings),
        "machines_not_explored": fleet.left_out,
        "kinds": kinds(machines, kind_columns(fleet)),
    }
    if TIME not in fleet.readings:
        return counts
    first, last = ticks(machines["first_time"]), ticks(machines["last_time"])
    failing = set(fleet.failures[MACHINE])
    labelled = fleet.known_until.index
    return counts | {
        "first": _moment(machines["first_time"].min(), fleet),
        "last": _moment(machines["last_time"].max(), fleet),
        "observed": float((last - first).sum()),
        "machines_with_labels": len(labelled),
        "machines_that_failed": len(failing & set(labelled)),
        "errors": _by(fleet.errors, CODE),
        "maintenance": _by(fleet.maintenance, COMPONENT),
        "failures": _by(fleet.failures, MODE),
        "ages_years": _ages(machines),
    }


def _moment(moment: Any, fleet: FleetRecord) -> str:
    """A time for people: of the calendar to the minute, the cycle, or running time in its unit."""
    time = fleet.contract.time
    if time.kind == "elapsed":
        return elapsed_words(moment.value // 1000, time.unit)
    return str(moment)[:16] if time.kind == "instant" else f"cycle {moment}"


def _by(table: pd.DataFrame, column: str) -> dict[str, int]:
    return (
        {str(value): int(count) for value, count in table[column].value_counts().sort_index().items()}
        if column in table and len(table)
        else {}
    )


def _ages(machines: pd.DataFrame) -> dict[str, float] | None:
    """Age at the first reading, from the first instant column of the machines table, in years."""
    dates = [
        name
        for name in machines.columns
        if name not in {"first_time", "last_time"} and isinstance(machines[name].dtype, pd.DatetimeTZDtype)
    ]
    if not dates or not isinstance(machines["first_time"].dtype, pd.DatetimeTZDtype):
        return None
    age = ((machines["first_time"] - machines[dates[0]]).dt.total_seconds() / 31_557_600).dropna()
    return (
        {name: float(age.quantile(q)) for name, q in (("youngest", 0.0), ("median", 0.5), ("oldest", 1.0))}
        if len(age)
        else None
    )


def _observed(fleet: FleetRecord, shown: pd.DataFrame) -> pd.DataFrame:
    """Spans with telemetry: each machine from its first reading to its last, cut at the longest breaks."""
    whole = pd.DataFrame({"machine": shown[MACHINE], "from": shown["first_time"], "to": shown["last_time"]})
    step = np.where(fleet.code[1:] == fleet.code[:-1], np.diff(fleet.tick), 0.0)
    limit = fleet.contract.time.max_gap.ticks if fleet.contract.time.max_gap else 6 * fleet.period
    breaks = np.flatnonzero(step > max(limit, np.ptp(fleet.tick) / GAPS if len(step) else 0.0))
    breaks = np.sort(breaks[np.argsort(-step[breaks], kind="stable")[:GAPS]])
    breaks = breaks[np.isin(fleet.names[fleet.code[breaks]], shown[MACHINE].astype(str))]
    times, names = fleet.readings[TIME], fleet.names[fleet.code[breaks]]
    ends = pd.DataFrame({"machine": names, "to": times.iloc[breaks].to_numpy()})
    starts = pd.DataFrame({"machine": names, "from": times.iloc[breaks + 1].to_numpy()})
    parts = [pd.concat([table, more.astype(table.dtypes)]).sort_values(["machine", column], kind="stable",
                                                                      ignore_index=True)
             for column, table, more in (("from", whole[["machine", "from"]], starts),
                                         ("to", whole[["machine", "to"]], ends))]  # fmt: skip
    return parts[0].assign(to=parts[1]["to"])


def time_lines(fleet: FleetRecord) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Spans of telemetry and events of the machines shown: machine, from, to; and machine, time, what, which.

    Failures after the end of what may be known are not shown.
    """
    order = fleet.failures[MACHINE].value_counts()
    machines = fleet.machines.assign(fails=fleet.machines[MACHINE].map(order).fillna(0))
    if len(machines) > SHOWN:
        most = machines.sort_values(["fails", MACHINE], ascending=[False, True], kind="stable").head(SHOWN * 2 // 3)
        rest = machines.drop(most.index)
        even = rest.iloc[np.unique(np.linspace(0, len(rest) - 1, SHOWN - len(most)).astype(int))]
        machines = pd.concat([most, even])
    shown = machines.sort_values(MACHINE, kind="stable")
    spans = _observed(fleet, shown)
    parts = []
    for what, table, column in (
        ("maintenance", fleet.maintenance, COMPONENT),
        ("error", fleet.errors, CODE),
        ("failure", fleet.failures, MODE),
    ):
        mine = table[table[MACHINE].isin(shown[MACHINE])]
        if len(mine):
            parts.append(
                pd.DataFrame(
                    {"machine": mine[MACHINE], "time": mine[TIME], "what": what, "which": mine[column].astype(str)}
                )
            )
    names = ["machine", "time", "what", "which"]
    events = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)
    return spans.reset_index(drop=True), events
