"""What the numbers of a stored reading mean: columns, units, kind of time."""

from collections.abc import Sequence
from dataclasses import dataclass

from oilcan.contract import Column, Contract
from oilcan.ground.time_units import UNITS_PER_TICK


@dataclass(frozen=True)
class Layout:
    """What the numbers of a reading mean: the columns in order, their units, and whose data they are.

    Attributes
    ----------
    dataset, contract_version, time
        Name, version and kind of time (`instant`, `cycle`) of the contract.
    columns, units
        Telemetry columns in the order of `Readings.values`, and the unit of each.
    period
        Usual step between readings of a machine, in units of time; 0 if nobody knows. Only for speed.
    """

    dataset: str
    contract_version: int
    time: str
    columns: tuple[str, ...]
    units: tuple[str, ...]
    period: int = 0


def layout_of(contract: Contract, columns: Sequence[str]) -> Layout:
    """The layout of some telemetry columns of a contract, in the order given."""
    known = contract.tables["telemetry"].columns
    units = tuple(known[name].unit if name in known else contract.derived[name].unit for name in columns)
    period = contract.time.period
    return Layout(contract.name, contract.version, contract.time.kind, tuple(columns), units,
                  0 if period is None else max(1, round(period.ticks * UNITS_PER_TICK[contract.time.kind])))


def stored_columns(contract: Contract) -> dict[str, Column]:
    """Telemetry columns that a service stores, as numbers: all that a feature may read."""
    listed = contract.tables["telemetry"].columns
    return {name: listed[name] for name in contract.telemetry_columns("sensor", "condition", "static")
            if name in listed and listed[name].type != "instant"}
