"""A draft of each collected situation, and of each real data set that is here, leaves at most six marks.

Filled in, it is valid, reads the files and keeps what a person would keep.
"""

import re

import pytest
from tests.stages.test_cases import CASES, failures, local, readings
from tests.stages.test_real_contracts import DATASETS

from oilcan.contract import UNKNOWN, parse_contract
from oilcan.core.draft import draft_contract
from oilcan.core.ingest import examine
from oilcan.io.raw_data.inspection import look_at
from oilcan.io.raw_data.reading import read_raw

MOST_MARKS = 6
ANSWERS = (
    (r"horizon: FILL_IN", "horizon: 24h"), (r"cap: FILL_IN", "cap: 125 cycles"), (r"(_eur): FILL_IN", r"\1: 100"),
    (r"zone: FILL_IN", "zone: UTC"), (r"format: FILL_IN", "format: '%d/%m/%Y %H:%M'"),
    (r"failures: \{from: FILL_IN\}", "failures: {from: end_of_life}"),
)
SITUATIONS = {
    name: next(case for case in CASES if case.name == name and not case.says) for name in sorted(
        {case.name for case in CASES if not case.says})
}


def drafted(folder, paths, name="case"):
    text = draft_contract(name, look_at(paths))
    marks = text.partition("\n")[2].count(UNKNOWN)
    for pattern, answer in ANSWERS:
        text = re.sub(pattern, answer, text)
    contract = parse_contract(text, "draft.yaml")
    return marks, text, contract, examine(read_raw(contract, folder), contract, max_rejected_share=0.05)


def written(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return [folder / name for name in files]


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_draft_of_each_situation_reads_its_files(name, tmp_path):
    case = SITUATIONS[name]
    files = {"failures.csv": failures()} | case.files
    if "failures: {from: flag" in str(case.changes):
        del files["failures.csv"]
    if not any(file != "failures.csv" and file != "jobs.csv" for file in files):
        files["readings.csv"] = readings()
    if name == "01-unclosed-quote":                 # whose quotation marks a person has to judge
        files["failures.csv"] = failures()
    marks, text, _, done = drafted(tmp_path, written(tmp_path, files))
    assert marks <= MOST_MARKS, text
    assert done.breaches == [], text
    tables = done.canonical.tables
    wanted = {"06-failure-in-a-refused-row": 60}.get(name, case.kept)       # a sensor with gaps is drafted as nullable
    assert (len(tables["telemetry"]), tables["telemetry"]["machine_id"].nunique()) == (wanted, case.machines), text


def test_words_among_numbers_do_not_lose_a_sensor(tmp_path):
    content = readings().replace("60.00", "Bad Input").replace("61.00", "I/O Timeout")
    paths = written(tmp_path, {"telemetry.csv": content, "failures.csv": failures()})
    _, text, contract, done = drafted(tmp_path, paths)
    line = next(line for line in text.splitlines() if " temp: {" in line)
    assert "type: number" in line
    assert "nullable: true" in line
    assert "words: Bad Input, I/O Timeout" in line
    assert contract.tables["telemetry"].missing == ["", "Bad Input", "I/O Timeout"]
    assert done.canonical.tables["telemetry"]["temp"].isna().sum() == content.count("Bad") + content.count("I/O")


def test_names_with_glob_characters_are_found_again(tmp_path):
    paths = written(tmp_path, {"telemetry[1].csv": readings(), "failures[1].csv": failures()})
    _, _, contract, done = drafted(tmp_path, paths)
    assert contract.tables["telemetry"].files == ["telemetry[[]1].csv"]
    assert len(done.canonical.tables["telemetry"]) == 96


def test_the_index_of_pandas_is_a_header(tmp_path):
    content = readings(header=",machine,time,temp,press", row="7,{machine},{time},{temp},{press}")
    _, text, contract, done = drafted(tmp_path, written(tmp_path, {"telemetry.csv": content,
         "failures.csv": failures()}))
    assert contract.tables["telemetry"].header
    assert list(contract.tables["telemetry"].columns) == ["machine_id", "time", "temp", "press"], text
    assert len(done.canonical.tables["telemetry"]) == 96


@pytest.mark.parametrize("word", ["run", "lot", "batch_id"])
def test_runs_and_lots_are_machines_and_their_count_is_time(word, tmp_path):
    rows = [f"{run},{step},{20 + step / 3:.2f}" for run in (1, 2, 3) for step in range(1, 40 + run)]
    paths = written(tmp_path, {"runs.csv": "\n".join([f"{word},Timestamp,heat", *rows, ""])})
    marks, _, contract, done = drafted(tmp_path, paths)
    assert marks <= MOST_MARKS
    assert (contract.time.kind, contract.failures.source) == ("cycle", "end_of_life")
    assert done.canonical.tables["telemetry"]["machine_id"].nunique() == 3


def test_sensors_in_files_of_their_own_are_joined_and_not_stacked(tmp_path):
    def sensor(plus):
        return readings(header="machine,time,value", row="{machine},{time},{temp:.1f}").replace(".0\n", f".{plus}\n")

    paths = written(tmp_path, {"oil_temp.csv": sensor(1), "pressure.csv": sensor(2), "failures.csv": failures()})
    _, text, _, done = drafted(tmp_path, paths)
    telemetry = done.canonical.tables["telemetry"]
    assert len(telemetry) == 96, text
    assert {"oil_temp", "pressure"} <= set(telemetry)
    assert (telemetry["pressure"] - telemetry["oil_temp"]).round(3).unique().tolist() == [0.1]


def test_an_empty_file_is_skipped_with_a_note(tmp_path):
    paths = written(tmp_path, {"telemetry.csv": readings(), "telemetry_b.csv": "", "failures.csv": failures()})
    _, text, contract, _ = drafted(tmp_path, paths)
    assert "# skipped, holds no row: telemetry_b.csv" in text
    assert [file.path for file in contract.source.files] == ["failures.csv", "telemetry.csv"]


def test_a_row_of_units_gives_the_units(tmp_path):
    content = readings(header="machine,time,temp,press\n,,degF,kPa")
    _, _, contract, _ = drafted(tmp_path, written(tmp_path, {"telemetry.csv": content, "failures.csv": failures()}))
    columns = contract.tables["telemetry"].columns
    assert (columns["temp"].unit, columns["press"].unit) == ("degF", "kPa")


def test_an_end_behind_the_start_of_failures_is_until(tmp_path):
    stops = failures(header="machine,start,end,mode", row="{machine},{time},{end},seal")
    _, text, _, done = drafted(tmp_path, written(tmp_path, {"telemetry.csv": readings(), "failures.csv": stops}))
    assert "until: {from: end" in text
    assert done.counts["telemetry"]["excluded"] == {"inside a stop": 8}


def test_dates_that_can_be_read_in_two_ways_are_told_apart_by_the_rhythm_of_readings(tmp_path):
    paths = written(tmp_path, {"telemetry.csv": readings(local("%d/%m/%Y %H:%M")), "failures.csv": failures(local(
        "%d/%m/%Y %H:%M"))})
    marks, text, contract, _ = drafted(tmp_path, paths)
    assert marks <= MOST_MARKS, text
    assert {table.columns["time"].format for table in contract.tables.values()} == {"%d/%m/%Y %H:%M"}


SHARED = {
    "ai4i2020": ["ai4i2020/*.csv"], "azure_pdm_daily": ["azure_pdm/PdM_[efm]*.csv", "azure_pdm/telemetry_daily*.csv"],
    "azure_pdm_hourly": ["azure_pdm/PdM_*.csv"], "backblaze_2013": ["backblaze_2013/daily/2013-04-1*.gz"],
    "cmapss_fd001": ["cmapss/*FD001.txt"], "cmapss_fd002": ["cmapss/*FD002.txt"],
}


class TestSharedSets:
    """Drafts of the real data sets that are here; not collected where there are none."""

    __test__ = DATASETS.is_dir()

    @pytest.mark.parametrize("name", SHARED)
    def test_a_draft_of_a_real_data_set_leaves_at_most_six_marks(self, name):
        paths = [path for pattern in SHARED[name] for path in sorted(DATASETS.glob(pattern))]
        text = draft_contract(name, look_at(paths))
        assert text.partition("\n")[2].count(UNKNOWN) <= MOST_MARKS, text
        for pattern, answer in ANSWERS:
            text = re.sub(pattern, answer, text)
        parse_contract(text, "draft.yaml")


@pytest.mark.parametrize(("column", "unit"), [("t_s", "s"), ("Time [min]", "min"), ("operating_hours", "h")])
def test_running_time_is_told_from_cycles_by_its_unit(column, unit, tmp_path):
    rows = [f"{run},{step / 2},{20 + step / 3:.2f}" for run in (1, 2, 3) for step in range(1, 40 + run)]
    paths = written(tmp_path, {"runs.csv": "\n".join([f"run,{column},heat", *rows, ""])})
    text = draft_contract("rig", look_at(paths))
    assert text.partition("\n")[2].count(UNKNOWN) <= MOST_MARKS, text
    contract = parse_contract(re.sub(r"(_eur): FILL_IN", r"\1: 100", text.replace("cap: FILL_IN", f"cap: 15{unit}")),
                              "draft.yaml")
    assert (contract.time.kind, contract.time.unit, contract.failures.source) == ("elapsed", unit, "end_of_life")
    assert contract.time.period.words == f"0.5 {unit}"
    done = examine(read_raw(contract, tmp_path), contract)
    assert done.breaches == []
    assert contract.time.plain(done.canonical.tables["telemetry"]["time"].max()) == 21.0
