"""The data-set contract: one YAML file that is the whole adapter of a data set."""

from oilcan.contract.model import (
    Alarms,
    Column,
    Contract,
    Costs,
    Derived,
    Download,
    Exclusion,
    Failures,
    RawFile,
    Rows,
    Source,
    Split,
    Table,
    Task,
    Time,
)
from oilcan.contract.reading import UNKNOWN, parse_contract

__all__ = [
    "UNKNOWN",
    "Alarms",
    "Column",
    "Contract",
    "Costs",
    "Derived",
    "Download",
    "Exclusion",
    "Failures",
    "RawFile",
    "Rows",
    "Source",
    "Split",
    "Table",
    "Task",
    "Time",
    "parse_contract",
]
