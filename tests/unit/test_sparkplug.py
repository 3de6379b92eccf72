"""Sparkplug B: names from births, what is missing, and what comes again after a kill."""

from pathlib import Path

import pytest

from oilcan.gateway.mqtt.sparkplug import SparkplugReader
from oilcan.gateway.mqtt.sparkplug_births import BirthFiles
from oilcan.gateway.mqtt.sparkplug_payload import Payload
from oilcan.gateway.source_times import Instants
from oilcan.gateway.unreadable import Unreadable
from oilcan.ground.errors import IntegrityError
from oilcan.params.operating.gateway import SparkplugRules

RULES = {"group": "g", "machine": "device", "metrics": {"Vib": "vibration_mm_s", "Load": "load_pct"},
         "birth_values": False, "rebirth_every": "10s", "host_id": None}
VIB, LOAD = 1, 2


class Edge:
    """A reader with its files, and messages to it."""

    def __init__(self, folder: Path, **changed: object) -> None:
        self.asked: list[str] = []
        self.reader = SparkplugReader(SparkplugRules.model_validate(RULES | changed), Instants(None),
                                      BirthFiles(folder), self.asked.append)

    def birth(self, *, bd_seq: int = 1, born_ms: int = 1000, vib: int = VIB, load: int = LOAD, seq: int = 0) -> None:
        node = Payload(timestamp=born_ms, seq=seq)
        node.metrics.add(name="bdSeq", datatype=8, long_value=bd_seq)
        device = Payload(timestamp=born_ms, seq=seq + 1)
        device.metrics.add(name="Vib", alias=vib, datatype=10, double_value=1.5)
        device.metrics.add(name="Load", alias=load, datatype=3, int_value=0)
        for kind, payload in (("NBIRTH/n", node), ("DBIRTH/n/M1", device)):
            self.send(kind, payload)

    def send(self, kind: str, payload: object, *, is_repeated: bool = False) -> list[tuple]:
        decoded = self.reader.read(f"spBv1.0/g/{kind}", payload.SerializeToString(), is_repeated=is_repeated)
        if decoded.before_ack:
            decoded.before_ack()
        return [(row.machine, row.time[11:19], row.values) for row, _ in decoded.rows]

    def value(self, seq: int, time_ms: int = 2000, alias: int = VIB, **value: object) -> list[tuple]:
        return self.send("DDATA/n/M1", of_value(seq, time_ms, alias, **value))


def of_value(seq: int, time_ms: int = 2000, alias: int = VIB, **value: object) -> object:
    payload = Payload(timestamp=time_ms, seq=seq)
    payload.metrics.add(alias=alias, **(value or {"double_value": 2.5}))
    return payload


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    edge = Edge(tmp_path)
    edge.birth()
    return edge


def test_names_and_types_come_from_the_birth(edge):
    assert edge.value(2) == [("M1", "00:00:02", {"vibration_mm_s": 2.5})]
    assert edge.value(3, alias=LOAD, int_value=2**32 - 7) == [("M1", "00:00:02", {"load_pct": -7})]
    assert edge.value(4, is_null=True) == [("M1", "00:00:02", {"vibration_mm_s": None})]
    assert edge.value(5, double_value=float("nan")) == [("M1", "00:00:02", {"vibration_mm_s": None})]
    assert edge.asked == []


def test_metrics_of_one_message_become_one_reading_for_each_time(edge):
    payload = Payload(timestamp=9000, seq=2)
    payload.metrics.add(alias=VIB, timestamp=3000, double_value=1.0)
    payload.metrics.add(alias=LOAD, timestamp=3000, int_value=2)
    payload.metrics.add(name="Vib", double_value=4.0)
    payload.metrics.add(name="Not mapped", double_value=4.0)
    assert edge.send("DDATA/n/M1", payload) == [
        ("M1", "00:00:03", {"vibration_mm_s": 1.0, "load_pct": 2}),
        ("M1", "00:00:09", {"vibration_mm_s": 4.0})]


def test_values_of_a_birth_are_readings_where_the_file_says_so(tmp_path):
    edge = Edge(tmp_path, birth_values=True)
    device = Payload(timestamp=1000, seq=1)
    device.metrics.add(name="Vib", alias=VIB, datatype=10, double_value=1.5)
    assert edge.send("DBIRTH/n/M1", device) == [("M1", "00:00:01", {"vibration_mm_s": 1.5})]


@pytest.mark.parametrize("value", [{"double_value": float("inf")}, {"datatype": 13, "double_value": float("-inf")}])
def test_what_json_cannot_hold_is_kept_aside(edge, value):
    with pytest.raises(Unreadable, match="wanted a finite number"):
        edge.value(2, **value)


def test_after_a_missing_message_an_alias_is_not_believed_until_the_next_birth(edge):
    with pytest.raises(Unreadable, match="alias: found 1 with a message missing before it"):
        edge.value(4)
    assert set(edge.asked) == {"n"}
    assert edge.reader.gaps == 1
    edge.birth(born_ms=3000, vib=LOAD, load=VIB)        # the aliases mean something else now
    assert edge.value(2, alias=VIB, int_value=9) == [("M1", "00:00:02", {"load_pct": 9})]


def test_sequence_numbers_go_round(edge):
    for number in range(2, 600):
        edge.value(number % 256)
    assert edge.reader.gaps == 0


def test_data_without_a_birth_ask_for_it(tmp_path):
    edge = Edge(tmp_path)
    with pytest.raises(Unreadable, match="alias: found 1 of no birth"):
        edge.value(7)
    assert set(edge.asked) == {"n"}


def test_a_death_ends_the_aliases_and_that_of_an_earlier_connection_does_not(edge):
    late, own = Payload(), Payload()
    late.metrics.add(name="bdSeq", datatype=8, long_value=0)
    own.metrics.add(name="bdSeq", datatype=8, long_value=1)
    edge.send("NDEATH/n", late)
    assert edge.value(2)
    edge.send("NDEATH/n", own)
    with pytest.raises(Unreadable, match="of no birth"):
        edge.value(3)


def test_a_device_that_has_gone_has_no_aliases(edge):
    edge.send("DDEATH/n/M1", Payload(timestamp=1500, seq=2))
    with pytest.raises(Unreadable, match="of no birth"):
        edge.value(3)


@pytest.mark.usefixtures("edge")
def test_births_survive_a_restart_and_any_number_may_follow(tmp_path):
    again = Edge(tmp_path)
    assert again.value(77) == [("M1", "00:00:02", {"vibration_mm_s": 2.5})]
    assert again.asked == []


def test_what_comes_again_after_a_restart_is_never_read_by_newer_aliases(edge, tmp_path):
    """Acknowledged births are on the disk; what the broker sends once more from before them was stored."""
    edge.birth(born_ms=5000, vib=LOAD, load=VIB)
    again = Edge(tmp_path)
    with pytest.raises(Unreadable, match="older than the birth of n at 5000; it was stored before"):
        again.send("DDATA/n/M1", of_value(2, 4000), is_repeated=True)
    assert again.send("DDATA/n/M1", of_value(3, 6000, LOAD), is_repeated=True) == [
        ("M1", "00:00:06", {"vibration_mm_s": 2.5})]


def test_repeated_messages_are_no_gap(edge):
    for number in range(2, 8):
        edge.value(number)
    for number in (5, 6, 7, 8):
        edge.send("DDATA/n/M1", of_value(number), is_repeated=True)
    edge.value(9)
    assert edge.reader.gaps == 0


@pytest.mark.usefixtures("edge")
def test_a_damaged_file_of_births_is_named(tmp_path):
    file = next(tmp_path.glob("*.json"))
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"\.json: is no file of births .*Remove it"):
        Edge(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xff", b"\x08"])
def test_other_bytes_are_kept_aside(edge, content):
    with pytest.raises(Unreadable, match="found no Sparkplug B message"):
        edge.reader.read("spBv1.0/g/DDATA/n/M1", content, is_repeated=False)
