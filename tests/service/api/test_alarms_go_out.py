"""The service tells crews of its alarms, and no receiver delays a reading."""

import time
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.service.receivers import SilentServer, rules
from tests.waiting import wait_until

from oilcan.ground.errors import ParamsError
from oilcan.io.stage.stage_inputs import read_yaml
from oilcan.params.operating.notifications import placeholders
from oilcan.serving.notices.secrets_of_channels import read_notifications

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs/examples/notifications.yaml"


def written(path: Path, content: dict) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def raised(client, fleet, machines: int = 4) -> list[dict]:
    """Readings of machines until alarms are open."""
    names = sorted(fleet["telemetry"]["machine_id"].unique())[:machines]
    rows = fleet["telemetry"][fleet["telemetry"]["machine_id"].isin(names)]
    client.send(rows.sort_values(["time", "machine_id"]).groupby("machine_id").tail(400))
    return client.get("/v1/alarms?state=all").json()["alarms"]


@pytest.fixture
def low(bundles) -> Path:
    """A bundle that alarms at every probability."""
    return bundles / "second"


def test_an_alarm_goes_out_its_order_comes_back_and_the_work_becomes_a_record(start, low, fleet, inbox, tmp_path):
    cmms = {"kind": "webhook", "url": inbox.url, "body": {"asset": "{machine_id}"}, "reference": "data.name"}
    content = rules({"*": {"channels": ["desk"], "work_orders": "cmms"}},
                    {"desk": {"kind": "webhook", "url": inbox.url}, "cmms": cmms})
    inbox.content = {"data": {"name": "WO-7"}}
    client = start(bundle=low, notifications=written(tmp_path / "notifications.yaml", content))
    alarms = raised(client, fleet, 1)
    wait_until(lambda: len(inbox.requests) == 2 * len(alarms) > 0, "the messages did not come")
    asset = next(body["asset"] for body in inbox.bodies if "asset" in body)
    assert asset == alarms[0]["machine_id"]
    wait_until(lambda: {each["state"] for each in client.get("/v1/deliveries").json()["deliveries"]} == {"sent"},
               "a message that was taken is not known as sent")
    told = client.get(f"/v1/machines/{asset}").json()["deliveries"]
    assert {each["step"]: each["reference"] for each in told} == {"alarm": None, "work_order": "WO-7"}
    done = {"machine_id": asset, "time": alarms[0]["time"], "component": "bearing"}
    for accepted in (1, 0):             # the other system reports it twice
        answer = client.post("/v1/maintenance", json={"records": [done]}).json()
        assert (answer["accepted"], answer["duplicates"]) == (accepted, 1 - accepted)
    client.stop()
    again = start(bundle=low, notifications=tmp_path / "notifications.yaml",
                  store=client.service.settings.store.replace("service.db", "service_after.db"))
    again.service.notifier.turn()
    assert len(inbox.requests) == 2 * len(alarms)


def test_a_mail_server_that_never_answers_delays_no_reading_and_no_other_channel(start, low, fleet, inbox, tmp_path):
    silent = SilentServer()
    try:
        channels = {"mail": {"kind": "email", "to": ["a@b.example"]}, "desk": {"kind": "webhook", "url": inbox.url}}
        content = rules({"*": {"channels": ["mail", "desk"]}}, channels, smtp_port=silent.port)
        client = start(bundle=low, notifications=written(tmp_path / "notifications.yaml", content))
        notifier = client.service.notifier
        alarms = raised(client, fleet, 1)
        wait_until(lambda: notifier.is_sending, "nothing is being sent")
        began = time.monotonic()
        assert raised(client, fleet, 3)
        assert notifier.is_sending          # the server still says nothing, and all was answered meanwhile
        assert time.monotonic() - began < 10
        wait_until(lambda: len(inbox.requests) >= len(alarms), "the other channel waits")
        wait_until(lambda: ("mail", "waiting") in notifier.tally.counts, "the failure is not counted")
        values = {(sample.labels["channel"], sample.labels["state"]): sample.value
                  for family in text_string_to_metric_families(client.get("/metrics").text)
                  for sample in family.samples if sample.name == "oilcan_deliveries"}
        assert values["mail", "waiting"] >= 1
        assert values["mail", "sent"] == 0
    finally:
        silent.close()


def test_the_example_is_valid_and_asks_for_its_secrets():
    secrets = {"OILCAN_SMTP_PASSWORD": "a", "OILCAN_NOTIFY_DUTY_HOOK": "b", "OILCAN_NOTIFY_CMMS": "c:d"}
    found, kept = read_notifications(EXAMPLE, secrets)
    assert placeholders(found.channels["cmms"].body) == ["machine_id", "time", "summary", "reasons", "link", "key"]
    assert "c:d" not in repr(kept)
    with pytest.raises(ParamsError, match=r"(?s)lacks.*_DUTY_HOOK.*_CMMS.*_SMTP_PASSWORD"):
        read_notifications(EXAMPLE, {})


@pytest.mark.parametrize(("change", "message"), [
    ({"crews": {}}, r'"\*" is missing'),
    ({"smtp": None}, "smtp: is missing"),
    ({"colour": 1}, "colour: no such word"),
    ({"channels": {}}, "channel 'cmms' is not in channels"),
    ({"channels": {"x": {"kind": "webhook", "url": "http://a", "body": {"a": "{pp}"}}}}, "unknown placeholders .'pp'"),
    ({"retry": {"first": "30s", "longest": "1h"}}, "retry.give_up: Field required"),
    ({"crews": {"*": {"channels": ["north_mail"], "digest": None, "escalation": None, "work_orders": "north_mail",
                      "quiet": {"begin": "22:00", "end": "22:00", "zone": "Mars"}}}}, "not a time zone"),
])
def test_rules_that_cannot_work_refuse_the_start(start, tmp_path, change, message):
    path = written(tmp_path / "notifications.yaml", read_yaml(EXAMPLE) | change)
    with pytest.raises(ParamsError, match=message):
        start(notifications=path)
