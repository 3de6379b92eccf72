"""Which machines there are, and which rows speak of machines that are not there."""

from collections.abc import Sequence

import pandas as pd

from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.rows.row_outcomes import Kind
from oilcan.ground.columns import MACHINE, TIME


def part_unknown(table: Cleaned, seen: pd.Index, known: pd.Index) -> None:
    """Take rows of machines without telemetry out of a table, each with its verdict.

    A machine that the machines table lists, or whose every reading was refused, is left out and
    counted. One that no table knows is refused, or left out where the contract says `unknown_machines: ignore`.
    """
    silent = ~table.frame[MACHINE].isin(seen)
    is_listed = table.frame[MACHINE].isin(known) if table.name != "machines" else silent
    table.decide((silent & is_listed).to_numpy(), "excluded", "machine without telemetry")
    unknown = ~table.frame[MACHINE].isin(seen)
    kind: Kind = "refused" if table.spec.unknown_machines == "refuse" else "excluded"
    table.unknown_machines = sorted(table.frame.loc[unknown, MACHINE].unique()) if kind == "refused" else []
    table.decide(unknown.to_numpy(), kind, "unknown machine")


def machine_rows(telemetry: Cleaned) -> pd.DataFrame:
    """One row per machine of the telemetry, sorted and indexed by it: is_test, first and last time, static columns.

    Of a static column the first value present counts.
    """
    rows = telemetry.frame.assign(is_test=telemetry.is_test).groupby(MACHINE, sort=True)
    machines = rows["is_test"].first().to_frame()
    if TIME in telemetry.frame:
        machines = machines.assign(first_time=rows[TIME].min(), last_time=rows[TIME].max())
    for name in [name for name, column in telemetry.spec.columns.items() if column.role == "static"]:
        if name in telemetry.frame and name != MACHINE:
            machines[name] = rows[name].first()
    return machines


def machine_table(rows: pd.DataFrame, listed: pd.DataFrame | None) -> pd.DataFrame:
    """One row per machine of the telemetry, sorted: what its rows say, and what the machines table says.

    What both say, the machines table says better.

    Parameters
    ----------
    rows
        As `machine_rows` makes them.
    listed
        The canonical machines table, if there is one.
    """
    if listed is not None:
        known = [name for name in listed if name != MACHINE]
        spans = [name for name in rows if name in ("is_test", "first_time", "last_time")]
        further = [name for name in rows if name not in (*spans, *known)]
        rows = rows[spans].join(listed.set_index(MACHINE)).join(rows[further])
    return rows.reset_index()


def machines_not_listed(seen: Sequence[str], listed: Sequence[str], max_share: float) -> tuple[int, list[str]]:
    """Number of machines of the telemetry without a row in the machines table; a breach if it is too large."""
    absent = sorted(set(seen) - set(listed))
    if len(absent) <= max_share * len(seen):
        return len(absent), []
    return len(absent), [
        f"machines: {len(absent)} of {len(seen)} machines of the telemetry have no row (first {absent[0]!r}, "
        f"allowed at most {max_share:.1%}); are identifiers written alike in both?"
    ]
