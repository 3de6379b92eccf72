"""All tables of a data set: raw pieces -> canonical tables, or every breach at once."""

from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.failure_sources import draw_failures
from oilcan.core.ingest.fleet_rows import copy_to_all
from oilcan.core.ingest.frames import Canonical, Examined, RawTables
from oilcan.core.ingest.machine_table import machine_table, part_unknown
from oilcan.core.ingest.rows.breaches import breaches, with_joins
from oilcan.core.ingest.rows.refusals import counts_of, rejected_rows
from oilcan.core.ingest.rows.stops import INSIDE, inside_stops
from oilcan.core.ingest.rows.suspicions import suspicions
from oilcan.core.ingest.tables import clean_table
from oilcan.ground.columns import CODE, COMPONENT, EVENT_KEYS, KEY, MACHINE, MODE
from oilcan.ground.errors import DataError, bullet_list

ROWS_PER_PARTITION: Final = 50_000      # smaller groups of machines are joined: a file has its price too
_LAST_KEY: Final = {"errors": CODE, "maintenance": COMPONENT, "failures": MODE}


def ingest(
    raw: RawTables, contract: Contract, *, max_rejected_share: float | None = None, hash_key: bytes | None = None
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

    Raises
    ------
    DataError
        If too many rows are refused, time zones are mixed, no telemetry is left, or the secret is
        missing; all breaches are listed.
    """
    examined = examine(raw, contract, max_rejected_share=max_rejected_share, hash_key=hash_key)
    if examined.breaches or examined.canonical is None:
        where = f"raw files break datasets/{contract.name}.yaml v{contract.version}. Fix the files or the contract, " \
                f"or raise limits.max_rejected_share in it"
        raise DataError(bullet_list(where, examined.breaches))
    return examined.canonical


def examine(
    raw: RawTables, contract: Contract, *, max_rejected_share: float | None = None, hash_key: bytes | None = None
) -> Examined:
    """Everything about the raw files: what became of each row, what breaks the contract, what looks wrong.

    Parameters are those of `ingest`.

    Raises
    ------
    DataError
        If the secret of a keyed hash is missing.
    """
    _check_key(contract, hash_key)
    tables: dict[str, Cleaned] = {
        name: clean_table(name, raw, contract, _key(name, contract), hash_key) for name in contract.tables
    }
    telemetry, listed = tables["telemetry"], tables.get("machines")
    seen = pd.Index(telemetry.frame[MACHINE].unique())
    known = telemetry.named.union(listed.frame[MACHINE].unique() if listed else [])
    for table in tables.values():
        if table is not telemetry:
            copy_to_all(table, sorted(seen), _key(table.name, contract))
            part_unknown(table, seen, known)
    stops = [tables[name].frame if name in tables else None for name in ("failures", "maintenance")]
    telemetry.decide(inside_stops(telemetry.frame, *stops), "excluded", INSIDE)
    lines, unlisted = breaches(tables, max_rejected_share, contract)
    warnings = [f"{table.name}: {line}" for table in with_joins(tables.values()) for line in suspicions(table)]
    rejected = rejected_rows(with_joins(tables.values()))
    counts = {name: counts_of(table) for name, table in tables.items()}
    if telemetry.frame.empty:
        return Examined(counts, rejected, lines, warnings)
    try:
        canonical = _canonical(tables, contract, raw)
    except DataError as err:
        return Examined(counts, rejected, [*lines, str(err)], warnings)
    counts = _counts(tables, canonical, contract)
    counts["machines"]["without_row"] = unlisted
    for name in {line.partition(":")[0] for line in warnings} & set(counts):
        counts[name]["warnings"] = [line for line in warnings if line.startswith(f"{name}:")]
    return Examined(counts, rejected, lines, warnings, Canonical(canonical, rejected, counts))


def _canonical(tables: dict[str, Cleaned], contract: Contract, raw: RawTables) -> dict[str, pd.DataFrame]:
    telemetry = tables["telemetry"]
    canonical: dict[str, pd.DataFrame] = {name: table.frame for name, table in tables.items()}
    if contract.failures.source != "table":
        canonical["failures"] = draw_failures(telemetry, contract, raw.get("test_rul", ()))
    for name in EVENT_KEYS:
        canonical.setdefault(name, _empty(name, telemetry.frame))
    canonical["machines"] = machine_table(telemetry, tables.get("machines"), contract)
    hidden = [contract.failures.column] if contract.failures.source == "flag" else []
    return canonical | {"telemetry": telemetry.frame.drop(columns=hidden)}


def machine_groups(telemetry: pd.DataFrame, machines_per_partition: int) -> list[pd.DataFrame]:
    """Telemetry in groups of whole machines, in order.

    Parameters
    ----------
    telemetry
        Canonical: sorted by machine and time.
    machines_per_partition
        Machines in a group. Neighbouring groups are joined until they hold `ROWS_PER_PARTITION` rows,
        so that many machines with few rows do not become many small files.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": ["a", "b", "b"]})
    >>> [len(group) for group in machine_groups(rows, machines_per_partition=1)]
    [3]
    """
    machine = pd.factorize(telemetry[MACHINE])[0]
    starts = np.flatnonzero(np.r_[True, machine[1:] != machine[:-1]])[::machines_per_partition]
    cuts = [0]
    for start in starts[1:]:
        if start - cuts[-1] >= ROWS_PER_PARTITION:
            cuts.append(int(start))
    if len(cuts) > 1 and len(telemetry) - cuts[-1] < ROWS_PER_PARTITION:
        cuts.pop()
    return [telemetry.iloc[start:end] for start, end in zip(cuts, [*cuts[1:], len(telemetry)], strict=True)]


def _key(name: str, contract: Contract) -> list[str]:
    if name == "machines" or (name == "telemetry" and contract.time.kind == "none"):
        return [MACHINE]
    return EVENT_KEYS.get(name, KEY)


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


def _counts(
    tables: dict[str, Cleaned], canonical: dict[str, pd.DataFrame], contract: Contract
) -> dict[str, dict[str, Any]]:
    counts = {name: counts_of(table) for name, table in tables.items()}
    for name in canonical:
        drawn = name == "failures" and contract.failures.source in {"flag", "end_of_life"}
        if name not in counts or drawn:
            rows = len(canonical[name])
            counts[name] = {"read": rows, "kept": rows, "excluded": {}, "refused": {}, "duplicates_identical": 0,
                            "out_of_order": 0, "drawn_from": "telemetry" if drawn or name == "machines" else "nothing"}
    return counts
