"""Readings on their way through the gateway: from JSON, joined, settled."""

import json
import re
from pathlib import Path

import pytest

from oilcan import cli
from oilcan.gateway.kept_aside import MOST_ALIKE, WHILE_S, KeptAside
from oilcan.gateway.mqtt.json_topics import JsonReader
from oilcan.gateway.row_queue import Message, Row, RowQueue
from oilcan.gateway.source_times import Instants
from oilcan.gateway.unreadable import Unreadable
from oilcan.ground.errors import ParamsError
from oilcan.ground.section import section
from oilcan.io.stage.stage_inputs import read_yaml
from oilcan.params.operating.gateway import GatewayRules, JsonTopic

DEPLOY = Path(__file__).parents[2] / "deploy"
ROWS = {"topic": "plant/{machine}/all", "machine": None, "time": "t", "time_format": "iso", "value": None,
        "columns": {"v": "vibration_mm_s", "l": "load_pct"}}
PAIR = frozenset({"load", "speed"})


def read(payload: bytes, **changed: object) -> list[Row]:
    reader = JsonReader(JsonTopic.model_validate(ROWS | changed), Instants(None))
    return [row for row, _ in reader.read("plant/M1/all", payload)]


def test_a_list_holds_several_readings():
    rows = read(b'[{"t": "2026-01-31T12:00:00Z", "v": 1, "more": 1}, {"t": "2026-01-31T13:00:00+01:00", "l": null}]')
    assert [(row.time, row.values) for row in rows] == [
        ("2026-01-31T12:00:00+00:00", {"vibration_mm_s": 1}), ("2026-01-31T12:00:00+00:00", {"load_pct": None})]


@pytest.mark.parametrize(("payload", "why"), [
    (b"{", "found no JSON"), (b"\xff", "found no JSON"), (b'{"v": NaN}', "NaN is not JSON"),
    (b"[" * 100_000, "found no JSON"),
    (b"7", "found int, wanted an object or a list of objects"), (b'{"v": 1}', "time: found None, wanted iso"),
    (b'{"t": "2026-01-31T12:00:00", "v": 1}', "without an offset"), (b'{"t": 5, "v": 1}', "time: found 5, wanted iso"),
    (b'{"t": "2026-01-31T12:00:00Z"}', "found fields ['t'], wanted some of ['l', 'v']"),
    (b'{"t": "2026-01-31T12:00:00Z", "v": [1]}', "vibration_mm_s: found list, wanted a single value"),
    (b'{"t": "2026-01-31T12:00:00Z", "v": 1e999}', "vibration_mm_s: found inf, wanted a finite number"),
])
def test_what_is_no_reading_is_named(payload, why):
    with pytest.raises(Unreadable) as refused:
        read(payload)
    assert why in str(refused.value)


@pytest.mark.parametrize(("changed", "why"), [
    ({"topic": "plant/{machine}{machine}"}, "must be a whole level, once"),
    ({"topic": "plant/{site}/x"}, "is no place"),
    ({"topic": "plant/a+"}, "must be a whole level"), ({"machine": "id"}, "not both and not neither"),
    ({"topic": "plant/{machine}/{column}"}, "go together"), ({"columns": {}}, "at least 1 item"),
    ({"columns": {"v": "2nd column"}}, "should match pattern"),
])
def test_a_mapping_that_cannot_work_is_refused(changed, why):
    with pytest.raises(ParamsError, match=why):
        section(JsonTopic, ROWS | changed, "gateway.yaml")


def test_a_file_without_a_source_is_refused():
    rules = {"service": {"url": "http://127.0.0.1:8080"}, "folder": "x", "batch": {"rows": 1, "wait": "1s"},
             "join": {"wait": "1s", "grid": None}, "machines": None, "mqtt": None}
    with pytest.raises(ParamsError, match="nothing would be taken"):
        section(GatewayRules, rules, "gateway.yaml")


def test_the_examples_are_valid_and_the_unit_starts_the_command():
    for name in ("gateway.yaml", "opcua.yaml"):
        section(GatewayRules, read_yaml(DEPLOY / "gateway" / name), name)
    unit = (DEPLOY / "systemd/oilcan-gateway.service").read_text(encoding="utf-8")
    words = re.search(r"^ExecStart=\S+/oilcan (.+)$", unit, re.M)[1].split()
    assert cli.parser().parse_args(words).run.__module__ == "oilcan.cli.serving.gateway"


def put(queue: RowQueue, message: Message, **values: float) -> None:
    queue.put(Row("M1", 7, dict(values)), message, PAIR)
    queue.read(message)


def test_a_message_is_settled_when_the_reading_it_is_part_of_is():
    queue, messages = RowQueue(9, 60.0, lambda: 0.0), [Message("a"), Message("b")]
    put(queue, messages[0], load=1)
    assert queue.take(9, 0) == []
    put(queue, messages[1], speed=2)
    rows = queue.take(9, 0)
    assert [message.open for message in messages] == [1, 1]
    queue.settle(rows)
    assert ([message.open for message in messages], len(queue)) == ([0, 0], 0)


def test_a_reading_waits_for_its_columns_no_longer_than_allowed():
    now = [0.0]
    queue = RowQueue(9, 5.0, lambda: now[0])
    put(queue, Message("a"), load=1)
    now[0] = 5.1
    assert [row.values for row in queue.take(9, 0)] == [{"load": 1}]


def test_the_same_value_again_joins_and_another_value_goes_its_own_way():
    queue = RowQueue(9, 60.0, lambda: 0.0)
    put(queue, Message("a"), load=1)
    put(queue, Message("a again"), load=1)
    put(queue, Message("b"), load=3)
    assert [row.values for row in queue.take(9, 0)] == [{"load": 3}]
    assert len(queue) == 2


def test_a_sensor_that_stays_bad_does_not_fill_the_disk(tmp_path):
    now = [0.0]
    aside = KeptAside(tmp_path / "kept_aside.jsonl", clock=lambda: now[0])
    for second in range(0, int(2.5 * WHILE_S), 10):
        now[0] = float(second)
        aside.values([("ns=2;s=M1", "status: found BadSensorFailure, wanted Good", {"value": second})])
    aside.values([("ns=2;s=M2", "status: found BadSensorFailure, wanted Good", {"value": 0})])
    aside.finish()
    lines = [json.loads(line) for line in (tmp_path / "kept_aside.jsonl").read_text(encoding="utf-8").splitlines()]
    of_one = [line for line in lines if line["origin"] == "ns=2;s=M1"]
    assert len(of_one) == 3 * MOST_ALIKE + 1
    listed = sum("reading" in line for line in of_one)
    assert listed + sum(line.get("not_listed", 0) for line in of_one) == 900
    assert aside.why == {"unusable_value": 901}
