"""Values of nodes -> parts of readings, or why a value cannot be used."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from asyncua import ua

from oilcan.gateway.row_queue import Row
from oilcan.gateway.source_times import Instants
from oilcan.gateway.unreadable import Unreadable, single_value

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_OVERFLOW: Final = 0x480        # "data value" and "overflow" of a status code: the server's queue dropped values before


@dataclass(frozen=True, slots=True)
class Mapped:
    """A node and what it is to us; `node` is its name in gateway.yaml."""

    node: str
    machine: str
    column: str


@dataclass(frozen=True, slots=True)
class NodeValue:
    """One value of a node.

    Attributes
    ----------
    microseconds
        Since 1970; None where the server gave no time.
    content
        The value as JSON can hold it; None if the node has no value, or one that cannot be used.
    fault
        Why it cannot be used: *found, wanted*; None where it can.
    original
        What came, for people.
    """

    node: str
    machine: str
    column: str
    microseconds: int | None
    content: Any
    fault: str | None
    original: Any

    @classmethod
    def read(cls, mapped: Mapped, value: ua.DataValue, timestamp: str) -> "NodeValue":
        """What a value of the server means.

        Examples
        --------
        >>> value = ua.DataValue(ua.Variant(7.5), ua.StatusCode("BadSensorFailure"), SourceTimestamp=_EPOCH)
        >>> taken = NodeValue.read(Mapped("ns=2;s=M1.Load", "M1", "load_pct"), value, "source")
        >>> taken.microseconds, taken.content, taken.fault
        (0, None, 'status: found BadSensorFailure, wanted Good')
        """
        time = value.SourceTimestamp if timestamp == "source" else value.ServerTimestamp
        original = value.Value.Value if value.Value is not None else None
        content, fault = None, None
        try:
            content = _content(mapped.column, value, original)
            if time is None:
                raise Unreadable(f"{timestamp} timestamp: found none, wanted one")
        except Unreadable as err:
            content, fault = None, str(err)
        return cls(mapped.node, mapped.machine, mapped.column, None if time is None else _microseconds(time), content,
                   fault, original)

    def kept(self) -> dict[str, Any]:
        """The value for the file of what was kept aside."""
        time = None if self.microseconds is None else (_EPOCH + self.microseconds * _MICROSECOND).isoformat()
        is_plain = self.original is None or isinstance(self.original, (bool, int, str)) or (
            isinstance(self.original, float) and math.isfinite(self.original))
        return {"machine_id": self.machine, "time": time,
                self.column: self.original if is_plain else str(self.original)}


def _content(column: str, value: ua.DataValue, original: Any) -> Any:
    status = value.StatusCode
    if status is not None and not status.is_good():
        raise Unreadable(f"status: found {status.name}, wanted Good")
    return single_value(column, original)


def _microseconds(time: datetime) -> int:
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


def dropped_before(value: ua.DataValue) -> bool:
    """Whether the server dropped values of the node before this one, because its queue was full.

    Examples
    --------
    >>> dropped_before(ua.DataValue(StatusCode=ua.StatusCode(0x480))), dropped_before(ua.DataValue())
    (True, False)
    """
    return value.StatusCode is not None and value.StatusCode.value & _OVERFLOW == _OVERFLOW


def rows_of(values: Iterable[NodeValue], instants: Instants) -> Iterator[Row]:
    """Readings: values of one machine and time together; a value that contradicts goes its own way.

    What holds no usable value is no reading.

    Examples
    --------
    >>> values = [NodeValue("a", "M1", "load", 0, 7, None, 7), NodeValue("b", "M1", "speed", 0, 8, None, 8),
    ...           NodeValue("a", "M1", "load", 0, 9, None, 9)]
    >>> [row.values for row in rows_of(values, Instants(None))]
    [{'load': 7, 'speed': 8}, {'load': 9}]
    """
    rows: dict[tuple[str, str], Row] = {}
    more = []
    for value in values:
        if value.microseconds is None:
            continue
        time = instants.of_microseconds(value.microseconds)
        row = rows.setdefault((value.machine, time), Row(value.machine, time, {}))
        if row.values.setdefault(value.column, value.content) != value.content:
            more.append(Row(value.machine, time, {value.column: value.content}))
    yield from (row for row in [*rows.values(), *more] if any(content is not None for content in row.values.values()))
