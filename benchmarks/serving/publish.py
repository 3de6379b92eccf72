"""Publish readings by MQTT as fast as the broker takes them: publish.py JOB.json; prints a line when it begins."""

import json
import sys
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


def main() -> None:
    """Publish the messages of the job, [topic, text] each, acknowledged by the broker."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", job["port"])
    client.loop_start()
    print("begins", flush=True)
    sent = [client.publish(topic, text, qos=1) for topic, text in job["messages"]]
    for each in sent:
        each.wait_for_publish()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
