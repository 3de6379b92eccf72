"""Words of one table: how its files are cut into records, what a cell means, which records count."""

from typing import Annotated, Literal

import pydantic

from oilcan.contract.part import Part
from oilcan.ground.durations import Duration

ColumnType = Literal["integer", "number", "flag", "text", "instant"]


class Column(Part):
    """One canonical column, and how to get it from the raw one."""

    type: ColumnType
    unit: str
    description: str
    source: str | int | None = pydantic.Field(default=None, alias="from")  # raw name, or position from 0
    range: tuple[float | None, float | None] | None = None       # physically possible, after conversion
    nullable: bool = False
    values: list[str] | None = None                 # allowed texts
    factor: float = 1.0                             # canonical = raw * factor + offset
    offset: float = 0.0
    format: str | None = None                       # of an instant, strptime; ISO 8601 if absent
    shift: Duration | None = None                   # of an instant: a daily mean is known a day after its stamp
    role: Literal["sensor", "condition", "static", "label", "ignore"] = "sensor"
    personal: Literal["drop", "hash"] | None = None  # never kept in clear; hash = keyed by OILCAN_HASH_KEY

    @pydantic.field_validator("range", mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class Exclusion(Part):
    """Rows that are known to be wrong and are left out, counted, with the reason."""

    column: str
    equals: str | int | float | bool
    reason: str


class Table(Part):
    """A raw table: its files, how to read them, its columns."""

    grain: str
    files: list[str] = pydantic.Field(min_length=1)  # globs below data/raw/<name>/
    test_files: list[str] = []                      # run to failure: lives cut short, ids get the prefix `test-`
    format: Literal["csv", "parquet"] = "csv"       # csv may be gzip-compressed, with or without a BOM
    separator: str = ","                            # `blank` for any white space
    quote: Annotated[str, pydantic.Field(pattern=r"^([!-/:-@\[-`{-~]|none)$")] = '"'  # `none`: marks are plain text
    decimal: Literal[".", ","] = "."
    header: bool = True                             # without one, `from` gives positions
    encoding: str = "utf-8"
    missing: list[str] = [""]                       # marks of a missing value
    unlisted: Literal["refuse", "ignore"] = "refuse"  # columns of the file that are not below
    exclude: list[Exclusion] = []
    unknown_machines: Literal["refuse", "ignore"] = "refuse"  # rows of machines that no other table knows
    columns: dict[str, Column]
