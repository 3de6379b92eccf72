"""Which alarm goes to which channel, and from when: the rules of notifications.yaml, applied to stored alarms."""

from collections.abc import Iterable
from datetime import time
from zoneinfo import ZoneInfo

from oilcan.ground.durations import Duration, wait_after
from oilcan.ground.time_units import MICROSECONDS_PER_HOUR
from oilcan.io.stores.tables.notice_table import AlarmToAnnounce, NewNotice
from oilcan.params.operating.notifications import CrewRules, Notifications, WebhookChannel
from oilcan.serving.notices.quiet_hours import first_loud


def microseconds(duration: Duration) -> int:
    """A duration in microseconds.

    Examples
    --------
    >>> microseconds(Duration.parse("30s"))
    30000000
    """
    return round(duration.ticks * MICROSECONDS_PER_HOUR)


def notices_of(alarm: AlarmToAnnounce, rules: Notifications) -> list[NewNotice]:
    """What a new alarm leads to: the crew is notified, after its quiet hours; a work order is asked for at once."""
    crew = rules.of_crew(alarm.crew)
    due = _due(alarm.since, crew)
    notices = [NewNotice(alarm.id, name, "alarm", alarm.crew, due,
                         is_shared=_can_share(name, rules) and due > alarm.since)
               for name in dict.fromkeys(crew.channels)]
    if crew.work_orders is not None:
        notices.append(NewNotice(alarm.id, crew.work_orders, "work_order", alarm.crew, alarm.since))
    return notices


def escalations_of(alarms: Iterable[AlarmToAnnounce], rules: Notifications, now: int) -> list[NewNotice]:
    """Alarms that nobody acknowledged in time go further.

    Parameters
    ----------
    alarms
        With the moment at which the crew was due to be notified.
    """
    found = []
    for alarm in alarms:
        further = rules.of_crew(alarm.crew).escalation
        if further is not None and alarm.since + microseconds(further.after) <= now:
            found += [NewNotice(alarm.id, name, "escalation", alarm.crew, now)
                      for name in dict.fromkeys(further.channels)]
    return found


def next_attempt(attempts: int, rules: Notifications, now: int) -> int:
    """When a message that failed so often is tried again.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> retry = SimpleNamespace(first=Duration.parse("30s"), longest=Duration.parse("1h"))
    >>> [next_attempt(n, SimpleNamespace(retry=retry), 0) // 10**6 for n in (1, 2, 3, 99)]
    [30, 60, 120, 3600]
    """
    return now + wait_after(attempts, microseconds(rules.retry.first), microseconds(rules.retry.longest))


def _due(since: int, crew: CrewRules) -> int:
    due = since + (microseconds(crew.digest) if crew.digest else 0)
    quiet = crew.quiet
    if quiet is None:
        return due
    return first_loud(due, time.fromisoformat(quiet.begin), time.fromisoformat(quiet.end), ZoneInfo(quiet.zone))


def _can_share(name: str, rules: Notifications) -> bool:
    """Whether a message of a channel can hold several alarms."""
    channel = rules.channels[name]
    return not (isinstance(channel, WebhookChannel) and channel.body is not None)
