"""Read raw files by their contract, in memory, and list everything that is wrong with them."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from oilcan.contract import Contract, Time
from oilcan.core.ingest import Examined, examine
from oilcan.ground.columns import TIME
from oilcan.ground.time_units import elapsed_words
from oilcan.io.raw_data import reading
from oilcan.io.repository.repository_root import short
from oilcan.io.stage import stage_inputs

_EXAMPLES = 3


def check(root: Path, name: str, folder: Path | None, *, say: Callable[[str], None]) -> list[str]:
    """Ingest the raw files of a data set without writing anything.

    Parameters
    ----------
    folder
        Of the raw files; data/raw/<name> where it is None.
    say
        Receives lines for people while the files are read: counts and span of each table, failures.

    Returns
    -------
    Everything for which the pipeline would refuse the files, or that is physically impossible; empty if all is well.

    Raises
    ------
    ContractError, DataError
        If the contract is not valid, or a file cannot be read by it.
    """
    contract = stage_inputs.read_contract(root / "datasets" / f"{name}.yaml")
    place = folder or root / "data/raw" / name
    say(f"{short(root / 'datasets' / f'{name}.yaml')}: valid, v{contract.version}; reading {short(place)}")
    hash_key = os.environ.get("OILCAN_HASH_KEY", "").encode()
    examined = examine(reading.read_raw(contract, place), contract, hash_key=hash_key)
    problems = list(examined.breaches)
    for table in contract.tables:
        say(f"\n{table}: {_counts(examined, table)}{_span(examined, table, contract.time)}")
        problems += _refused(examined, table)
        problems += _impossible(examined, contract, table)
    line, lacking = _failures(examined, contract)
    say(f"\n{line}")
    for warning in examined.warnings:
        say(f"look at it: {warning}")
    return problems + lacking


def _counts(examined: Examined, table: str) -> str:
    counts = examined.counts[table]
    parts = [f"{counts['read']:,} rows read, {counts['kept']:,} kept"]
    parts += [f"{number:,} left out ({reason})" for reason, number in counts["excluded"].items()]
    parts += [f"{number:,} refused ({reason})" for reason, number in counts["refused"].items()]
    parts += [f"{counts['duplicates_identical']:,} duplicates dropped"] if counts["duplicates_identical"] else []
    parts += [f"{counts['out_of_order']:,} out of order, sorted"] if counts["out_of_order"] else []
    return ", ".join(parts)


def _span(examined: Examined, table: str, time: Time) -> str:
    if examined.canonical is None:
        return ""
    frame = examined.canonical.tables[table]
    machines = f", {frame['machine_id'].nunique():,} machines" if "machine_id" in frame else ""
    if TIME not in frame or frame.empty:
        return machines
    return f"{machines}, {_short_time(frame[TIME].min(), time)} to {_short_time(frame[TIME].max(), time)}"


def _short_time(value: object, time: Time) -> str:
    if time.kind == "elapsed" and isinstance(value, pd.Timestamp):
        return elapsed_words(value.value // 1000, time.unit)
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, pd.Timestamp) else f"cycle {value}"


def _refused(examined: Examined, table: str) -> list[str]:
    """One problem for each reason that no breach names yet, with its first examples."""
    rejected = examined.rejected[examined.rejected["table"] == table]
    lines = []
    for reason, number in examined.counts[table]["refused"].items():
        if any(line.startswith(f"{table}:") and repr(reason) in line for line in examined.breaches):
            continue
        first = rejected[rejected["reason"] == reason].head(_EXAMPLES)
        shown = "; ".join(f"{row.file} row {row.row}: {_shortened(str(row.content))}" for row in first.itertuples())
        hint = _known_machines(examined) if reason == "unknown machine" else ""
        lines.append(f"{table}: {number:,} rows refused: {reason} ({shown}){hint}")
    return lines


def _known_machines(examined: Examined) -> str:
    if examined.canonical is None:
        return ""
    names = [repr(name) for name in examined.canonical.tables["machines"]["machine_id"].head(_EXAMPLES)]
    return f"; the telemetry has {', '.join(names)}, ...: write identifiers alike in all files"


def _shortened(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."


def _impossible(examined: Examined, contract: Contract, table: str) -> list[str]:
    """Readings outside the physical range, by column."""
    if examined.canonical is None:
        return []
    lines, frame = [], examined.canonical.tables[table]
    for name, column in contract.tables[table].columns.items():  # type: ignore[index]  # a key of the same mapping
        if column.range is None or name not in frame:
            continue
        low, high = column.range
        values = pd.to_numeric(frame[name], errors="coerce")
        wrong = pd.Series(False, index=frame.index)
        if low is not None:
            wrong |= values < low
        if high is not None:
            wrong |= values > high
        if wrong.any():
            share = f"{int(wrong.sum()):,} of {len(frame):,} readings"
            lines.append(f"{table}.{name}: {share} outside {list(column.range)} {column.unit} "
                         f"(seen {values.min():g} to {values.max():g})")
    return lines


def _failures(examined: Examined, contract: Contract) -> tuple[str, list[str]]:
    """The failures, or labels, in a line; and a problem where there are none to learn from."""
    canonical = examined.canonical
    if canonical is None:
        return "failures: not looked for, as no telemetry is left", []
    failures = canonical.tables["failures"]
    if contract.failures.source == "none":
        return _labels(canonical.tables, contract)
    modes = failures["mode"].value_counts().sort_index()
    line = (f"failures found: {len(failures):,}, of {failures['machine_id'].nunique():,} machines ("
            + ", ".join(f"{mode} {number:,}" for mode, number in modes.items()) + ")")
    return line, [] if len(failures) else [
        "failures: none found, so nothing can be learned. Look at `failures` in the contract"]


def _labels(tables: dict[str, pd.DataFrame], contract: Contract) -> tuple[str, list[str]]:
    """What the columns to be forecast hold; and a problem for each that never varies."""
    words, problems = [], []
    for column in dict.fromkeys(str(task.column) for task in contract.tasks.values() if task.column):
        table = "telemetry" if column in tables["telemetry"] else "labels"
        values = tables[table][column].dropna()
        if pd.api.types.is_bool_dtype(values.dtype):
            words.append(f"{column} true in {int(values.sum()):,} rows")
            problems += [] if values.any() else [f"{table}.{column}: never true, so nothing can be learned"]
            continue
        if pd.api.types.is_numeric_dtype(values.dtype):
            words.append(f"{column} {values.min():g} to {values.max():g} in {len(values):,} rows")
        else:
            words.append(f"{column} " + ", ".join(f"{name} {number:,}" for name, number in
                                                  values.value_counts().sort_index().items()))
        if values.nunique() < 2:
            problems.append(f"{table}.{column}: never varies, so nothing can be learned")
    return "labels: " + "; ".join(words), problems
