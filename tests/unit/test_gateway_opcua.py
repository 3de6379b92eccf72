"""The rules of OPC UA and the spool: what is refused, and that nothing is half written."""

import sqlite3
from pathlib import Path

import pytest

from oilcan.gateway.opcua.node_values import NodeValue
from oilcan.gateway.opcua.spool import Spool
from oilcan.gateway.row_queue import Row
from oilcan.ground.errors import IntegrityError, ParamsError
from oilcan.ground.section import section
from oilcan.io.stage.stage_inputs import read_yaml
from oilcan.params.operating.opcua import OpcuaRules

EXAMPLE = read_yaml(Path(__file__).parents[2] / "deploy/gateway/opcua.yaml")["opcua"]
NODE = EXAMPLE["nodes"][0]
ROW = Row("M1", "2026-01-31T12:00:00+00:00", {"load": 7, "speed": None})


@pytest.mark.parametrize(("changed", "why"), [
    ({"security": None}, "to plc.plant unsigned and readable by anybody"),
    ({"security": EXAMPLE["security"] | {"policy": "Basic256"}}, "policy"),
    ({"security": EXAMPLE["security"] | {"mode": "None"}}, "mode"),
    ({"url": "opc.tcp://gateway:secret@plc.plant:4840"}, "url"),
    ({"nodes": []}, "at least 1 item"),
    ({"nodes": [NODE, NODE]}, r"M002.Vibration is listed 2 times.*vibration_mm_s of machine M003 is listed 2 times"),
    ({"nodes": [NODE | {"node": "ns=2;s=Vibration"}]}, "several machines need {machine}"),
    ({"nodes": [NODE | {"node": "Vibration"}]}, "should match pattern"),
])
def test_rules_that_cannot_work_or_are_not_safe_are_refused(changed, why):
    with pytest.raises(ParamsError, match=why):
        section(OpcuaRules, EXAMPLE | changed, "gateway.yaml")


@pytest.mark.parametrize("changed", [{"unsecured": True}, {"url": "opc.tcp://127.0.0.1:4840"},
                                     {"url": "opc.tcp://[::1]:4840"}, {"url": "opc.tcp://localhost/plant"}])
def test_no_security_is_taken_here_or_where_the_file_says_so(changed):
    section(OpcuaRules, EXAMPLE | {"security": None} | changed, "gateway.yaml")


def test_readings_and_the_values_they_came_from_are_written_together_or_not_at_all(tmp_path):
    spool = Spool(tmp_path / "spool.db")
    spool.add([ROW], [NodeValue("a", "M1", "load", 5, 7, None, 7)])
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        spool.add([ROW], [NodeValue(None, "M1", "load", 6, 7, None, 7)])      # type: ignore[arg-type]
    spool.close()
    spool = Spool(tmp_path / "spool.db")
    assert ([row for _, row in spool.after(0, 10)], spool.last(), len(spool)) == ([ROW], {("a", 5): 7}, 1)
    spool.close()


def test_numbers_of_readings_that_are_gone_are_not_given_again(tmp_path):
    spool = Spool(tmp_path / "spool.db")
    spool.add([ROW, ROW], [])
    spool.remove([1, 2])
    spool.add([ROW], [])
    assert [number for number, _ in spool.after(2, 10)] == [3]
    spool.close()


@pytest.mark.parametrize("content", [b"no database at all " * 100, "PRAGMA user_version = 2"])
def test_a_file_that_is_no_spool_is_left_as_it_is(tmp_path, content):
    file = tmp_path / "spool.db"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        with sqlite3.connect(file) as connection:
            connection.execute(content)
        connection.close()
    with pytest.raises(IntegrityError, match="is no spool"):
        Spool(file)
