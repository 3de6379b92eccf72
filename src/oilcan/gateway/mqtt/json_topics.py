"""Messages of plain JSON topics -> readings."""

import json
import re
from collections.abc import Iterator
from typing import Any

from oilcan.gateway.row_queue import Row
from oilcan.gateway.source_times import Instants
from oilcan.gateway.unreadable import Unreadable, single_value
from oilcan.params.operating.gateway import JsonTopic


class JsonReader:
    """Reads the messages of one mapping.

    Examples
    --------
    >>> words = {"topic": "plant/{machine}", "machine": None, "time": "t", "time_format": "epoch_s", "value": None,
    ...          "columns": {"v": "vibration_mm_s"}}
    >>> reader = JsonReader(JsonTopic.model_validate(words), Instants(None))
    >>> reader.filter, [(row.time, row.values) for row, _ in reader.read("plant/M1", b'{"t": 0, "v": 2.4}')]
    ('plant/+', [('1970-01-01T00:00:00+00:00', {'vibration_mm_s': 2.4})])
    """

    def __init__(self, rules: JsonTopic, instants: Instants) -> None:
        self._rules, self._instants = rules, instants
        self.filter = re.sub(r"\{\w+\}", "+", rules.topic)
        levels = {"{machine}": "(?P<machine>[^/]+)", "{column}": "(?P<column>[^/]+)", "+": "[^/]*"}
        self._pattern = re.compile("/".join(levels.get(level) or re.escape(level) for level in rules.topic.split("/")))
        self._whole = frozenset(rules.columns.values()) if rules.value is not None else None

    def takes(self, topic: str) -> bool:
        """Whether a topic is one of the mapping's."""
        return self._pattern.fullmatch(topic) is not None

    def read(self, topic: str, payload: bytes) -> Iterator[tuple[Row, frozenset[str] | None]]:
        """Readings, and the columns that make each whole; None where it is whole as it is.

        Raises
        ------
        Unreadable
            If the message is not such JSON, or a field is missing or unknown to the mapping.
        """
        match = self._pattern.fullmatch(topic)
        if match is None:
            raise Unreadable(f"topic: found {topic!r}, wanted {self._rules.topic}")
        levels = match.groupdict()
        content = _parsed(payload)
        for entry in content if isinstance(content, list) else [content]:
            if not isinstance(entry, dict):
                raise Unreadable(f"payload: found {type(entry).__name__}, wanted an object or a list of objects")
            yield self._row(entry, levels), self._whole

    def _row(self, entry: dict[str, Any], levels: dict[str, str]) -> Row:
        rules = self._rules
        machine = levels["machine"] if rules.machine is None else entry.get(rules.machine)
        if not isinstance(machine, str):
            raise Unreadable(f"{rules.machine}: found {machine!r}, wanted the name of a machine")
        time = self._instants.read(entry.get(rules.time), rules.time_format)
        if rules.value is None:
            values = {column: entry[field] for field, column in rules.columns.items() if field in entry}
            if not values:
                raise Unreadable(f"payload: found fields {sorted(entry)}, wanted some of {sorted(rules.columns)}")
        else:
            column = rules.columns.get(levels["column"])
            if column is None or rules.value not in entry:
                raise Unreadable(f"payload: found {levels['column']!r} with fields {sorted(entry)}, wanted one of "
                                 f"{sorted(rules.columns)} with field {rules.value!r}")
            values = {column: entry[rules.value]}
        return Row(machine, time, {column: single_value(column, value) for column, value in values.items()})


def _parsed(payload: bytes) -> Any:
    try:
        return json.loads(payload, parse_constant=_no_constant)
    except (ValueError, RecursionError) as err:
        raise Unreadable(f"payload: found no JSON ({err}), wanted JSON without NaN and Infinity") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
