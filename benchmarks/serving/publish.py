"""Publish readings by MQTT as fast as the broker takes them: publish.py JOB.json; prints a line when it begins."""

import json
import sys
from collections import deque
from pathlib import Path
from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

_WAITING: Final = 20_000        # messages without the broker's acknowledgement; there are 65,535 numbers for them


def main() -> None:
    """Publish the messages of the job, [topic, text] each, acknowledged by the broker."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", job["port"])
    client.loop_start()
    print("begins", flush=True)
    waiting = deque[paho.MQTTMessageInfo]()
    for topic, text in job["messages"]:
        if len(waiting) == _WAITING:
            waiting.popleft().wait_for_publish()
        waiting.append(client.publish(topic, text, qos=1))
    for each in waiting:
        each.wait_for_publish()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
