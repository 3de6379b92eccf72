"""Which machines there are, and which rows speak of machines that are not there."""

import pandas as pd

from oilcan.contract import Contract
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


def machine_table(telemetry: Cleaned, listed: Cleaned | None, contract: Contract) -> pd.DataFrame:
    """One row per machine of the telemetry, sorted: is_test, first and last time, what never changes.

    What never changes comes from the machines table, and from telemetry columns with role `static`,
    of which the first value present counts.
    """
    rows = telemetry.frame.assign(is_test=telemetry.is_test).groupby(MACHINE, sort=True)
    machines = rows["is_test"].first().to_frame()
    if TIME in telemetry.frame:
        machines = machines.assign(first_time=rows[TIME].min(), last_time=rows[TIME].max())
    if listed is not None:
        machines = machines.join(listed.frame.set_index(MACHINE))
    columns = contract.tables["telemetry"].columns
    static = [name for name in columns if columns[name].role == "static" and name in telemetry.frame]
    for name in [name for name in static if name not in machines and name != MACHINE]:
        machines[name] = rows[name].first()
    return machines.reset_index()


def machines_not_listed(telemetry: Cleaned, listed: Cleaned, max_share: float) -> tuple[int, list[str]]:
    """Number of machines of the telemetry without a row in the machines table; a breach if it is too large."""
    seen = telemetry.frame[MACHINE].unique()
    absent = sorted(set(seen) - set(listed.frame[MACHINE]))
    if len(absent) <= max_share * len(seen):
        return len(absent), []
    return len(absent), [
        f"machines: {len(absent)} of {len(seen)} machines of the telemetry have no row (first {absent[0]!r}, "
        f"allowed at most {max_share:.1%}); are identifiers written alike in both?"
    ]
