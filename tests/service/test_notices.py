"""Alarms go out: once, by real receivers, from both kinds of stores, by a clock that the tests set."""

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.service.receivers import Mailbox, free_port, rules

from oilcan.ground.section import section
from oilcan.io.stores import Store, open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.tables.alarm_table import ClosedAlarm, NewAlarm
from oilcan.io.stores.tables.notice_table import NewNotice
from oilcan.io.stores.values import Readings
from oilcan.params.operating.notifications import Notifications
from oilcan.serving.bodies.instants_json import InstantFormat
from oilcan.serving.notices.notifier import LEASE_US, Notifier
from oilcan.serving.notices.secrets_of_channels import Secrets

SECOND, HOUR = 10**6, 3_600 * 10**6
NOON = 1_767_268_800 * SECOND           # 2026-01-01T12:00:00Z
PLAIN = Layout("press_line", 1, "instant", ("voltage",), ("V",))
REASONS = [{"text": "vibration is high: 9 mm/s (normal 2)"}]


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_url) -> Iterator[Store]:
    opened = open_store(store_url)
    opened.use_layout(PLAIN, NOON)
    yield opened
    opened.close()


Begin = Callable[..., Notifier]


@pytest.fixture
def begin(store, clock) -> Begin:
    def made(content: dict, *, secrets: Secrets | None = None, on: Store | None = None) -> Notifier:
        notifier = Notifier(on or store, section(Notifications, content, "notifications.yaml"), secrets or Secrets(),
                            InstantFormat("instant"), clock)
        notifier.turn()
        return notifier

    return made


def alarm(store: Store, clock: Clock, *machines: str, crew: str = "north", p: float = 0.8) -> list[int]:
    new = [NewAlarm(name, "failure", clock.now, p, 0.5, REASONS, crew=crew) for name in machines]
    opened = store.change_alarms(new, clock.now)
    return [key for key, _ in opened]


def hook(inbox, **more) -> dict:
    return {"kind": "webhook", "url": inbox.url} | more


def states(store: Store) -> list[str]:
    return [each.state for each in reversed(store.notices.newest())]


def test_a_crew_gets_an_email_of_its_alarm_and_no_other_crew_does(store, clock, begin, mailbox):
    channels = {"north_mail": {"kind": "email", "to": ["north@plant.example", "lead@plant.example"]},
                "rest_mail": {"kind": "email", "to": ["rest@plant.example"]}}
    crews = {"north": {"channels": ["north_mail"]}, "*": {"channels": ["rest_mail"]}}
    notifier = begin(rules(crews, channels, smtp_port=mailbox.port))
    alarm(store, clock, "press 7")
    assert [notifier.turn(), notifier.turn()] == [1, 0]
    message = mailbox.messages[0]
    assert (message["To"], message["Subject"]) == (
        "north@plant.example, lead@plant.example", "alarm of machine press 7, risk 80 %")
    assert message["Date"].datetime.timestamp() * SECOND == NOON
    text = message.get_content()
    assert "vibration is high" in text
    assert "https://oilcan.plant.example/#/press%207" in text
    alarm(store, clock, "m2", crew="south")
    notifier.turn()
    assert [each["To"] for each in mailbox.messages[1:]] == ["rest@plant.example"]
    assert states(store) == ["sent", "sent"]


def test_nothing_is_sent_twice_after_a_restart_and_history_is_not_sent(store, clock, begin, inbox):
    content = rules({"*": {"channels": ["desk"]}}, {"desk": hook(inbox)})
    alarm(store, clock, "of before")
    clock.now += SECOND
    begin(content)
    alarm(store, clock, "m1", "m2")
    for _ in range(3):
        clock.now += HOUR           # the cursor moves on, too
        begin(content).turn()
    assert sorted(body["alarms"][0]["machine_id"] for body in inbox.bodies) == ["m1", "m2"]
    alarm(store, clock, "m3")
    begin(content)
    assert inbox.bodies[-1]["alarms"][0]["machine_id"] == "m3"
    assert len(inbox.bodies) == 3


def test_a_digest_holds_what_came_in_its_time(store, clock, begin, mailbox):
    crews = {"*": {"channels": ["mail"], "digest": "30min"}}
    notifier = begin(rules(crews, {"mail": {"kind": "email", "to": ["a@b.example"]}}, smtp_port=mailbox.port))
    for name, risk in (("m1", 0.6), ("m2", 0.9)):
        alarm(store, clock, name, p=risk)
        assert notifier.turn() == 0
        clock.now += 600 * SECOND
    clock.now += 600 * SECOND
    alarm(store, clock, "m3")
    assert notifier.turn() == 1
    assert mailbox.messages[0]["Subject"] == "alarms of 2 machines, highest risk 90 %"
    text = mailbox.messages[0].get_content()
    assert text.index("m2") < text.index("m1")
    assert "m3" not in text
    clock.now += 1800 * SECOND
    assert notifier.turn() == 1
    assert "m3" in mailbox.messages[1].get_content()


def test_quiet_hours_wait_and_work_orders_do_not(store, clock, begin, inbox):
    quiet = {"begin": "22:00", "end": "06:00", "zone": "Europe/Berlin"}
    crews = {"*": {"channels": ["desk"], "quiet": quiet, "work_orders": "cmms"}}
    notifier = begin(rules(crews, {"desk": hook(inbox), "cmms": hook(inbox)}))
    clock.now = NOON + 11 * HOUR        # midnight in Berlin
    alarm(store, clock, "m1")
    assert notifier.turn() == 1
    assert inbox.bodies[0]["step"] == "work_order"
    clock.now = NOON + 17 * HOUR - 1    # a microsecond before six
    assert notifier.turn() == 0
    clock.now += 1
    assert notifier.turn() == 1
    assert inbox.bodies[1]["step"] == "alarm"


def test_what_was_acknowledged_meanwhile_is_not_sent(store, clock, begin, inbox):
    notifier = begin(rules({"*": {"channels": ["desk"], "digest": "1h"}}, {"desk": hook(inbox)}))
    first, second = alarm(store, clock, "m1", "m2")
    notifier.turn()
    store.acknowledge(first, "ann", clock.now)
    store.change_alarms([ClosedAlarm("m2", "failure", clock.now)], clock.now)
    clock.now += HOUR
    assert notifier.turn() == 1
    assert [(each["id"], each["closed"]) for each in inbox.bodies[0]["alarms"]] == [(second, True)]
    [third] = alarm(store, clock, "m3")
    notifier.turn()
    store.acknowledge(third, "ann", clock.now)
    clock.now += HOUR
    notifier.turn()
    assert states(store) == ["sent", "needless"]
    assert len(inbox.bodies) == 1


def test_nobody_acknowledges_so_it_goes_further_once(store, clock, begin, inbox, mailbox):
    further = {"after": "2h", "channels": ["duty"]}
    channels = {"desk": hook(inbox), "duty": {"kind": "email", "to": ["duty@plant.example"]}}
    notifier = begin(rules({"*": {"channels": ["desk"], "escalation": further}}, channels, smtp_port=mailbox.port))
    waits, seen, closed = alarm(store, clock, "m1", "m2", "m3")
    notifier.turn()
    clock.now += HOUR
    store.acknowledge(seen, "ann", clock.now)
    store.change_alarms([ClosedAlarm("m3", "failure", clock.now)], clock.now)
    assert notifier.turn() == 0
    clock.now += HOUR
    for _ in range(3):
        notifier.turn()
        clock.now += HOUR
    assert [each["Subject"] for each in mailbox.messages] == ["Nobody has acknowledged: alarm of machine m1, risk 80 %"]
    assert [each.step for each in store.notices.about([waits])] == ["escalation", "alarm"]
    assert [each.step for each in store.notices.about([closed])] == ["alarm"]


def test_a_receiver_that_refuses_is_asked_again_later_and_later_with_the_same_key(store, clock, begin, inbox):
    notifier = begin(rules({"*": {"channels": ["desk"]}}, {"desk": hook(inbox)}))
    inbox.answers = [500, 302, 429]
    alarm(store, clock, "m1")
    waited = []
    for _ in range(4):
        notifier.turn()
        waited.append(store.notices.newest()[0].next_at - clock.now)
        assert notifier.turn() == 0
        clock.now += max(0, waited[-1])
    assert waited[:3] == [30 * SECOND, 60 * SECOND, 120 * SECOND]
    assert len({headers["Idempotency-Key"] for headers, _, _ in inbox.requests}) == 1
    [delivery] = store.notices.newest()
    assert (delivery.state, delivery.attempts, delivery.error) == ("sent", 4, None)


def test_what_cannot_be_delivered_is_given_up_and_counted(store, clock, begin, mailbox):
    channels = {"mail": {"kind": "email", "to": ["a@b.example"]},
                "gone": {"kind": "webhook", "url": f"http://127.0.0.1:{free_port()}/secret-path"}}
    notifier = begin(rules({"*": {"channels": ["mail", "gone"]}}, channels, smtp_port=mailbox.port, give_up="2h"))
    mailbox.answers = ["554 no", "451 later"]
    alarm(store, clock, "m1")
    notifier.turn()
    errors = {each.channel: each.error for each in store.notices.newest()}
    assert "answers 554" in errors["mail"]
    assert "127.0.0.1: does not answer (ConnectionRefusedError)" in errors["gone"]
    assert "secret-path" not in errors["gone"]
    for _ in range(12):
        clock.now += HOUR // 2
        notifier.turn()
    assert notifier.tally.counts == {("mail", "sent"): 1, ("gone", "failed"): 1}
    assert notifier.tally.oldest is None
    assert len(mailbox.messages) == 1


def test_a_server_with_a_password_gets_it_and_a_wrong_one_is_no_secret_in_the_log(store, clock, begin):
    mailbox = Mailbox("right")
    try:
        channels = {"mail": {"kind": "email", "to": ["a@b.example"]}}
        content = rules({"*": {"channels": ["mail"]}}, channels, smtp_port=mailbox.port, user="oilcan")
        notifier = begin(content, secrets=Secrets("wrong"))
        alarm(store, clock, "m1")
        notifier.turn()
        assert "answers 535" in store.notices.newest()[0].error
        assert "wrong" not in store.notices.newest()[0].error + repr(Secrets("wrong"))
        clock.now += HOUR
        begin(content, secrets=Secrets("right"))
        assert len(mailbox.messages) == 1
    finally:
        mailbox.close()


def test_a_webhook_is_signed_and_authorised_by_its_secret(store, clock, begin, inbox):
    channel = hook(inbox, signed=True, authorization="Bearer {secret}")
    notifier = begin(rules({"*": {"channels": ["desk"]}}, {"desk": channel}), secrets=Secrets(None, {"desk": "s3cret"}))
    alarm(store, clock, "m1")
    notifier.turn()
    headers, _, body = inbox.requests[0]
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["X-Oilcan-Signature"] == f"sha256={hmac.new(b's3cret', body, hashlib.sha256).hexdigest()}"


def test_a_work_order_is_in_the_words_of_the_other_system_and_its_number_comes_back(store, clock, begin, inbox):
    body = {"asset": "{machine_id}", "failure_date": "{time}", "description": "{summary}\n{reasons}", "n": 1}
    cmms = hook(inbox, body=body, reference="data.name", zone="Europe/Berlin", time_format="%Y-%m-%d %H:%M:%S")
    notifier = begin(rules({"*": {"channels": ["desk"], "work_orders": "cmms"}}, {"desk": hook(inbox), "cmms": cmms}))
    inbox.content = {"data": {"name": "ACC-ASR-2026-00007"}}
    [key] = alarm(store, clock, "m{p}1")        # what is filled in is not looked at again
    notifier.turn()
    order = next(content for content in inbox.bodies if "asset" in content)
    assert order == {"asset": "m{p}1", "failure_date": "2026-01-01 13:00:00", "n": 1,
                     "description": "Work order: alarm of machine m{p}1, risk 80 %\n" + REASONS[0]["text"]}
    assert {each.step: each.reference for each in store.notices.about([key])} == {
        "alarm": None, "work_order": "ACC-ASR-2026-00007"}


def test_a_message_of_an_owner_that_died_is_sent_again_under_the_same_key(store, clock, begin, inbox):
    content = rules({"*": {"channels": ["desk"]}}, {"desk": hook(inbox)})
    begin(content)
    alarm(store, clock, "m1")
    dead = begin(content)                       # sends it, and is killed before it writes that down
    [sent] = store.notices.newest()
    store.database.write(lambda tx: tx.run("UPDATE deliveries SET state = 'waiting', leased_until = ?",
                                           (clock.now + LEASE_US,)))
    assert dead.turn() == begin(content).turn() == 0
    clock.now += LEASE_US
    again = begin(content)
    assert [headers["Idempotency-Key"] for headers, _, _ in inbox.requests] == [sent.key] * 2
    assert not store.notices.finish(sent, "failed", clock.now)      # a late word of the first owner changes nothing
    assert again.turn() == 0
    assert states(store) == ["sent"]


def test_of_many_replicas_exactly_one_sends(store, store_url, clock, begin, inbox):
    crews = {"north": {"channels": ["desk"], "digest": "1min"}, "*": {"channels": ["desk", "other"]}}
    content = rules(crews, {"desk": hook(inbox), "other": hook(inbox)})
    begin(content)                              # from here on alarms are told
    alarm(store, clock, *(f"m{at}" for at in range(12)), crew="north")
    alarm(store, clock, *(f"s{at}" for at in range(12)), crew="south")
    others = [store, *(open_store(store_url) for _ in range(3))]
    try:
        for each in others[1:]:
            each.use_layout(PLAIN, NOON)
        replicas = [Notifier(each, section(Notifications, content, "x"), Secrets(), InstantFormat("instant"), clock)
                    for each in others]
        for _ in range(2):
            threads = [threading.Thread(target=replica.turn) for replica in replicas]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            clock.now += 60 * SECOND
    finally:
        for each in others[1:]:
            each.close()
    sent = [(body["key"], each["machine_id"]) for body in inbox.bodies for each in body["alarms"]]
    once, twice = ([f"{first}{at}" for at in range(12)] for first in "ms")
    assert sorted(name for _, name in sent) == sorted(once + twice * 2)
    assert len({key for key, _ in sent}) == len(inbox.bodies)
    assert set(states(store)) == {"sent"}


def test_a_notice_of_an_alarm_that_is_gone_is_none(store, clock):
    notice = NewNotice(10**6, "desk", "alarm", "", clock.now)
    assert store.notices.plan([notice], clock.now) == 0
    assert store.notices.about([]) == store.notices.about([2**80]) == []
    assert store.notices.claim(clock.now, clock.now + 1) is None


def test_messages_are_forgotten_with_their_alarms(store, clock, begin, inbox):
    notifier = begin(rules({"*": {"channels": ["desk"]}}, {"desk": hook(inbox)}))
    store.append(Readings(["m1"], np.array([1]), np.array([[1.0]])), clock.now)
    keys = alarm(store, clock, "m1", "m2", "m3")
    notifier.turn()
    store.change_alarms([ClosedAlarm(f"m{at}", "failure", clock.now) for at in (1, 2, 3)], clock.now)
    store.retain(clock.now + HOUR, readings_for=1, forecasts_for=1)
    assert [each.alarms for each in store.notices.newest()] == [(keys[2],)]
    notifier.turn()
    assert len(inbox.bodies) == 3
