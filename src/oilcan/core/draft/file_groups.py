"""Raw files of one form, and the tables that they are recognised as."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from oilcan.core.draft.column_names import Name
from oilcan.core.draft.seen import Look, SeenFile

TableName = Literal["telemetry", "errors", "maintenance", "failures", "machines", "test_rul"]


@dataclass(frozen=True)
class Group:
    """Files of one form: one raw table."""

    files: list[SeenFile]
    looks: Mapping[Name, Look]
    machine: Name | None
    time: Name | None
    test_files: list[SeenFile] = field(default_factory=list)
    file_of_row: pd.Series = field(default_factory=lambda: pd.Series(dtype="str"))
    clock: Name | None = None                       # time of day, where `time` holds the date alone
    until: Name | None = None                       # end of an event that lasts
    pivot: tuple[Name, Name] | None = None          # tag and value of a long table
    optional: frozenset[Name] = frozenset()         # columns that some files lack
    joined: list[SeenFile] = field(default_factory=list)    # one further sensor each, for the same rows

    @property
    def rows(self) -> int:
        """Rows looked at."""
        return sum(len(file.frame) for file in self.files)

    def files_text(self, name: Name) -> pd.Series:
        """Stripped cells of a column, over all files that have it."""
        return pd.concat([file.frame[name].str.strip() for file in self.files if name in file.frame])

    def id_values(self) -> pd.Series:
        """Machine ids as text; one machine for each file where no column names it."""
        if self.machine is None:
            return self.file_of_row
        return self.looks[self.machine].values.astype("str")


@dataclass(frozen=True)
class Guess:
    """The tables recognised, and files that fit none."""

    tables: dict[TableName, Group]
    unused: list[SeenFile]
    empty: list[SeenFile]
    kind: Literal["instant", "cycle", "elapsed", "none"]
    unit: str = "h"                                 # of elapsed time: s, min or h
