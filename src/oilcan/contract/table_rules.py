"""Rules over the source and the tables of a contract; each yields the breaches it finds."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from oilcan.contract.words import Contract
from oilcan.ground.columns import EVENT_KEYS, KEY, MACHINE, TIME


def source_rules(contract: Contract) -> Iterator[str]:
    """Paths below the data set's folder, and a sha256 for every file that is downloaded."""
    pins = {file.path: file.sha256 for file in contract.source.files}
    for at, file in enumerate(contract.source.files):
        if PurePosixPath(file.path).is_absolute() or ".." in PurePosixPath(file.path).parts or "\\" in file.path:
            yield f"source.files.{at}.path: must lie below data/raw/{contract.name} (found {file.path!r})"
    for at, download in enumerate(contract.source.downloads):
        where = f"source.downloads.{at}"
        is_zip = download.unpack == "zip"
        if (download.path is None) != is_zip or bool(download.members) != is_zip:
            yield f"{where}: a zip needs `members`, anything else needs `path` (unpack is {download.unpack!r})"
        for path in download.targets():
            if path not in pins:
                yield f"{where}: {path!r} is not among source.files (found {sorted(pins)})"
            elif download.sha256 is None and pins[path] is None:
                yield f"{where}: neither the download nor {path!r} in source.files has a sha256"


def table_rules(contract: Contract) -> Iterator[str]:
    """A telemetry table, and in every table its key columns."""
    if "telemetry" not in contract.tables:
        yield "tables.telemetry: missing (wanted: the table of readings or rows)"
        return
    for name, table in contract.tables.items():
        key = _key_of(contract, name)
        for column in key:
            if column not in table.columns:
                yield f"tables.{name}.columns: key column {column!r} is missing"
        for column in key:
            if column in table.columns and table.columns[column].nullable:
                yield f"tables.{name}.columns.{column}: a key column cannot be nullable"


def _key_of(contract: Contract, table: str) -> list[str]:
    if table == "machines" or (table == "telemetry" and contract.time.kind == "none"):
        return [MACHINE]
    return EVENT_KEYS.get(table, [MACHINE, TIME])


def column_rules(contract: Contract) -> Iterator[str]:
    """Words of one column that contradict each other, its table or the way time is counted."""
    for name, table in contract.tables.items():
        for column, spec in table.columns.items():
            where = f"tables.{name}.columns.{column}"
            wanted = "instant" if contract.time.kind == "instant" else "integer"
            if column == TIME and spec.type != wanted:
                yield f"{where}: type is {spec.type!r}, wanted {wanted!r} because time.kind is {contract.time.kind!r}"
            if not table.header and table.format == "csv" and not isinstance(spec.source, int):
                yield f"{where}: a file without header needs `from: <position>` (found {spec.source!r})"
            if spec.range and None not in spec.range and spec.range[0] >= spec.range[1]:  # type: ignore[operator]
                yield f"{where}.range: lower end is not below the upper (found {list(spec.range)})"
            if (spec.factor, spec.offset) != (1.0, 0.0) and spec.type not in {"number", "integer"}:
                yield f"{where}: factor and offset are for numbers (type is {spec.type!r})"
            if spec.shift is not None and (spec.type != "instant" or spec.shift.counts_cycles):
                yield f"{where}.shift: a length of time, and only for instants (found {spec.shift}, {spec.type!r})"
            if spec.personal is not None and (spec.type != "text" or (column in KEY and spec.personal == "drop")):
                yield f"{where}.personal: text can be hashed or dropped, a key column only hashed (found {spec.type!r})"
        for at, exclusion in enumerate(table.exclude):
            if exclusion.column not in table.columns:
                yield f"tables.{name}.exclude.{at}.column: no column below (found {exclusion.column!r})"
    for column in contract.derived:
        if column in contract.tables["telemetry"].columns:
            yield f"derived.{column}: a telemetry column has that name already"
