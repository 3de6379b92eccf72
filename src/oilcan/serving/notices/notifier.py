"""The thread that tells crews of alarms: a fold over the stored alarms, and one message at a time.

It has a cursor of its own and touches no state of the machines. A receiver that hangs delays this thread alone. What is
to be sent stands in the store first, so nothing is forgotten by a restart, and several replicas send each message once:
whoever claims it owns it for `LEASE_US`. An owner that is killed between sending and writing it down is the one case in
which a message is sent again, under the same key.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from oilcan.ground.errors import OilcanError, StoreError
from oilcan.ground.time_units import moment
from oilcan.io.messages.email_sending import send_email
from oilcan.io.messages.webhook_posting import post_json
from oilcan.io.stores import Store
from oilcan.io.stores.tables.alarm_table import Alarm
from oilcan.io.stores.tables.notice_table import Delivery, State
from oilcan.params.operating.notifications import EmailChannel, Notifications, SmtpServer, WebhookChannel
from oilcan.serving.bodies.instants_json import InstantFormat
from oilcan.serving.ground.watched_threads import WatchedThread
from oilcan.serving.notices.alarm_messages import json_of, mapped_of, subject_of, text_of
from oilcan.serving.notices.planning import escalations_of, microseconds, next_attempt, notices_of
from oilcan.serving.notices.secrets_of_channels import Secrets

_LOG: Final = logging.getLogger("oilcan")
LEASE_US: Final = 120_000_000   # an attempt may take so long before another replica may try; sending ends much sooner
_SETTLED_US: Final = 600_000_000    # transactions end much sooner: no alarm with a smaller id appears after that
_AT_ONCE: Final = 100           # messages in one round, before alarms are looked at again
_LOOKS: Final = 10              # rounds between two looks at the counts, if nothing was sent
_CURSOR: Final = "alarms told up to"


@dataclass(frozen=True)
class Tally:
    """Messages in the store by channel and state, and since when the oldest has waited; replaced as a whole."""

    counts: Mapping[tuple[str, State], int] = field(default_factory=dict)
    oldest: int | None = None


class Notifier:
    """Tells crews of alarms.

    Parameters
    ----------
    clock
        Microseconds UTC.
    every_s
        Between two looks at the store.
    """

    def __init__(self, store: Store, rules: Notifications, secrets: Secrets, moments: InstantFormat,
                 clock: Callable[[], int], *, every_s: float = 1.0) -> None:
        self._store, self._rules, self._secrets, self._moments = store, rules, secrets, moments
        self._clock, self._every_s, self._began = clock, every_s, clock()
        self._cursor: int | None = None
        self._planned: set[int] = set()         # alarms after the cursor that were looked at
        self._rounds = 0
        self.tally, self.is_sending = Tally(), False
        self._stop = threading.Event()
        self.thread = WatchedThread("notifier", self._round)

    @property
    def channels(self) -> list[str]:
        """Names of the channels."""
        return sorted(self._rules.channels)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self, wait_s: float) -> None:
        """End after the message that is being sent; a message in flight is waited for longer, so that it counts."""
        self._stop.set()
        self.thread.end(max(wait_s, 15.0) if self.is_sending else wait_s)

    def turn(self) -> int:
        """Look at the alarms and send what is due; how many messages were tried."""
        is_new = self._plan() + self._store.notices.plan(
            escalations_of(self._store.notices.unanswered(), self._rules, self._clock()), self._clock())
        tried, failing = 0, set[str]()
        while tried < _AT_ONCE and not self._stop.is_set():
            now = self._clock()
            delivery = self._store.notices.claim(now, now + LEASE_US, failing)
            if delivery is None:
                break
            tried += 1
            if not self._attempt(delivery):
                failing.add(delivery.channel)       # one attempt in a round: a receiver that hangs holds up the others
        if is_new or tried or self._rounds % _LOOKS == 0:
            self.tally = Tally(self._store.notices.counts(), self._store.notices.oldest_waiting())
        self._rounds += 1
        return tried

    def _round(self) -> bool:
        if self._stop.wait(self._every_s):
            return False
        self.turn()
        return True

    def _plan(self) -> int:
        """Write down where new alarms go; how many notices are new."""
        if self._cursor is None:
            stored = self._store.settings.get(_CURSOR)
            self._cursor = self._store.notices.last_alarm(self._began) if stored is None else int(stored)
            if stored is None:      # the alarms of before are history: nobody is called for them
                self._store.settings.set(_CURSOR, self._cursor, self._clock())
        after, is_new, settled, now = self._cursor, 0, self._cursor, self._clock()
        while page := self._store.notices.alarms_after(after):
            fresh = [alarm for alarm in page if alarm.id not in self._planned]
            if fresh:
                notices = [notice for alarm in fresh for notice in notices_of(alarm, self._rules)]
                is_new += self._store.notices.plan(notices, now)
                self._planned.update(alarm.id for alarm in fresh)
            after = page[-1].id
            settled = max([settled, *(alarm.id for alarm in page if alarm.since < now - _SETTLED_US)])
        if settled > self._cursor:
            self._store.settings.set(_CURSOR, settled, now)
            self._cursor, self._planned = settled, {key for key in self._planned if key > settled}
        return is_new

    def _attempt(self, delivery: Delivery) -> bool:
        """Send one message and write down what became of it; whether the receiver took it, or it is not needed."""
        stored = [self._store.alarm(key) for key in delivery.alarms]
        alarms = [alarm for alarm in stored if alarm is not None
                  and (delivery.step == "work_order" or alarm.acknowledged_at is None)]
        if not alarms:
            return self._store.notices.finish(delivery, "needless", self._clock())
        self.is_sending = True
        try:
            reference = self._send(delivery, alarms)
            self._store.notices.finish(delivery, "sent", self._clock(), reference=reference)
        except StoreError:
            raise
        except Exception as err:        # of any kind: one message must not keep the others from being sent
            self._failed(delivery, str(err) if isinstance(err, OilcanError) else f"defect: {type(err).__name__}")
            return False
        finally:
            self.is_sending = False
        return True

    def _failed(self, delivery: Delivery, why: str) -> None:
        now, rules = self._clock(), self._rules
        is_over = now - delivery.due_at > microseconds(rules.retry.give_up)
        _LOG.warning("notifier: message %s to %s, attempt %d: %s%s", delivery.key, delivery.channel, delivery.attempts,
                     why, ". Given up." if is_over else ".")
        self._store.notices.finish(delivery, "failed" if is_over else "waiting", now, error=why,
                                   next_at=next_attempt(delivery.attempts, rules, now))

    def _send(self, delivery: Delivery, alarms: list[Alarm]) -> str | None:
        channel, link = self._rules.channels.get(delivery.channel), self._rules.link
        if isinstance(channel, EmailChannel):
            server = self._rules.smtp
            assert isinstance(server, SmtpServer)  # noqa: S101  # for mypy: the rules refuse e-mail without a server
            send_email(server, self._secrets.smtp, channel.to, subject_of(delivery, alarms),
                       text_of(delivery, alarms, link, self._moments), key=delivery.key,
                       at=moment(self._clock()))
            return None
        if channel is None:
            raise OilcanError(f"channel {delivery.channel}: is no longer in the rules")
        return self._post(channel, delivery, alarms)

    def _post(self, channel: WebhookChannel, delivery: Delivery, alarms: list[Alarm]) -> str | None:
        link, moments = self._rules.link, self._moments
        secret = self._secrets.of_channel.get(delivery.channel, "")
        content = (json_of(delivery, alarms, link, moments) if channel.body is None else
                   mapped_of(channel, delivery, alarms[0], link, moments))
        authorization = channel.authorization and channel.authorization.replace("{secret}", secret)
        return post_json(channel.url.replace("{secret}", secret), content, key=delivery.key,
                         authorization=authorization, signing=secret if channel.signed else None,
                         reference=channel.reference)
