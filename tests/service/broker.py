"""A real MQTT broker, and what publishes to it as the machines of a plant do."""

import contextlib
import json
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.conftest import program
from tests.waiting import wait_until

from oilcan.gateway.mqtt.sparkplug_payload import Payload

GROUP = "plant"


class Broker:
    """Mosquitto with a port and a folder of its own; the tests may stop, kill and start it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.database, self._log = folder / "mosquitto.db", folder / "mosquitto.log"
        self.starts = 0
        self._config = folder / "mosquitto.conf"
        own = Path("deploy/gateway/mosquitto.conf").read_text(encoding="utf-8")
        self._config.write_text(f"{own}\nuser root\nlistener {self.port} 127.0.0.1\nallow_anonymous true\n"
                                f"persistence_location {folder}/\n", encoding="utf-8")

    def start(self) -> None:
        self.starts += 1
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([str(program("mosquitto")), "-c", str(self._config)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._listens, "the broker does not listen")

    def save(self) -> None:
        """Write everything to the disk now."""
        self.database.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        wait_until(self.database.exists, "the broker saves nothing")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def _listens(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@contextlib.contextmanager
def publisher(broker: Broker) -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.max_queued_messages_set(0)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_until(client.is_connected, "no connection to the broker")
    yield client
    client.disconnect()
    client.loop_stop()


class EdgeNode:
    """Publishes readings of devices by Sparkplug B: QoS 0 and by aliases, as its specification wants."""

    def __init__(self, client: paho.Client, name: str, devices: Sequence[str], columns: Sequence[str]) -> None:
        self._client, self._name, self._devices, self._columns = client, name, devices, columns
        self._aliases = {(device, column): 100 * at + number for at, device in enumerate(devices)
                         for number, column in enumerate(columns)}
        self._seq, self.rebirths = 0, 0
        client.on_message = self._command
        client.subscribe(f"spBv1.0/{GROUP}/NCMD/{name}")

    def birth(self, now_ms: int) -> None:
        node = Payload(timestamp=now_ms, seq=0)
        node.metrics.add(name="bdSeq", datatype=8, long_value=7)
        self._seq = 0
        self._send("NBIRTH", "", node)
        for device in self._devices:
            payload = Payload(timestamp=now_ms, seq=self._next())
            for column in self._columns:
                payload.metrics.add(name=f"Sensor/{column}", alias=self._aliases[device, column], datatype=10)
            self._send("DBIRTH", device, payload)

    def reading(self, device: str, time_ms: int, values: dict[str, float | None]) -> None:
        payload = Payload(timestamp=time_ms, seq=self._next())
        for column, value in values.items():
            metric = payload.metrics.add(alias=self._aliases[device, column], timestamp=time_ms)
            if value is None:
                metric.is_null = True
            else:
                metric.double_value = value
        self._send("DDATA", device, payload)

    def lose_one(self) -> None:
        """A message that never reaches the broker."""
        self._next()

    def _next(self) -> int:
        self._seq = (self._seq + 1) % 256
        return self._seq

    def _send(self, kind: str, device: str, payload: object) -> None:
        topic = f"spBv1.0/{GROUP}/{kind}/{self._name}" + (f"/{device}" if device else "")
        self._client.publish(topic, payload.SerializeToString(), qos=0).wait_for_publish(10)

    def _command(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        names = [metric.name for metric in Payload.FromString(bytes(message.payload)).metrics]
        self.rebirths += "Node Control/Rebirth" in names


def publish_all(client: paho.Client, messages: Sequence[tuple[str, object]]) -> None:
    """QoS 1, until the broker has acknowledged each."""
    waiting = [client.publish(topic, json.dumps(content), qos=1) for topic, content in messages]
    for each in waiting:
        each.wait_for_publish(30)
