"""Which columns of a file does the contract want, and does the file have them?"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from oilcan.contract import Column, Table
from oilcan.contract.table_words import FILE_NAME, ROW_NUMBER, Label
from oilcan.ground.columns import IDENTIFIERS
from oilcan.ground.errors import DataError


def wanted_columns(table: Table, held: Sequence[Any], file: str) -> list[Label]:
    """Labels of the listed columns in a file, in the contract's order.

    A column with `optional: true` may be absent. Columns that come from the file's name, its path or
    the number of the record have no label.

    Parameters
    ----------
    table, file
        The contract's table, and the file's name in messages.
    held
        The file's own labels: names, or positions without a header.

    Raises
    ------
    DataError
        If a column is missing, ambiguous or not listed. Every difference is listed.
    """
    if not table.columns:
        return list(held)
    needed, optional = _labels(table, optional=False), _labels(table, optional=True)
    listed, names = dict.fromkeys([*needed, *optional]), set(held)
    at = {label: held[label] for label in listed if isinstance(label, int) and label < len(held)}
    missing = [label for label in needed if label not in names and label not in at]
    extra = [label for label in held if label not in listed and label not in set(at.values())]
    lines = [f"{file}: column {label!r} is missing (found {short(held)})" for label in missing]
    lines += [f"{file}: if some files lack a column, say `optional: true`; if the file's name holds it, say "
              f"`from: file_name` or `from_path`"] if missing else []
    lines += _ambiguous(table, held, file)
    if extra and table.unlisted == "refuse" and table.pivot is None:
        lines.append(f"{file}: columns {short(extra)} are not listed; list them, or say `unlisted: ignore`")
    if lines:
        raise DataError("\n".join(lines))
    return [label for label in listed if label in names or label in at]


def number_labels(table: Table) -> set[Label]:
    """Columns to be read as numbers; identifiers and mapped spellings stay as they are written."""
    def is_number(name: str, column: Column) -> bool:
        return column.type in {"number", "integer"} and name not in IDENTIFIERS and not column.map

    labels: set[Label] = {
        label
        for name, column in table.columns.items()
        if is_number(name, column)
        for label in column.raw_labels(name)
    }
    tagged = [is_number(name, column) for name, column in table.columns.items() if column.from_tag is not None]
    return labels | {table.pivot.value} if table.pivot is not None and all(tagged) else labels


def text_labels(table: Table) -> set[Label]:
    """Columns whose cells stay text: identifiers, whatever their type, and texts."""
    return {label for name, column in table.columns.items() if name in IDENTIFIERS or column.type == "text"
            for label in column.raw_labels(name)}


def short(labels: Sequence[Any]) -> str:
    """The first dozen labels, for a message."""
    return ", ".join(repr(label) for label in labels[:12]) + (f", ... ({len(labels)})" if len(labels) > 12 else "")


def _labels(table: Table, *, optional: bool) -> list[Label]:
    labels: list[Label] = [label for name, column in table.columns.items() if column.optional == optional
                           for label in column.raw_labels(name)]
    if table.pivot is not None and not optional:
        labels += [table.pivot.tag, table.pivot.value]
    return labels


def _ambiguous(table: Table, held: Sequence[Any], file: str) -> list[str]:
    listed = {*_labels(table, optional=False), *_labels(table, optional=True)}
    twins = sorted(str(name) for name, times in Counter(held).items() if times > 1 and name in listed)
    lines = [f"{file}: two columns are called {label!r}; give one another name, or name it by its position"
             for label in twins]
    for name, column in table.columns.items():
        for word in column.source if isinstance(column.source, list) else [column.source]:
            if word in (ROW_NUMBER, FILE_NAME) and word in held:
                lines.append(f"{file}: `from: {word}` of {name} is ambiguous, the file has a column of that name; say "
                             f"`from: {list(held).index(word)}` for the column, or rename it")
    return lines
