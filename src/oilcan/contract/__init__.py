"""The data-set contract: one YAML file that is the whole adapter of a data set."""

from oilcan.contract.parsing import UNKNOWN, parse_contract
from oilcan.contract.source_words import Download, Query, RawFile, Source
from oilcan.contract.table_words import Column, Join, Pivot, Reading, RowFilter, Table
from oilcan.contract.words import Alarms, Contract, Costs, Derived, Failures, Limits, Rows, Split, Task, Time

__all__ = [
    "UNKNOWN",
    "Alarms",
    "Column",
    "Contract",
    "Costs",
    "Derived",
    "Download",
    "Failures",
    "Join",
    "Limits",
    "Pivot",
    "Query",
    "RawFile",
    "Reading",
    "RowFilter",
    "Rows",
    "Source",
    "Split",
    "Table",
    "Task",
    "Time",
    "parse_contract",
]
