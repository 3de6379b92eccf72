"""Rules over the source and the tables of a contract; each yields the breaches it finds."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from oilcan.contract.table_words import Table
from oilcan.contract.words import Contract
from oilcan.ground.columns import COMPONENT, EVENT_KEYS, KEY, MACHINE, TIME
from oilcan.ground.expression_grammar import check_expression


def source_rules(contract: Contract) -> Iterator[str]:
    """Paths below the data set's folder, and a sha256 for every file that is downloaded."""
    pins = {file.path: file.sha256 for file in contract.source.files}
    for at, file in enumerate(contract.source.files):
        if PurePosixPath(file.path).is_absolute() or ".." in PurePosixPath(file.path).parts or "\\" in file.path:
            yield f"source.files.{at}.path: must lie below data/raw/{contract.name} (found {file.path!r})"
    for at, query in enumerate(contract.source.queries):
        if query.path not in pins:
            yield (f"source.queries.{at}.path: {query.path!r} is not among source.files (found {sorted(pins)}; wanted "
                   f"`{{path: {query.path}, sha256: null}}`, which the first `oilcan dataset fetch` fills in)")
        if not query.path.endswith(".parquet"):
            yield f"source.queries.{at}.path: the answer is a Parquet file (found {query.path!r})"
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


def _replaced_rules(name: str, table: Table) -> Iterator[str]:
    """Replaced parts are components of the maintenance table, and among its values where it lists them."""
    if table.replaced and name != "maintenance":
        yield f"tables.{name}.replaced: only maintenance records say that a part was replaced. Move it to maintenance."
        return
    listed = table.columns[COMPONENT].values if COMPONENT in table.columns else None
    unknown = sorted(set(table.replaced) - set(listed)) if listed is not None else []
    if unknown:
        yield (f"tables.maintenance.replaced: not among columns.{COMPONENT}.values (found {unknown}, wanted some of "
               f"{sorted(listed or [])})")


def _key_of(contract: Contract, table: str) -> list[str]:
    if table == "machines" or (table == "telemetry" and contract.time.kind == "none"):
        return [MACHINE]
    return EVENT_KEYS.get(table, [MACHINE, TIME])


def column_rules(contract: Contract) -> Iterator[str]:
    """Words of one column that contradict each other, its table or the way time is counted."""
    for name, table in contract.tables.items():
        yield from join_rules(name, table)
        for join in (None, *table.join):
            if not any(column.join not in (None, *table.join) for column in table.columns.values()):
                yield from origin_rules(f"tables.{name}", table.view(join))
        for column, spec in table.columns.items():
            where = f"tables.{name}.columns.{column}"
            wanted = {"instant": "instant", "elapsed": "number"}.get(contract.time.kind, "integer")
            if column == TIME and spec.type != wanted:
                yield f"{where}: type is {spec.type!r}, wanted {wanted!r} because time.kind is {contract.time.kind!r}"
            if spec.range and None not in spec.range and spec.range[0] >= spec.range[1]:  # type: ignore[operator]
                yield f"{where}.range: lower end is not below the upper (found {list(spec.range)})"
            if (spec.factor, spec.offset) != (1.0, 0.0) and spec.type not in {"number", "integer"}:
                yield f"{where}: factor and offset are for numbers (type is {spec.type!r})"
            if spec.shift is not None and (spec.type != "instant" or spec.shift.counts_cycles):
                yield f"{where}.shift: a length of time, and only for instants (found {spec.shift}, {spec.type!r})"
            if spec.personal is not None and (spec.type != "text" or (column in KEY and spec.personal == "drop")):
                yield f"{where}.personal: text can be hashed or dropped, a key column only hashed (found {spec.type!r})"
        yield from filter_rules(name, table)
        yield from _replaced_rules(name, table)
    for column in contract.derived:
        if column in contract.tables["telemetry"].columns:
            yield f"derived.{column}: a telemetry column has that name already"


def origin_rules(where: str, table: Table) -> Iterator[str]:
    """Where a cell comes from: one origin per column, and one that the file can give."""
    for column, spec in table.columns.items():
        here = f"{where}.columns.{column}"
        origins = [word for word in ("from", "from_path", "from_tag", "from_cells")
                   if getattr(spec, "source" if word == "from" else word) is not None]
        if len(origins) > 1:
            yield f"{here}: a column has one origin (found {', '.join(origins)})"
        if not table.header and table.format == "csv" and not spec.is_made() and not all(
                isinstance(label, int) for label in spec.raw_labels(column)):
            yield f"{here}: a file without header needs `from: <position>` (found {spec.source!r})"
        if spec.from_tag is not None and table.pivot is None:
            yield f"{here}.from_tag: only in a table with `pivot: {{tag: ..., value: ...}}`"
        if spec.from_cells is not None:
            if table.format != "csv":
                yield f"{here}.from_cells: cells have positions in csv and excel files only (found {table.format!r})"
            for fault in check_expression(spec.from_cells, [], has_cells=True):
                yield f"{here}.from_cells: {fault}"
        if spec.map and (spec.from_cells is not None or spec.type == "instant"):
            yield f"{here}.map: only for cells of the file that are not instants"
    tags = [spec.from_tag for spec in table.columns.values() if spec.from_tag is not None]
    if table.pivot is not None and len(set(tags)) < max(len(tags), 1):
        yield f"{where}.pivot: wanted columns with `from_tag`, each another tag (found {sorted(tags)})"


def filter_rules(name: str, table: Table) -> Iterator[str]:
    """`only` and `exclude` name a column and one condition on it."""
    for word, filters in (("only", table.only), ("exclude", table.exclude)):
        for at, entry in enumerate(filters):
            where = f"tables.{name}.{word}.{at}"
            if entry.column not in table.columns:
                yield f"{where}.column: no column below (found {entry.column!r})"
                continue
            given = [test for test in ("equals", "among", "matches", "missing") if getattr(entry, test) is not None]
            if len(given) != 1:
                yield f"{where}: wanted one of equals, in, matches, missing (found {len(given)})"
            if entry.matches is not None and table.columns[entry.column].type != "text":
                yield f"{where}.matches: only for text (found {table.columns[entry.column].type!r})"


def join_rules(name: str, table: Table) -> Iterator[str]:
    """Joins have key columns that the table has, and columns that name them."""
    for join, part in table.join.items():
        where = f"tables.{name}.join.{join}"
        for key in part.labels():
            if key not in table.columns or table.columns[key].join is not None:
                yield f"{where}.by: {key!r} is not a column of the table's own files"
        if not any(column.join == join for column in table.columns.values()):
            yield f"{where}: no column says `join: {join}`"
        if table.pivot is not None:
            yield f"{where}: a table with `pivot` cannot be joined. Make the long files the telemetry alone"
    for column, spec in table.columns.items():
        if spec.join is not None and spec.join not in table.join:
            yield f"tables.{name}.columns.{column}.join: no such join (found {spec.join!r}, known {sorted(table.join)})"
        if spec.optional and column in KEY:
            yield f"tables.{name}.columns.{column}.optional: a key column cannot be absent"
