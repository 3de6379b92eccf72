"""Words of one table: how its files are cut into records, what a cell means, which records count.

`docs/decisions/0045-the-contract-language.md` says why these words and no others.
"""

import re
from typing import Annotated, Final, Literal

import pydantic

from oilcan.contract.part import Part
from oilcan.ground.durations import Duration
from oilcan.ground.expression_grammar import cells_used

ColumnType = Literal["integer", "number", "flag", "text", "instant"]
Thousands = Literal[".", ",", " ", "'", "_"]        # a blank includes narrow and no-break blanks
Locale = Literal["cs", "da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv"]
Label = str | int                                   # of a raw column: its name, or its position from 0
ROW_NUMBER: Final = "row_number"
FILE_NAME: Final = "file_name"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as err:
        raise ValueError(f"not a regular expression ({err})") from None
    return text


Regex = Annotated[str, pydantic.AfterValidator(_pattern)]


class Column(Part):
    """One canonical column, and how to get it from the raw one."""

    type: ColumnType
    unit: str
    description: str
    source: str | int | list[str | int] | None = pydantic.Field(default=None, alias="from")  # list: joined cells
    join: str | None = None                         # name of the join of the table whose files hold the column
    from_path: Regex | None = None                  # first group of the match in the file's path, or the whole match
    from_tag: str | None = None                     # of a table with `pivot`: the value of the records with this tag
    from_cells: str | None = None                   # an expression over the record's cells: `mean(x[0:60])`
    optional: bool = False                          # a whole file may lack the column
    map: dict[str, str | None] = {}                 # spelling in the file -> value; null: missing
    range: tuple[float | None, float | None] | None = None       # physically possible, after conversion
    nullable: bool = False
    values: list[str] | None = None                 # allowed texts
    factor: float = 1.0                             # canonical = raw * factor + offset
    offset: float = 0.0
    format: str | None = None                       # of an instant, strptime or epoch_s, ...; ISO 8601 if absent
    zone: str | None = None                         # of an instant: zone of cells without offset; else the table's
    locale: Locale | None = None                    # of an instant: language of month names; else the table's
    thousands: Thousands | None = None              # of a number; else the table's
    shift: Duration | None = None                   # of an instant: a daily mean is known a day after its stamp
    role: Literal["sensor", "condition", "static", "label", "group", "ignore"] = "sensor"
    personal: Literal["drop", "hash"] | None = None  # never kept in clear; hash = keyed by OILCAN_HASH_KEY

    @pydantic.field_validator("range", mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    def is_made(self) -> bool:
        """True if the value comes from the file's name, the record's number, a tag or an expression."""
        return self.source in (ROW_NUMBER, FILE_NAME) or any((self.from_path, self.from_tag, self.from_cells))

    def may_be_missing(self) -> bool:
        """True if a canonical cell can be missing: single cells, or those of files without the column."""
        return self.nullable or self.optional

    def from_label(self, label: Label) -> "Column":
        """The same column, taken from another raw column."""
        return self.model_copy(update={"source": label, "from_path": None, "from_cells": None})

    def as_canonical(self) -> "Column":
        """The same column where names, units and spellings are the contract's already.

        Examples
        --------
        >>> Column(type="number", unit="bar", description="Oil", **{"from": "kPa"}, factor=0.01).as_canonical().factor
        1.0
        """
        return self.model_copy(update={
            "source": None, "join": None, "from_path": None, "from_tag": None, "from_cells": None, "map": {},
            "factor": 1.0, "offset": 0.0, "format": None, "zone": None, "locale": None, "thousands": None,
            "shift": None})

    def raw_labels(self, name: str) -> list[Label]:
        """Labels of the raw columns that the column called `name` is made from.

        Examples
        --------
        >>> Column(type="number", unit="K", description="Mean", from_cells="mean(x[1:4])").raw_labels("t")
        [1, 2, 3]
        >>> Column(type="number", unit="K", description="Oven").raw_labels("oven_k")
        ['oven_k']
        """
        if self.from_cells is not None:
            return list(cells_used(self.from_cells))
        if self.is_made():
            return []
        if isinstance(self.source, list):
            return [label for label in self.source if label not in (ROW_NUMBER, FILE_NAME)]
        return [name if self.source is None else self.source]


class RowFilter(Part):
    """Rows where one column equals a value, is one of several, matches a pattern, or is missing."""

    column: str
    equals: str | int | float | bool | None = None
    among: list[str | int | float | bool] | None = pydantic.Field(default=None, alias="in")
    matches: Regex | None = None                    # somewhere in the text of the canonical value
    missing: bool | None = None                     # true: missing; false: present
    reason: str

    def words(self) -> str:
        """What it says about the column, for people.

        Examples
        --------
        >>> RowFilter.model_validate({"column": "site", "in": ["A", "B"], "reason": "pilot"}).words()
        'in A, B'
        """
        if self.missing is not None:
            return "missing" if self.missing else "present"
        if self.among is not None:
            return f"in {', '.join(map(str, self.among))}"
        return f"matches {self.matches}" if self.matches is not None else f"= {self.equals}"


class Pivot(Part):
    """A long table: each record holds the name of a tag and its value."""

    tag: Label                                      # raw column of the tag's name
    value: Label                                    # raw column of its value


class Reading(Part):
    """How files are cut into records and cells."""

    files: list[str] = pydantic.Field(min_length=1)  # globs below data/raw/<name>/
    format: Literal["csv", "parquet", "excel"] = "csv"  # csv may be gzip-compressed, with or without a BOM
    sheet: str | int = 0                            # excel: name of the sheet, or its position from 0
    separator: str = ","                            # `blank` for any white space
    quote: Annotated[str, pydantic.Field(pattern=r"^([!-/:-@\[-`{-~]|none)$")] = '"'  # `none`: marks are plain text
    decimal: Literal[".", ","] = "."
    thousands: Thousands | None = None              # mark between groups of three digits
    zone: str | None = None                         # zone of its instants that carry no offset; absent: time.zone
    locale: Locale | None = None                    # language of its month names; absent: English
    header: bool = True                             # without one, `from` gives positions
    skip_lines: int = pydantic.Field(default=0, ge=0)   # physical lines above the header or the first record
    skip_rows: int = pydantic.Field(default=0, ge=0)    # records right below the header, such as a row of units
    comment: str | None = pydantic.Field(default=None, min_length=1)  # lines that begin with it are not records
    encoding: str = "utf-8"
    missing: list[str] = [""]                       # marks of a missing value
    unlisted: Literal["refuse", "ignore"] = "refuse"  # columns (or tags) of the file that are not below


class Join(Reading):
    """Other files that hold further columns of the same records."""

    # canonical key columns, where need be with their label in these files; or: the n-th record belongs to the n-th
    by: list[str] | dict[str, Label] | Literal["row_order"]

    def labels(self) -> dict[str, Label | None]:
        """Canonical key columns, each with its label in the files of the join, None if it is the usual one."""
        if isinstance(self.by, dict):
            return dict(self.by)
        return {} if self.by == "row_order" else dict.fromkeys(self.by)


class Table(Reading):
    """A raw table: its files, how to read them, its columns."""

    grain: str
    test_files: list[str] = []                      # run to failure: lives cut short, ids get the prefix `test-`
    pivot: Pivot | None = None                      # a long table: one record per tag
    join: dict[str, Join] = {}                      # further columns of the same records
    only: list[RowFilter] = []                      # records that count; the others are left out, counted
    exclude: list[RowFilter] = []                   # records that are left out, counted, with the reason
    all_machines: list[str] = []                    # texts of machine_id that mean every machine of the telemetry
    replaced: list[str] = []                        # of maintenance: components whose record begins a new reference
    max_rejected_share: float | None = pydantic.Field(default=None, ge=0, le=1)     # absent: limits.max_rejected_share
    unknown_machines: Literal["refuse", "ignore"] = "refuse"  # rows of machines that no other table knows
    columns: dict[str, Column]

    def as_canonical(self) -> "Table":
        """The table's words where its cells are typed: no mark of a missing value, no spelling of numbers."""
        return self.model_copy(update={"missing": [""], "decimal": ".", "thousands": None, "zone": None,
                                       "locale": None, "pivot": None})

    def view(self, join: str | None) -> "Table":
        """What the table's own files hold (`join` is None), or those of one join: their words and columns."""
        own = {name: column for name, column in self.columns.items() if column.join == join}
        if join is None:
            return self if len(own) == len(self.columns) else self.model_copy(update={"columns": own, "join": {}})
        part = self.join[join]
        keys = {key: self.columns[key] if label is None else self.columns[key].from_label(label)
                for key, label in part.labels().items()}
        words = {word: getattr(part, word) for word in Reading.model_fields}
        return Table.model_construct(grain=self.grain, columns=keys | own, **words)
