"""What a message about alarms says: a subject and a text for people, JSON for programs."""

import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from oilcan.io.stores.tables.alarm_table import Alarm
from oilcan.io.stores.tables.notice_table import Delivery
from oilcan.params.operating.notifications import PLACEHOLDER, WebhookChannel
from oilcan.serving.bodies.instants_json import InstantFormat, utc

_MOST: Final = 50               # alarms that one text lists


def subject_of(delivery: Delivery, alarms: Sequence[Alarm]) -> str:
    """One line: how many alarms, which machine."""
    start = {"alarm": "", "escalation": "Nobody has acknowledged: ", "work_order": "Work order: "}[delivery.step]
    if len(alarms) == 1:
        return f"{start}alarm of machine {alarms[0].machine_id}, risk {_percent(alarms[0].p)}"
    return f"{start}alarms of {len(alarms)} machines, highest risk {_percent(max(alarm.p for alarm in alarms))}"


def text_of(delivery: Delivery, alarms: Sequence[Alarm], link: str | None, moments: InstantFormat) -> str:
    """The message for people, the riskiest machine first."""
    ordered = sorted(alarms, key=lambda alarm: (-alarm.p, alarm.id))
    lines = [line for alarm in ordered[:_MOST] for line in _lines(alarm, link, moments)]
    if len(ordered) > _MOST:
        lines.append(f"and {len(ordered) - _MOST} more; the page lists them.")
    crew = f" of crew {delivery.crew}" if delivery.crew else ""
    return "\n".join([*lines, "", f"Sent by Oilcan for the alarms{crew}. Acknowledge an alarm on the page, with what "
                      f"was found at the machine. Message {delivery.key}."]) + "\n"


def json_of(delivery: Delivery, alarms: Sequence[Alarm], link: str | None, moments: InstantFormat) -> dict[str, Any]:
    """Oilcan's own form of a webhook's body; docs/notifications.md describes it."""
    return {"key": delivery.key, "step": delivery.step, "crew": delivery.crew, "summary": subject_of(delivery, alarms),
            "alarms": [{"id": alarm.id, "machine_id": alarm.machine_id, "task": alarm.task,
                        "time": moments.write(alarm.time), "opened_at": utc(alarm.opened_at).isoformat(),
                        "p": alarm.p, "threshold": alarm.threshold, "reasons": _reasons(alarm),
                        "closed": alarm.closed_at is not None, "link": _link(link, alarm)} for alarm in alarms]}


def mapped_of(channel: WebhookChannel, delivery: Delivery, alarm: Alarm, link: str | None,
              moments: InstantFormat) -> Any:
    """The body of a channel that has words of its own, with its placeholders filled in."""
    zone = ZoneInfo(channel.zone)

    def local(moment: int) -> str:
        return utc(moment).astimezone(zone).strftime(channel.time_format)

    values: Mapping[str, str] = {
        "machine_id": alarm.machine_id, "task": alarm.task, "crew": delivery.crew, "alarm": str(alarm.id),
        "key": delivery.key, "p": f"{alarm.p:.4f}", "percent": _percent(alarm.p), "threshold": f"{alarm.threshold:.4f}",
        "time": local(alarm.time) if moments.kind == "instant" else str(moments.write(alarm.time)),
        "opened_at": local(alarm.opened_at), "summary": subject_of(delivery, [alarm]),
        "reasons": "; ".join(_reasons(alarm)), "link": _link(link, alarm) or ""}
    return _filled(channel.body, values)


def _filled(content: Any, values: Mapping[str, str]) -> Any:
    """A JSON value with the placeholders of its texts filled in; what is filled in is not looked at again."""
    if isinstance(content, str):
        return PLACEHOLDER.sub(lambda match: values[match[1]], content)
    if isinstance(content, dict):
        return {name: _filled(value, values) for name, value in content.items()}
    return [_filled(value, values) for value in content] if isinstance(content, list) else content


def _lines(alarm: Alarm, link: str | None, moments: InstantFormat) -> list[str]:
    over = " (closed since)" if alarm.closed_at is not None else ""
    where = _link(link, alarm)
    return [f"Machine {alarm.machine_id}: risk {_percent(alarm.p)}, alarm from {_percent(alarm.threshold)}; "
            f"reading of {moments.write(alarm.time)}{over}", *(f"  - {reason}" for reason in _reasons(alarm)),
            *([f"  {where}"] if where else [])]


def _reasons(alarm: Alarm) -> list[str]:
    return [str(reason["text"]) for reason in alarm.reasons if isinstance(reason, dict) and "text" in reason][:5]


def _link(link: str | None, alarm: Alarm) -> str | None:
    return None if link is None else f"{link.rstrip('/')}/#/{urllib.parse.quote(alarm.machine_id, safe='')}"


def _percent(p: float) -> str:
    return f"{100 * p:.0f} %"
