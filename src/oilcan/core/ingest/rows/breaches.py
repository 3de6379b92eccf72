"""For what does the pipeline refuse the raw files of a data set? Everything is listed at once."""

from collections.abc import Iterable, Sequence

from oilcan.contract import Contract
from oilcan.core.ingest.machine_table import machines_not_listed
from oilcan.core.ingest.rows.accounts import Account
from oilcan.core.ingest.rows.refusals import lost_failures, too_many_refused


def breaches(
    tables: dict[str, Account], machines: Sequence[str], listed: Sequence[str] | None, max_share: float | None,
    contract: Contract,
) -> tuple[list[str], int]:
    """Breaches, one line each, and the number of machines without a row in the machines table.

    Parameters
    ----------
    tables
        All tables of the contract, every row decided.
    machines, listed
        Machines of the telemetry, sorted, and those of the machines table; None if there is no such table.
    max_share
        Of refused rows of any one table; None: what the contract says.
    contract
        Names the failures and the limits.
    """
    telemetry, unlisted = tables["telemetry"], 0
    judged = with_joins(tables.values() if len(machines) else [telemetry])   # without it no machine is known
    lines = [f"{table.name}: {problem}" for table in judged for problem in table.problems]
    if "failures" in tables and contract.failures.source == "table" and len(machines):
        lines += lost_failures(tables["failures"])
    general = contract.limits.max_rejected_share if max_share is None else max_share
    for table in judged:                            # where a column as a whole is wrong, its rows say nothing
        own = table.spec.max_rejected_share if max_share is None else None
        lines += [] if table.problems else too_many_refused(table, general if own is None else own, machines)
    if not len(machines):
        lines.append(f"telemetry: no row is left (of {telemetry.counts()['read']:,} read)")
    elif listed is not None:
        unlisted, more = machines_not_listed(machines, listed, general)
        lines += more
    return lines, unlisted


def with_joins(tables: Iterable[Account]) -> list[Account]:
    """Tables, each followed by its joins."""
    return [part for table in tables for part in (table, *table.joined)]
