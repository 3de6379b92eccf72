"""Topic -> reader: which mapping of gateway.yaml a message belongs to, and what it says."""

from collections.abc import Callable, Mapping

from oilcan.gateway.mqtt.json_topics import JsonReader
from oilcan.gateway.mqtt.sparkplug import Decoded, SparkplugReader
from oilcan.gateway.mqtt.sparkplug_births import BirthFiles
from oilcan.gateway.row_queue import Row
from oilcan.gateway.source_times import Instants
from oilcan.gateway.unreadable import Unreadable
from oilcan.params.operating.gateway import MqttRules


class MqttReaders:
    """All mappings of a broker.

    Parameters
    ----------
    machines
        Name at the source -> machine_id; None where they are the same.
    ask_rebirth
        Called with the name of a Sparkplug edge node.
    """

    def __init__(self, rules: MqttRules, machines: Mapping[str, str] | None, instants: Instants, births: BirthFiles,
                 ask_rebirth: Callable[[str], None]) -> None:
        self._machines = machines
        self._json = [JsonReader(topic, instants) for topic in rules.json_topics]
        self._sparkplug = None if rules.sparkplug is None else SparkplugReader(rules.sparkplug, instants, births,
                                                                               ask_rebirth)
        self.filters = [reader.filter for reader in self._json] + (self._sparkplug.filters if self._sparkplug else [])

    def read(self, topic: str, payload: bytes, *, is_repeated: bool) -> Decoded:
        """What a message means.

        Raises
        ------
        Unreadable
            If it means nothing.
        """
        if self._sparkplug is not None and self._sparkplug.takes(topic):
            decoded = self._sparkplug.read(topic, payload, is_repeated=is_repeated)
        else:
            reader = next((reader for reader in self._json if reader.takes(topic)), None)
            if reader is None:
                raise Unreadable(f"topic: found {topic!r}, wanted one of the mappings")
            decoded = Decoded(list(reader.read(topic, payload)))
        if self._machines is not None:
            for row, _ in decoded.rows:
                self._rename(row, self._machines)
        return decoded

    @staticmethod
    def _rename(row: Row, machines: Mapping[str, str]) -> None:
        if row.machine not in machines:
            raise Unreadable(f"machine: found {row.machine!r}, wanted one of those that `machines` lists")
        row.machine = machines[row.machine]
