"""Body of POST /v1/alerts: a group of alerts as Alertmanager's webhook sends it, version 4; strictly read."""

import hashlib
from typing import Annotated, Any, Final, Literal

import orjson
import pydantic

from oilcan.ground.section import breaches
from oilcan.serving.bodies.json_rows import known_keys
from oilcan.serving.ground.refusal import Refusal

MOST_BYTES: Final = 1_048_576
_MOST_ALERTS: Final = 1_000
_Text = Annotated[str, pydantic.Field(max_length=4_096)]
_Labels = Annotated[dict[Annotated[str, pydantic.Field(min_length=1, max_length=200)], _Text],
                    pydantic.Field(max_length=64)]
_DECIDES: Final = ("decides", "yes")    # label of the rules in deploy/prometheus that ask for a decision


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")


class SentAlert(_Part):
    """One alert; names are those of Alertmanager."""

    status: Literal["firing", "resolved"]
    labels: _Labels
    annotations: _Labels
    startsAt: pydantic.AwareDatetime  # noqa: N815
    endsAt: pydantic.AwareDatetime  # noqa: N815
    generatorURL: _Text = ""  # noqa: N815
    fingerprint: _Text = ""

    @property
    def calls(self) -> bool:
        """Whether it stands and asks for a decision: an alert that the service is down does not."""
        name, value = _DECIDES
        return self.status == "firing" and self.labels.get(name) == value


class AlertGroup(_Part):
    """What Alertmanager sends at once."""

    version: Literal["4"]
    groupKey: _Text  # noqa: N815
    truncatedAlerts: Annotated[int, pydantic.Field(ge=0)] = 0  # noqa: N815
    status: Literal["firing", "resolved"]
    receiver: _Text
    groupLabels: _Labels  # noqa: N815
    commonLabels: _Labels  # noqa: N815
    commonAnnotations: _Labels  # noqa: N815
    externalURL: _Text = ""  # noqa: N815
    alerts: Annotated[list[SentAlert], pydantic.Field(min_length=1, max_length=_MOST_ALERTS)]

    @property
    def calling(self) -> list[SentAlert]:
        """Alerts that ask for a decision."""
        return [alert for alert in self.alerts if alert.calls]

    @property
    def cause(self) -> str:
        """The same for the same alerts sent again."""
        parts = sorted(f"{sorted(alert.labels.items())} {alert.startsAt.isoformat()}" for alert in self.calling)
        return hashlib.sha256("\n".join([self.groupKey, *parts]).encode()).hexdigest()


def read_alerts(body: bytes) -> AlertGroup:
    """The group of a body.

    Raises
    ------
    Refusal
        413 if it is too large, 400 if it is not JSON, 422 with all breaches if it is not in Alertmanager's format.
    """
    if len(body) > MOST_BYTES:
        raise Refusal(413, "body", found=f"{len(body):,} bytes", wanted=f"at most {MOST_BYTES:,}",
                      do="Set max_alerts in the webhook of alertmanager.yml.")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as err:
        raise Refusal(400, "body", found=str(err), wanted="JSON", do="Fix the body.") from None
    if not isinstance(content, dict):
        known_keys(content, (), "body")
    try:
        return AlertGroup.model_validate_json(body)
    except pydantic.ValidationError as err:
        lines = breaches(err)
        raise Refusal(422, "body", found=lines[0], wanted="the body of Alertmanager's webhook, version 4",
                      do="Send it by Alertmanager; `breaches` lists everything.", breaches=lines) from None


def alert_group() -> dict[str, Any]:
    """Schema of the body, for the OpenAPI document."""
    text = {"type": "string", "maxLength": 4_096}
    labels = {"type": "object", "additionalProperties": text, "maxProperties": 64,
              "propertyNames": {"minLength": 1, "maxLength": 200}}
    state, moment = {"enum": ["firing", "resolved"]}, {"type": "string", "format": "date-time"}
    alert = {"status": state, "labels": labels, "annotations": labels, "startsAt": moment, "endsAt": moment,
             "generatorURL": text, "fingerprint": text}
    group = {"version": {"const": "4"}, "groupKey": text, "truncatedAlerts": {"type": "integer", "minimum": 0},
             "status": state, "receiver": text, "groupLabels": labels, "commonLabels": labels,
             "commonAnnotations": labels, "externalURL": text,
             "alerts": {"type": "array", "minItems": 1, "maxItems": _MOST_ALERTS, "items": _object(
                 alert, "generatorURL", "fingerprint")}}
    return _object(group, "truncatedAlerts", "externalURL")


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False,
            "required": [name for name in properties if name not in optional]}
