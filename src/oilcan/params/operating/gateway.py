"""gateway.yaml: where readings come from besides HTTP, and which column of the contract each of them is."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

import pydantic

from oilcan.ground.durations import PositiveDuration
from oilcan.ground.section import Section
from oilcan.params.operating.gateway_words import Column, Text
from oilcan.params.operating.opcua import OpcuaRules

PLACES: Final = ("machine", "column")


class ServiceDoor(Section):
    """The service that takes the readings; its key is OILCAN_KEY of the environment."""

    url: str = pydantic.Field(pattern=r"^https?://\S+$")


class BatchRules(Section):
    """What one request to the service holds."""

    rows: int = pydantic.Field(ge=1, le=20_000)
    wait: PositiveDuration                      # readings wait so long for others before they are sent


class JoinRules(Section):
    """How values that arrive one by one become one reading of a machine."""

    wait: PositiveDuration                      # a reading waits so long for its missing columns
    grid: PositiveDuration | None               # times are rounded down to multiples of it; None: they must be equal


class JsonTopic(Section):
    """Topics whose messages are JSON: a reading, a list of readings, or one value.

    `{machine}` and `{column}` in the topic each stand for one level of it.
    """

    topic: str = pydantic.Field(pattern=r"^[^#]+$")
    machine: Text | None                        # field that names the machine, where the topic does not
    time: Text                                  # field that holds the time
    time_format: Literal["iso", "epoch_s", "epoch_ms", "number"]    # number: of cycles, or of the contract's unit
    value: Text | None                          # field that holds the value, where the topic names the column
    columns: dict[Text, Column] = pydantic.Field(min_length=1)      # field, or level of the topic -> column

    @pydantic.model_validator(mode="after")
    def _fits(self) -> "JsonTopic":
        places = re.findall(r"\{(.*?)\}", self.topic)
        levels = self.topic.split("/")
        faults = [f"topic: {{{name}}} is no place (wanted some of {list(PLACES)})" for name in places
                  if name not in PLACES]
        faults += [f"topic: {{{name}}} must be a whole level, once" for name in set(places) & set(PLACES)
                   if levels.count(f"{{{name}}}") != 1 or places.count(name) != 1]
        faults += ["topic: + must be a whole level"] if any("+" in level and level != "+" for level in levels) else []
        if ("machine" in places) == (self.machine is not None):
            faults.append("machine: name it in the topic by {machine}, or by a field, not both and not neither")
        if ("column" in places) != (self.value is not None):
            faults.append("value: {column} in the topic and the field of its value go together")
        if faults:
            raise ValueError("; ".join(faults))
        return self


class SparkplugRules(Section):
    """Edge nodes of one Sparkplug B group."""

    group: str = pydantic.Field(pattern=r"^[^/+#]+$")
    machine: Literal["device", "node", "node/device"]       # what names a machine
    metrics: dict[Text, Column] = pydantic.Field(min_length=1)
    birth_values: bool                          # whether the values of a birth certificate are readings
    rebirth_every: PositiveDuration             # a node is asked for its birth at most so often
    host_id: Annotated[str, pydantic.Field(pattern=r"^[^/+#]+$")] | None    # STATE as primary host; None: silent


class TlsRules(Section):
    """A connection by TLS; None as authority trusts those of the system."""

    authority: Annotated[Path, pydantic.Field(strict=False)] | None


class MqttRules(Section):
    """One broker (MQTT 5) and what is taken from it."""

    host: Text
    port: int = pydantic.Field(ge=1, le=65535)
    client_id: Text                             # the session belongs to it: one gateway, one id
    user: Text | None                           # its password is OILCAN_MQTT_PASSWORD of the environment
    tls: TlsRules | None
    keep_alive: PositiveDuration
    session: PositiveDuration                   # the broker keeps messages so long for a gateway that is away
    window: int = pydantic.Field(ge=1, le=65_535)   # messages that are taken and not acknowledged yet
    json_topics: list[JsonTopic]
    sparkplug: SparkplugRules | None

    @pydantic.model_validator(mode="after")
    def _takes_something(self) -> "MqttRules":
        if not self.json_topics and self.sparkplug is None:
            raise ValueError("json_topics and sparkplug: both are empty; nothing would be taken")
        return self

    @property
    def columns(self) -> set[str]:
        """Every column that a field or a metric is mapped to."""
        named = [topic.columns for topic in self.json_topics] + ([self.sparkplug.metrics] if self.sparkplug else [])
        return {column for columns in named for column in columns.values()}


class GatewayRules(Section):
    """The whole file."""

    service: ServiceDoor
    folder: Annotated[Path, pydantic.Field(strict=False)]   # what must survive a restart; what was kept aside
    batch: BatchRules
    join: JoinRules
    machines: dict[Text, Text] | None           # name at the source -> machine_id; None: they are the same
    mqtt: MqttRules | None
    opcua: OpcuaRules | None = None             # files from before it was added do not name it

    @property
    def columns(self) -> set[str]:
        """Every column that something is mapped to."""
        return {column for source in (self.mqtt, self.opcua) if source is not None for column in source.columns}

    @pydantic.model_validator(mode="after")
    def _has_a_source(self) -> "GatewayRules":
        if self.mqtt is None and self.opcua is None:
            raise ValueError("mqtt and opcua: both are missing; nothing would be taken")
        return self
