"""gateway.yaml -> a running gateway: one thread a source, one that forwards."""

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, Protocol

from oilcan.gateway.forwarding import Forwarder, Stopped
from oilcan.gateway.kept_aside import KeptAside
from oilcan.gateway.row_queue import RowQueue
from oilcan.gateway.source_times import Instants
from oilcan.ground.errors import OilcanError, ParamsError, from_extra
from oilcan.io.http.client import Api
from oilcan.io.process_lock import only_process
from oilcan.params.operating.gateway import GatewayRules, MqttRules
from oilcan.params.operating.gateway_words import seconds
from oilcan.params.operating.opcua import OpcuaRules

_LOG: Final = logging.getLogger("oilcan")
_REPORT_S: Final = 60.0


class Source(Protocol):
    """What takes readings from one broker or server."""

    @property
    def is_connected(self) -> bool:
        """Whether it has a connection now."""

    def run(self, stop: threading.Event, /) -> None:
        """Take until `stop` is set."""


class Gateway:
    """A gateway that runs until `stop` is set.

    Parameters
    ----------
    environment
        OILCAN_KEY of the service, OILCAN_MQTT_PASSWORD of the broker's user, OILCAN_OPCUA_PASSWORD of the OPC UA
        server's.
    """

    def __init__(self, rules: GatewayRules, environment: Mapping[str, str], stop: threading.Event) -> None:
        self._rules, self._stop, self._ended = rules, stop, list[OilcanError]()
        self._environment = environment
        self.aside = KeptAside(rules.folder / "kept_aside.jsonl")
        window = rules.mqtt.window if rules.mqtt is not None else 0
        self._queue = RowQueue(max(window, 2 * rules.batch.rows), seconds(rules.join.wait), time.monotonic)
        self._counted: list[Counter[str]] = []
        self._forwarder: Forwarder | None = None
        self.sources: dict[str, Source] = {}
        self._instants = Instants(None if rules.join.grid is None else seconds(rules.join.grid))
        self._reported = time.monotonic()

    @property
    def waiting(self) -> int:
        """Readings that are on their way to the service."""
        return len(self._queue)

    @property
    def counts(self) -> Counter[str]:
        """Readings and values by what became of them."""
        return sum(self._counted, Counter())

    @property
    def answered(self) -> float | None:
        """When the service took something last, in seconds since 1970."""
        return None if self._forwarder is None else self._forwarder.answered

    def run(self) -> None:
        """Take and forward until `stop` is set; alone on the folder, where two would take each other's messages.

        Raises
        ------
        OilcanError
            If another gateway runs on the folder, a source ended by itself, or the mapping does not fit the service.
        """
        folder = self._rules.folder
        with only_process(folder / "lock", f"{folder}: another gateway runs on this folder. Stop it, or name another "
                                           f"folder and another mqtt.client_id."):
            self._run()

    def _run(self) -> None:
        rules = self._rules
        with contextlib.closing(Api(rules.service.url, self._environment.get("OILCAN_KEY"), tries=1,
                                    sleep=lambda _seconds: None)) as api:
            self._forwarder = forwarder = Forwarder(api, self.aside, self._stop)
            self._counted.append(forwarder.counts)
            with contextlib.suppress(Stopped), self._sources():     # they take while the service is away
                forwarder.check(rules.columns)
                while not self._stop.is_set():
                    self._forward(forwarder)
        self.aside.finish()
        _LOG.info("gateway: ends; %s", self.summary())
        if self._ended:
            raise self._ended[0]

    def _forward(self, forwarder: Forwarder) -> None:
        rows = self._queue.take(self._rules.batch.rows, seconds(self._rules.batch.wait))
        if rows:
            forwarder.forward(rows)
            self._queue.settle(rows)
        if time.monotonic() - self._reported > _REPORT_S:
            self._reported = time.monotonic()
            _LOG.info("gateway: %s", self.summary())

    @contextlib.contextmanager
    def _sources(self) -> Iterator[None]:
        self.sources = self._made()
        threads = [threading.Thread(target=self._guarded, args=(name, source.run), name=name)
                   for name, source in self.sources.items()]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _made(self) -> dict[str, Source]:
        made = dict[str, Source]()
        if self._rules.mqtt is not None:
            made["mqtt"] = self._mqtt(self._rules.mqtt)
        if self._rules.opcua is not None:
            made["opcua"] = self._opcua(self._rules.opcua)
        return made

    def _mqtt(self, mqtt: MqttRules) -> Source:
        with from_extra("gateway.yaml: mqtt", "gateway"):
            from oilcan.gateway.mqtt.mqtt_readers import MqttReaders
            from oilcan.gateway.mqtt.mqtt_source import MqttSource
            from oilcan.gateway.mqtt.sparkplug_births import BirthFiles

        readers = partial(MqttReaders, mqtt, self._rules.machines, self._instants,
                          BirthFiles(self._rules.folder / "births"))
        password = self._password("OILCAN_MQTT_PASSWORD", "mqtt", mqtt.user)
        return MqttSource(mqtt, password, self._queue, self.aside, readers)

    def _opcua(self, opcua: OpcuaRules) -> Source:
        with from_extra("gateway.yaml: opcua", "opcua"):
            from oilcan.gateway.opcua.opcua_source import OpcuaSource

        self._password("OILCAN_OPCUA_PASSWORD", "opcua", opcua.user)
        source = OpcuaSource(opcua, self._environment, self._queue, self.aside, self._instants,
                             self._rules.folder / "spool.db")
        self._counted.append(source.counts)
        return source

    def _password(self, name: str, source: str, user: str | None) -> str | None:
        password = self._environment.get(name)
        if user is not None and not password:
            raise ParamsError(f"{name}: the password of {source}.user is missing in the environment.")
        return password

    def _guarded(self, name: str, run: Callable[[threading.Event], None]) -> None:
        try:
            run(self._stop)
        except OilcanError as err:
            self._ended.append(err)
        except Exception:
            _LOG.exception("%s: ended by itself", name)
            self._ended.append(OilcanError(f"gateway: {name} ended by itself (found in the log above why; wanted "
                                           f"running). Start it again; nothing is lost that was not acknowledged."))
        finally:
            self._stop.set()

    def summary(self) -> str:
        """What became of readings so far, in one line."""
        counted = ", ".join(f"{count:,} {name}" for counts in self._counted for name, count in sorted(counts.items()))
        return f"{counted or 'no readings yet'}; {self.aside.count:,} kept aside, {len(self._queue):,} waiting"
