"""All tables of a data set: raw pieces -> canonical tables, or every breach at once."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import pandas as pd

from oilcan.contract import Contract
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.fleet_parts import TELEMETRY, FleetParts
from oilcan.core.ingest.frames import Canonical, Examined, RawTables
from oilcan.core.ingest.machine_table import machine_table
from oilcan.core.ingest.rows.accounts import rejected_rows
from oilcan.core.ingest.rows.breaches import breaches, with_joins
from oilcan.core.ingest.tables import clean_table
from oilcan.ground.columns import CODE, COMPONENT, EVENT_KEYS, KEY, MACHINE, MODE
from oilcan.ground.errors import DataError, bullet_list

_LAST_KEY: Final = {"errors": CODE, "maintenance": COMPONENT, "failures": MODE}
Take = Callable[[str, pd.DataFrame], None]      # name and canonical rows of a table


def ingest(
    raw: RawTables, contract: Contract, *, max_rejected_share: float | None = None, hash_key: bytes | None = None,
    parts: Iterable[RawTables] | None = None, take: Take | None = None,
) -> Canonical:
    """Canonical tables of a data set, and what became of every raw row.

    Rows are refused for cells of the wrong type, missing cells that may not be, machines that no
    table knows, and keys whose content contradicts an earlier row. Of identical rows one is kept;
    rows out of order are sorted and counted. Readings outside the physical range stay: `validate`
    judges them.

    Parameters
    ----------
    raw
        Pieces of each raw table and, by `<table>.<join>`, of its joins, in the order of files;
        `test_rul` for the true RUL of test lives.
    contract
        The whole adapter.
    max_rejected_share
        Of the rows of any one table; more refused rows are an error. None: what the contract says.
    hash_key
        Secret of the keyed hash, needed if a column says `personal: hash`.
    parts
        The telemetry, and the truth, where `raw` does not have them: parts of whole machines, in the order of their
        canonical identifiers. One part is in memory at a time.
    take
        Receives the canonical rows of the telemetry, and of other tables in parts, as they come; they are in none of
        the tables returned then.

    Raises
    ------
    DataError
        If too many rows are refused, time zones are mixed, no telemetry is left, or the secret is
        missing; all breaches are listed.
    """
    examined = examine(raw, contract, max_rejected_share=max_rejected_share, hash_key=hash_key, parts=parts, take=take)
    if examined.breaches or examined.canonical is None:
        where = f"raw files break datasets/{contract.name}.yaml v{contract.version}. Fix the files or the contract, " \
                f"or raise limits.max_rejected_share in it"
        raise DataError(bullet_list(where, examined.breaches))
    return examined.canonical


def examine(
    raw: RawTables, contract: Contract, *, max_rejected_share: float | None = None, hash_key: bytes | None = None,
    parts: Iterable[RawTables] | None = None, take: Take | None = None,
) -> Examined:
    """Everything about the raw files: what became of each row, what breaks the contract, what looks wrong.

    Parameters are those of `ingest`.

    Raises
    ------
    DataError
        If the secret of a keyed hash is missing.
    """
    _check_key(contract, hash_key)
    large: dict[str, pd.DataFrame] = {}
    small: dict[str, Cleaned] = {name: clean_table(name, raw, contract, hash_key)
                                 for name in contract.tables if name in raw and name != TELEMETRY}
    fleet = FleetParts(contract, small, raw.get("test_rul", ()))
    for part in [raw] if parts is None else parts:
        tables: dict[str, Cleaned] = {name: clean_table(name, part, contract, hash_key)
                                      for name in contract.tables if name in part and name not in small}
        fleet.add(tables)
        for name, table in tables.items():
            (take or large.__setitem__)(name, _without_flag(table.frame, name, contract))
        del part, tables                            # before the next part is read
    fleet.finish_small()
    return _judged(fleet, large | {name: table.frame for name, table in small.items()}, contract, max_rejected_share)


def _judged(
    fleet: FleetParts, frames: dict[str, pd.DataFrame], contract: Contract, max_rejected_share: float | None
) -> Examined:
    accounts, machines = fleet.accounts(), fleet.machines()
    listed = frames.get("machines")
    lines, unlisted = breaches(accounts, machines.index, None if listed is None else listed[MACHINE],
                               max_rejected_share, contract)
    judged = with_joins(accounts.values())
    warnings = [f"{table.name}: {line}" for table in judged for line in table.warnings]
    rejected, counts = rejected_rows(judged), {name: table.counts() for name, table in accounts.items()}
    if machines.empty or fleet.problems:
        return Examined(counts, rejected, lines + fleet.problems, warnings)
    canonical: dict[str, pd.DataFrame] = {name: frames[name] for name in contract.tables if name in frames}
    if (drawn := fleet.failures()) is not None:
        canonical["failures"] = drawn
    for name in EVENT_KEYS:
        canonical.setdefault(name, _empty(name, fleet.no_rows))
    canonical["machines"] = machine_table(machines, listed)
    counts |= _further_counts(counts, canonical, contract)
    counts["machines"]["without_row"] = unlisted
    for name in {line.partition(":")[0] for line in warnings} & set(counts):
        counts[name]["warnings"] = [line for line in warnings if line.startswith(f"{name}:")]
    return Examined(counts, rejected, lines, warnings, Canonical(canonical, rejected, counts))


def _without_flag(frame: pd.DataFrame, name: str, contract: Contract) -> pd.DataFrame:
    """The canonical rows of a table: telemetry without the flag that became failures."""
    return frame.drop(columns=[contract.failures.column]) \
        if name == TELEMETRY and contract.failures.source == "flag" else frame


def _check_key(contract: Contract, hash_key: bytes | None) -> None:
    hashed = [
        f"{table}.{name}"
        for table, spec in contract.tables.items()
        for name, column in spec.columns.items()
        if column.personal == "hash"
    ]
    if hashed and not hash_key:
        raise DataError(
            f"OILCAN_HASH_KEY: not set, but datasets/{contract.name}.yaml hashes {', '.join(hashed)}. Set it to a "
            f"secret of your own and keep it: with another one the hashes change."
        )


def _empty(name: str, telemetry: pd.DataFrame) -> pd.DataFrame:
    key = [column for column in KEY if column in telemetry]
    return telemetry[key].iloc[:0].assign(**{_LAST_KEY[name]: pd.Series(dtype="str")})


def _further_counts(
    counts: Mapping[str, dict[str, Any]], canonical: Mapping[str, pd.DataFrame], contract: Contract
) -> dict[str, dict[str, Any]]:
    """Of tables that have no files."""
    further: dict[str, dict[str, Any]] = {}
    for name in canonical:
        drawn = name == "failures" and contract.failures.source in {"flag", "end_of_life"}
        if name not in counts or drawn:
            rows = len(canonical[name])
            further[name] = {"read": rows, "kept": rows, "excluded": {}, "refused": {}, "duplicates_identical": 0,
                             "out_of_order": 0, "drawn_from": "telemetry" if drawn or name == "machines" else "nothing"}
    return further
