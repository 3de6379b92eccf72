"""Messages of an MQTT broker, each acknowledged in its order and only when it is settled.

The session is persistent: the broker sends again what was not acknowledged. It sends at most `window` messages ahead
(receive maximum of MQTT 5), so a service that is away stops the broker, not the memory of the gateway.
"""

import contextlib
import json
import logging
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from oilcan.gateway.back_off import BackOff
from oilcan.gateway.kept_aside import KeptAside
from oilcan.gateway.mqtt.mqtt_readers import MqttReaders
from oilcan.gateway.mqtt.sparkplug_payload import rebirth_request
from oilcan.gateway.row_queue import Message, RowQueue
from oilcan.gateway.unreadable import Unreadable
from oilcan.params.operating.gateway import MqttRules
from oilcan.params.operating.gateway_words import seconds

_LOG: Final = logging.getLogger("oilcan")
_PACKETS: Final = 100           # read before acknowledgements are sent
_WAIT_S: Final = 0.2            # for the socket


@dataclass(slots=True)
class _Arrived(Message):
    """A message of MQTT and what its acknowledgement needs."""

    mid: int = 0
    qos: int = 0
    payload: bytes = b""
    connection: int = 0
    before_ack: Callable[[], None] | None = None


class MqttSource:
    """Reads one broker on a thread of its own.

    Parameters
    ----------
    readers
        Given a call that asks a Sparkplug edge node for its birth: what reads the messages.
    """

    def __init__(self, rules: MqttRules, password: str | None, queue: RowQueue, aside: KeptAside,
                 readers: Callable[[Callable[[str], None]], MqttReaders]) -> None:
        self._rules, self._queue, self._aside = rules, queue, aside
        self._readers = readers(self._ask_rebirth)
        self._unacknowledged: deque[_Arrived] = deque()             # in the order in which they came
        self._by_mid: dict[int, _Arrived] = {}
        self._connection, self._is_up, self._back_off = 0, False, BackOff()
        self._asked: dict[str, float] = {}                          # edge node -> when its birth was asked for
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        queue.on_settled.append(self._awake)
        self.messages = self.repeated = 0
        self._client = self._made(password)

    @property
    def is_connected(self) -> bool:
        """Whether the broker is connected."""
        return self._is_up

    def _made(self, password: str | None) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self._rules.client_id, protocol=paho.MQTTv5,
                             manual_ack=True)
        if self._rules.user is not None:
            client.username_pw_set(self._rules.user, password)
        if self._rules.tls is not None:
            client.tls_set(ca_certs=None if self._rules.tls.authority is None else str(self._rules.tls.authority))
        client.on_connect, client.on_disconnect, client.on_message = self._connected, self._disconnected, self._arrived
        return client

    def _ask_rebirth(self, node: str) -> None:
        """Ask an edge node for its birth certificates, at most every so often."""
        rules = self._rules.sparkplug
        now = time.monotonic()
        if rules is None or now - self._asked.get(node, -1e9) < seconds(rules.rebirth_every):
            return
        self._asked[node] = now
        _LOG.warning("mqtt: edge node %s is asked for its birth: aliases or sequence numbers do not fit", node)
        self._client.publish(f"spBv1.0/{rules.group}/NCMD/{node}", rebirth_request(time.time_ns() // 1_000_000))

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set; what is not settled by then stays unacknowledged."""
        while not stop.is_set():
            own = self._client.socket()
            if own is None:
                self._connect(stop)
            else:
                self._turn(own)
        self._leave()

    def _turn(self, own: Any) -> None:
        """Wait for something, read some packets, acknowledge what is settled."""
        is_reading = not self._is_up or self._queue.has_room
        writing = [own] if self._client.want_write() else []
        select.select(([own] if is_reading else []) + [self._woken], writing, [], _WAIT_S)
        self._quiet()
        for _ in range(_PACKETS if is_reading else 0):
            if self._client.socket() is None:
                break
            self._client.loop_read()
        self._acknowledge()
        if self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()

    def _acknowledge(self) -> None:
        while self._unacknowledged and not self._unacknowledged[0].open:
            message = self._unacknowledged.popleft()
            if message.before_ack is not None:
                message.before_ack()
            if self._by_mid.get(message.mid) is message:
                del self._by_mid[message.mid]
            if message.qos and message.connection == self._connection and self._is_up:
                self._client.ack(message.mid, message.qos)

    def _connect(self, stop: threading.Event) -> None:
        rules = self._rules
        properties = Properties(PacketTypes.CONNECT)        # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = round(seconds(rules.session))
        properties.ReceiveMaximum = rules.window
        self._announce(is_online=False)
        try:
            self._client.connect(rules.host, rules.port, max(1, round(seconds(rules.keep_alive))), clean_start=False,
                                 properties=properties)
        except OSError as err:
            wait_s = self._back_off.next_s()
            _LOG.warning("mqtt: %s:%d cannot be reached (%s). Tried again in %.1f s.", rules.host, rules.port, err,
                         wait_s)
            stop.wait(wait_s)

    def _announce(self, *, is_online: bool) -> None:
        """Sparkplug's STATE of a primary host: a will before the connection, a message after it."""
        rules = self._rules.sparkplug
        if rules is None or rules.host_id is None:
            return
        if not is_online:
            self._announced_ms = time.time_ns() // 1_000_000
        topic = f"spBv1.0/STATE/{rules.host_id}"
        content = json.dumps({"online": is_online, "timestamp": self._announced_ms})
        if is_online or self._is_up:
            self._client.publish(topic, content, qos=1, retain=True)
        else:
            self._client.will_set(topic, content, qos=1, retain=True)

    def _connected(self, client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            _LOG.warning("mqtt: the broker refuses the connection: %s", reason)
            time.sleep(self._back_off.next_s())
            return
        self._is_up = True
        self._back_off.reset()
        if not flags.session_present:
            _LOG.warning("mqtt: the broker has no session of %s: a new one begins, and messages from before it are not "
                         "in it", self._rules.client_id)
            self._by_mid.clear()            # numbers of messages begin anew
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        client.subscribe([(topic, options) for topic in self._readers.filters])
        self._announce(is_online=True)
        _LOG.info("mqtt: connected to %s:%d", self._rules.host, self._rules.port)

    def _disconnected(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._connection += 1
        self._is_up = False
        _LOG.warning("mqtt: the connection is gone: %s", reason)

    def _arrived(self, _client: paho.Client, _data: Any, packet: paho.MQTTMessage) -> None:
        if packet.dup and self._is_here(packet):
            return
        payload = bytes(packet.payload)
        message = _Arrived(packet.topic, mid=packet.mid, qos=packet.qos, payload=payload if packet.qos else b"",
                           connection=self._connection)
        self.messages += 1
        self._unacknowledged.append(message)
        if packet.qos:
            self._by_mid[packet.mid] = message
        try:
            decoded = self._readers.read(packet.topic, payload, is_repeated=packet.dup)
        except Unreadable as err:
            _LOG.warning("mqtt: %s: %s. The message is kept aside.", packet.topic, err)
            self._aside.message(packet.topic, payload, str(err))
        else:
            message.before_ack = decoded.before_ack
            for row, wanted in decoded.rows:
                self._queue.put(row, message, wanted)
        self._queue.read(message)

    def _is_here(self, packet: paho.MQTTMessage) -> bool:
        """Whether a message that is sent again is still on its way here; then it is acknowledged on this connection."""
        message = self._by_mid.get(packet.mid)
        if message is None or message.origin != packet.topic or message.payload != packet.payload:
            return False
        message.connection = self._connection
        self.repeated += 1
        return True

    def _leave(self) -> None:
        """Acknowledge what is settled, say goodbye."""
        if self._is_up:
            self._acknowledge()
            self._announce(is_online=False)
            end = time.monotonic() + 1
            while self._client.want_write() and time.monotonic() < end:
                self._client.loop_write()
            self._client.disconnect()
            self._client.loop_write()
        self._wake.close()
        self._woken.close()

    def _awake(self) -> None:
        with contextlib.suppress(OSError):      # full: it is awake; closed: it has ended
            self._wake.send(b"x")

    def _quiet(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)
