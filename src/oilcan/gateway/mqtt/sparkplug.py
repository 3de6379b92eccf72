"""Messages of Sparkplug B -> readings: births give names to aliases, sequence numbers show what is missing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from oilcan.gateway.mqtt.sparkplug_births import BirthFiles
from oilcan.gateway.mqtt.sparkplug_payload import parsed, value_of
from oilcan.gateway.row_queue import Row
from oilcan.gateway.source_times import Instants
from oilcan.gateway.unreadable import Unreadable, single_value
from oilcan.params.operating.gateway import SparkplugRules

_ROUND: Final = 256             # sequence numbers
_PARTS: Final = 5               # levels of the topic of a device


@dataclass(frozen=True, slots=True)
class _Named:
    device: str
    name: str
    datatype: int


@dataclass
class _Node:
    """What is known of an edge node."""

    by_alias: dict[int, _Named] = field(default_factory=dict)
    by_name: dict[tuple[str, str], _Named] = field(default_factory=dict)
    births: dict[str, bytes] = field(default_factory=dict)      # device, '' the node itself -> payload
    expected: int | None = None         # sequence number of the next message; None: any
    bd_seq: int | None = None
    born_ms: int = 0
    is_restored: bool = False           # from the disk; no birth has come since the start
    is_whole: bool = False              # a birth has come, and no message is missing since


@dataclass
class Decoded:
    """What a message means.

    Attributes
    ----------
    rows
        Readings, and the columns that make each whole.
    before_ack
        To do before the message is acknowledged, in the order of the messages.
    """

    rows: list[tuple[Row, frozenset[str] | None]] = field(default_factory=list)
    before_ack: Callable[[], None] | None = None


class SparkplugReader:
    """Reads the messages of a group.

    Parameters
    ----------
    ask_rebirth
        Called with the name of an edge node whose aliases are not certain.
    """

    def __init__(self, rules: SparkplugRules, instants: Instants, files: BirthFiles,
                 ask_rebirth: Callable[[str], None]) -> None:
        self._rules, self._instants, self._files, self._ask_rebirth = rules, instants, files, ask_rebirth
        self._start = f"spBv1.0/{rules.group}/"
        self.filters = [f"{self._start}{kind}/+" for kind in ("NBIRTH", "NDATA", "NDEATH")] + [
            f"{self._start}{kind}/+/+" for kind in ("DBIRTH", "DDATA", "DDEATH")]
        self.gaps = 0
        self._nodes: dict[str, _Node] = {}
        for name, births in files.read().items():
            node = self._nodes[name] = _Node(births=births, is_restored=True, is_whole=True)
            for device, payload in births.items():
                self._learn(node, device, parsed(payload))

    def takes(self, topic: str) -> bool:
        """Whether a topic is one of the group."""
        return topic.startswith(self._start)

    def read(self, topic: str, content: bytes, *, is_repeated: bool) -> Decoded:
        """What a message means; `is_repeated`: the broker sent it before and does not know whether it arrived.

        Raises
        ------
        Unreadable
            If it is no Sparkplug message, or its aliases are not certain.
        """
        levels = topic.split("/")
        kind, name, device = levels[2], levels[3], levels[4] if len(levels) == _PARTS else ""
        payload = parsed(content)
        node = self._nodes.setdefault(name, _Node())
        if kind == "NDEATH":
            return self._end(name, node, payload)
        if kind == "NBIRTH":
            node = self._nodes[name] = _Node(is_whole=True)
        missed = self._count(node, payload, is_repeated=is_repeated)
        if missed:
            self.gaps += 1
            node.is_whole = False
        if not node.is_whole:
            self._ask_rebirth(name)
        if kind in {"NBIRTH", "DBIRTH"}:
            return self._birth(name, node, device, content, payload)
        if kind == "DDEATH":
            self._forget(node, device)
            return Decoded(before_ack=self._writing(name, node))
        return Decoded(self._rows(name, node, device, payload, is_repeated=is_repeated))

    def _count(self, node: _Node, payload: Any, *, is_repeated: bool) -> bool:
        """Follow the sequence numbers; whether a message is missing before this one."""
        number = int(payload.seq)
        is_next = node.expected is None or number == node.expected
        if is_next or not is_repeated:
            node.expected = (number + 1) % _ROUND
        return not is_next and not is_repeated

    def _birth(self, name: str, node: _Node, device: str, content: bytes, payload: Any) -> Decoded:
        if not device:
            node.born_ms = int(payload.timestamp)
        self._forget(node, device)
        node.births[device] = content
        self._learn(node, device, payload)
        decoded = Decoded(before_ack=self._writing(name, node))
        if self._rules.birth_values:
            decoded.rows = self._rows(name, node, device, payload, is_repeated=False)
        return decoded

    def _writing(self, name: str, node: _Node) -> Callable[[], None]:
        births = dict(node.births) if "" in node.births else {}     # devices of a node without a birth prove nothing
        return lambda: self._files.write(name, births)

    def _learn(self, node: _Node, device: str, payload: Any) -> None:
        if not device:
            node.born_ms = int(payload.timestamp)
        for metric in payload.metrics:
            if metric.name == "bdSeq" and not device:
                node.bd_seq = int(value_of(metric, metric.datatype) or 0)
            known = _Named(device, metric.name, metric.datatype)
            node.by_name[device, metric.name] = known
            if metric.HasField("alias"):
                node.by_alias[metric.alias] = known

    @staticmethod
    def _forget(node: _Node, device: str) -> None:
        node.births.pop(device, None)
        node.by_name = {key: known for key, known in node.by_name.items() if known.device != device}
        node.by_alias = {alias: known for alias, known in node.by_alias.items() if known.device != device}

    def _end(self, name: str, node: _Node, payload: Any) -> Decoded:
        """A node's connection is gone; a message about an earlier connection changes nothing."""
        numbers = [int(value_of(metric, metric.datatype) or 0) for metric in payload.metrics if metric.name == "bdSeq"]
        if numbers and node.bd_seq is not None and numbers[0] != node.bd_seq:
            return Decoded()
        self._nodes[name] = _Node()
        return Decoded(before_ack=lambda: self._files.write(name, {}))

    def _rows(self, name: str, node: _Node, device: str, payload: Any, *, is_repeated: bool
              ) -> list[tuple[Row, frozenset[str] | None]]:
        machine = self._machine(name, device)
        if machine is None:
            return []
        if is_repeated and node.is_restored and payload.timestamp < node.born_ms:
            raise Unreadable(f"timestamp: found {payload.timestamp}, older than the birth of {name} at {node.born_ms}; "
                             f"it was stored before that birth was acknowledged")
        rows: dict[int, Row] = {}
        for metric in payload.metrics:
            known = self._known(name, node, device, metric)
            column = self._rules.metrics.get(known.name)
            if column is None:
                continue
            time = int(metric.timestamp or payload.timestamp)
            if not time:
                raise Unreadable(f"{known.name}: found no timestamp, wanted one of the metric or of the payload")
            row = rows.setdefault(time, Row(machine, self._time(time), {}))
            row.values[column] = single_value(column, value_of(metric, metric.datatype or known.datatype))
        whole = frozenset(self._rules.metrics[known.name] for (owner, _), known in node.by_name.items()
                          if owner == device and known.name in self._rules.metrics)
        return [(row, whole) for row in rows.values()]

    def _known(self, name: str, node: _Node, device: str, metric: Any) -> _Named:
        """The metric's name and type; Unreadable where its alias may mean something else by now."""
        if metric.name:
            return node.by_name.get((device, metric.name)) or _Named(device, metric.name, metric.datatype)
        known = node.by_alias.get(metric.alias)
        if known is None or known.device != device or not node.is_whole:
            self._ask_rebirth(name)
            why = "of no birth" if known is None or known.device != device else "with a message missing before it"
            raise Unreadable(f"alias: found {metric.alias} {why}, wanted one of the births of {name}")
        return known

    def _machine(self, name: str, device: str) -> str | None:
        """The machine of a message; None where it belongs to no machine."""
        if self._rules.machine == "node":
            return None if device else name
        if not device:
            return None
        return device if self._rules.machine == "device" else f"{name}/{device}"

    def _time(self, milliseconds: int) -> str:
        try:
            return self._instants.of_microseconds(milliseconds * 1000)
        except OverflowError:
            raise Unreadable(f"timestamp: found {milliseconds}, wanted milliseconds since 1970") from None
