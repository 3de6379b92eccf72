"""gateway.yaml -> a running gateway: one thread a source, one that forwards."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from oilcan.gateway.forwarding import Forwarder, Stopped
from oilcan.gateway.kept_aside import KeptAside
from oilcan.gateway.mqtt_readers import MqttReaders
from oilcan.gateway.mqtt_source import MqttSource
from oilcan.gateway.row_queue import RowQueue
from oilcan.gateway.source_times import Instants
from oilcan.gateway.sparkplug_births import BirthFiles
from oilcan.ground.errors import OilcanError, ParamsError
from oilcan.io.http.client import Api
from oilcan.io.process_lock import only_process
from oilcan.params.operating.gateway import GatewayRules, seconds

_LOG: Final = logging.getLogger("oilcan")
_REPORT_S: Final = 60.0


class Gateway:
    """A gateway that runs until `stop` is set.

    Parameters
    ----------
    environment
        OILCAN_KEY of the service, OILCAN_MQTT_PASSWORD of the broker's user.
    """

    def __init__(self, rules: GatewayRules, environment: Mapping[str, str], stop: threading.Event) -> None:
        self._rules, self._stop, self._died = rules, stop, list[str]()
        self._environment = environment
        self.aside = KeptAside(rules.folder / "kept_aside.jsonl")
        window = rules.mqtt.window if rules.mqtt is not None else 0
        self._queue = RowQueue(max(window, 2 * rules.batch.rows), seconds(rules.join.wait), time.monotonic)
        self._instants = Instants(None if rules.join.grid is None else seconds(rules.join.grid))
        self._reported = time.monotonic()

    @property
    def waiting(self) -> int:
        """Readings that are on their way to the service."""
        return len(self._queue)

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
            self._forwarder = Forwarder(api, self.aside, self._stop)
            with contextlib.suppress(Stopped):
                self._forwarder.check(rules.columns)
                with self._sources():
                    while not self._stop.is_set():
                        self._forward()
        _LOG.info("gateway: ends; %s", self._counts())
        if self._died:
            raise OilcanError(f"gateway: {', '.join(self._died)} ended by itself (found in the log above why; wanted "
                              f"running). Start it again; nothing is lost that was not acknowledged.")

    def _forward(self) -> None:
        rows = self._queue.take(self._rules.batch.rows, seconds(self._rules.batch.wait))
        if rows:
            self._forwarder.forward(rows)
            self._queue.settle(rows)
        if time.monotonic() - self._reported > _REPORT_S:
            self._reported = time.monotonic()
            _LOG.info("gateway: %s", self._counts())

    @contextlib.contextmanager
    def _sources(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._guarded, args=(name, run), name=name)
                   for name, run in self._made().items()]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _made(self) -> dict[str, Callable[[threading.Event], None]]:
        rules, made = self._rules, dict[str, Callable[[threading.Event], None]]()
        if rules.mqtt is not None:
            password = self._environment.get("OILCAN_MQTT_PASSWORD")
            if rules.mqtt.user is not None and not password:
                raise ParamsError("OILCAN_MQTT_PASSWORD: the password of mqtt.user is missing in the environment.")
            readers = partial(MqttReaders, rules.mqtt, rules.machines, self._instants,
                              BirthFiles(rules.folder / "births"))
            made["mqtt"] = MqttSource(rules.mqtt, password, self._queue, self.aside, readers).run
        return made

    def _guarded(self, name: str, run: Callable[[threading.Event], None]) -> None:
        try:
            run(self._stop)
        except Exception:
            _LOG.exception("%s: ended by itself", name)
            self._died.append(name)
            self._stop.set()

    def _counts(self) -> str:
        counted = ", ".join(f"{count:,} {name}" for name, count in sorted(self._forwarder.counts.items()))
        return f"{counted or 'no readings yet'}; {self.aside.count:,} lines kept aside, {len(self._queue):,} waiting"
