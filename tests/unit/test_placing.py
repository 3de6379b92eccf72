import hashlib
from pathlib import Path

import pytest

from oilcan.contract import Contract, parse_contract
from oilcan.ground.errors import DataError
from oilcan.io.raw_data.placing import place, renew_pins
from oilcan.io.raw_data.queries import record_pins

A, B = b"a,b\n1,2\n", b"a,b\n3,4\n"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def contract(**files: bytes | None) -> Contract:
    listed = ", ".join(f"{{path: {path}, sha256: {sha(content)}}}" if content is not None else f"{{path: {path}}}"
                       for path, content in files.items())
    return parse_contract(f"""
name: press
version: 1
description: d
source: {{licence: CC0-1.0, files: [{listed}]}}
time: {{kind: none}}
tables:
  telemetry:
    grain: g
    files: ["*.csv"]
    columns:
      machine_id: {{type: text, unit: none, description: d}}
      bad: {{type: flag, unit: none, role: label, description: d}}
failures: {{from: none}}
tasks: {{bad: {{kind: label, column: bad}}}}
split: {{by: row, validation: 0.2, test: 0.2}}
costs: {{missed_failure_eur: 1, false_alarm_eur: 1, planned_repair_eur: 1}}
""", "press.yaml")


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_files_are_found_at_any_depth_and_put_where_the_contract_says(tmp_path):
    write(tmp_path / "here/deep/down/a.csv", A)
    write(tmp_path / "here/b.csv", B)
    wanted = contract(**{"a.csv": A, "daily/b.csv": B})
    placed = place(wanted, tmp_path / "here", tmp_path / "raw")
    assert (placed.copied, placed.right) == (["a.csv", "daily/b.csv"], [])
    assert (tmp_path / "raw/daily/b.csv").read_bytes() == B


def test_placing_twice_copies_nothing(tmp_path):
    write(tmp_path / "here/a.csv", A)
    place(contract(**{"a.csv": A}), tmp_path / "here", tmp_path / "raw")
    again = place(contract(**{"a.csv": A}), tmp_path / "nowhere", tmp_path / "raw")
    assert (again.copied, again.right) == ([], ["a.csv"])


def test_of_several_files_of_one_name_the_digest_chooses(tmp_path):
    write(tmp_path / "here/1/a.csv", B)
    write(tmp_path / "here/2/a.csv", A)
    place(contract(**{"a.csv": A}), tmp_path / "here", tmp_path / "raw")
    assert (tmp_path / "raw/a.csv").read_bytes() == A


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_copied(tmp_path):
    write(tmp_path / "here/a.csv", A)
    write(tmp_path / "here/b.csv", A)
    wanted = contract(**{"a.csv": A, "b.csv": B, "c.csv": B})
    with pytest.raises(DataError, match=r"(?s)nothing was copied.*b\.csv: other bytes.*c\.csv: no file of that name"):
        place(wanted, tmp_path / "here", tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_another_version_is_taken_when_asked_for_and_its_pin_is_given(tmp_path):
    write(tmp_path / "here/a.csv", B)
    placed = place(contract(**{"a.csv": A}), tmp_path / "here", tmp_path / "raw", any_version=True)
    assert placed.pins == {sha(A): sha(B)}
    assert renew_pins(f"sha256: {sha(A)}  # mine", placed.pins) == f"sha256: {sha(B)}  # mine"


def test_files_that_lie_in_place_can_be_accepted_where_they_are(tmp_path):
    write(tmp_path / "raw/a.csv", B)
    placed = place(contract(**{"a.csv": A}), tmp_path / "raw", tmp_path / "raw", any_version=True)
    assert (placed.copied, (tmp_path / "raw/a.csv").read_bytes()) == (["a.csv"], B)


def test_a_file_without_digest_needs_one_candidate(tmp_path):
    write(tmp_path / "here/1/a.csv", A)
    write(tmp_path / "here/2/a.csv", B)
    with pytest.raises(DataError, match="several files of that name and different bytes"):
        place(contract(**{"a.csv": None}), tmp_path / "here", tmp_path / "raw")
    place(contract(**{"a.csv": None}), tmp_path / "here/2", tmp_path / "raw")
    assert (tmp_path / "raw/a.csv").read_bytes() == B


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="not a folder"):
        place(contract(**{"a.csv": A}), tmp_path / "nowhere", tmp_path / "raw")


def test_another_version_takes_the_place_of_files_that_were_right_when_asked(tmp_path):
    write(tmp_path / "raw/a.csv", A)
    write(tmp_path / "fixed/a.csv", B)
    assert place(contract(**{"a.csv": A}), tmp_path / "fixed", tmp_path / "raw").copied == []
    placed = place(contract(**{"a.csv": A}), tmp_path / "fixed", tmp_path / "raw", any_version=True)
    assert (placed.copied, placed.pins) == (["a.csv"], {sha(A): sha(B)})
    assert (tmp_path / "raw/a.csv").read_bytes() == B


def test_a_file_without_a_digest_is_compared_with_the_one_in_place_and_gets_its_digest(tmp_path):
    write(tmp_path / "here/a.csv", A)
    first = place(contract(**{"a.csv": None}), tmp_path / "here", tmp_path / "raw")
    assert (first.copied, first.first_pins) == (["a.csv"], {"a.csv": sha(A)})
    again = place(contract(**{"a.csv": None}), tmp_path / "here", tmp_path / "raw")
    assert (again.copied, again.right) == ([], ["a.csv"])
    write(tmp_path / "here/a.csv", B)
    with pytest.raises(DataError, match=r"(?s)nothing was copied.*a.csv: other bytes than the file in place"):
        place(contract(**{"a.csv": None}), tmp_path / "here", tmp_path / "raw")
    assert (tmp_path / "raw/a.csv").read_bytes() == A
    taken = place(contract(**{"a.csv": None}), tmp_path / "here", tmp_path / "raw", any_version=True)
    assert (taken.copied, taken.first_pins) == (["a.csv"], {"a.csv": sha(B)})


@pytest.mark.parametrize("entry", ["{path: a.csv}", "{path: a.csv, sha256: null}", "{path: 'a.csv', sha256: ~}"])
def test_a_digest_is_filled_in_however_the_contract_leaves_it_open(entry):
    assert f"sha256: {sha(A)}" in record_pins(f"files: [{entry}]  # mine", {"a.csv": sha(A)})
    with pytest.raises(DataError, match="Write there `sha256: 00ff`"):
        record_pins("files: [{licence: x}]", {"a.csv": "00ff"})
