"""A draft says what can be seen, marks what cannot, and is a valid contract once that is filled in."""

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oilcan import cli
from oilcan.contract import UNKNOWN, Contract, parse_contract
from oilcan.core.draft import draft_contract
from oilcan.ground.errors import ContractError, DataError
from oilcan.io.raw_data.inspection import look_at

FILLED = (
    (r"failures: \{from: FILL_IN", "failures: {from: end_of_life"),
    (r"cap: FILL_IN", "cap: 125 cycles"),
    (r"(_eur): FILL_IN", r"\1: 100"),
    (r"zone: FILL_IN", "zone: Europe/Berlin"),
    (r"horizon: FILL_IN", "horizon: 24h"),
    (r"FILL_IN", "told"),
)


def fill_in(text: str) -> str:
    for pattern, value in FILLED:
        text = re.sub(pattern, value, text)
    return text


def draft(*paths: Path) -> str:
    return draft_contract("press", look_at(paths))


def contract(*paths: Path) -> Contract:
    return parse_contract(fill_in(draft(*paths)), "press.yaml")


def fleet(folder: Path) -> list[Path]:
    times = pd.date_range("2024-01-01", periods=48, freq="h")
    rows = [(machine, time) for machine in ("p-1", "p-2") for time in times]
    telemetry = pd.DataFrame(rows, columns=["machineID", "datetime"])
    telemetry["Vibration [mm/s]"] = np.linspace(1, 9, len(telemetry)).round(3)
    telemetry["site"] = telemetry["machineID"].map({"p-1": "north", "p-2": "south"})
    telemetry.loc[:9, "Vibration [mm/s]"] = None
    event = pd.DataFrame({"datetime": times[5:9], "machineID": "p-1"})
    tables = {
        "telemetry.csv": telemetry,
        "PdM_errors.csv": event.assign(errorID=["e1", "e2", "e1", "e3"]),
        "PdM_maint.csv": event.assign(comp="seal"),
        "PdM_failures.csv": event.assign(failure=["seal", "motor", "seal", "seal"]),
        "PdM_machines.csv": pd.DataFrame({"machineID": ["p-1", "p-2"], "model": ["a", "b"], "operator": ["Ann", "Bo"]}),
    }
    for name, table in tables.items():
        table.to_csv(folder / name, index=False)
    return [folder / name for name in tables]


def lives(folder: Path) -> list[Path]:
    generator = np.random.default_rng(1)
    for part, length in (("train", 30), ("test", 12)):
        lines = [f"{unit} {cycle} {generator.normal():.4f} 100.0 {20 + cycle}  "
                 for unit in (1, 2, 3) for cycle in range(1, length + unit)]
        (folder / f"{part}_X.txt").write_text("\n".join(lines) + "\n")
    (folder / "RUL_X.txt").write_text("12 \n30 \n9 \n")
    return [folder / "train_X.txt", folder / "test_X.txt", folder / "RUL_X.txt"]


def independent(folder: Path) -> list[Path]:
    count = 40
    failed = (np.arange(count) % 8 == 0).astype(int)
    table = pd.DataFrame({"UDI": range(1, count + 1), "Type": ["L", "M"] * 20, "Torque [Nm]": np.linspace(3, 70, count),
                          "Machine failure": failed, "TWF": failed * (np.arange(count) > 20)})
    (folder / "predictive_maintenance.csv").write_text(table.to_csv(index=False), encoding="utf-8-sig")
    return [folder / "predictive_maintenance.csv"]


@pytest.mark.parametrize("shape", [fleet, lives, independent])
def test_a_draft_is_refused_until_filled_in_and_valid_then(tmp_path, shape):
    text = draft(*shape(tmp_path))
    with pytest.raises(ContractError, match=f"still to be filled in \\(found '{UNKNOWN}'\\)"):
        parse_contract(text, "press.yaml")
    parse_contract(fill_in(text), "press.yaml")


def test_the_tables_of_a_fleet_are_told_apart(tmp_path):
    found = contract(*fleet(tmp_path))
    assert {name: table.files for name, table in found.tables.items()} == {
        "telemetry": ["telemetry.csv"], "errors": ["PdM_errors.csv"], "maintenance": ["PdM_maint.csv"],
        "failures": ["PdM_failures.csv"], "machines": ["PdM_machines.csv"]}
    assert [found.tables["errors"].columns["code"].source, found.tables["maintenance"].columns["component"].source,
            found.tables["failures"].columns["mode"].source] == ["errorID", "comp", "failure"]
    assert (str(found.time.period), found.tasks["failure"].modes, found.failures.source) == ("1h", True, "table")


def test_what_was_seen_stands_beside_each_column(tmp_path):
    text = draft(*fleet(tmp_path))
    line = next(line for line in text.splitlines() if "vibration" in line)
    assert line.strip() == (
        'vibration: {from: "Vibration [mm/s]", type: number, unit: mm/s, nullable: true, description: Vibration}'
        "  # seen 1.842 .. 9; missing 10.4%")
    assert "role: static" in next(line for line in text.splitlines() if "site:" in line)
    assert "about a person?" in next(line for line in text.splitlines() if "operator:" in line)
    assert "100% of the steps have this period" in text


def test_run_to_failure_is_recognised_without_a_header(tmp_path):
    found = contract(*lives(tmp_path))
    telemetry = found.tables["telemetry"]
    assert (found.time.kind, str(found.time.period), telemetry.separator, telemetry.header) == (
        "cycle", "1 cycles", "blank", False)
    assert (telemetry.files, telemetry.test_files) == (["train_X.txt"], ["test_X.txt"])
    assert (found.failures.source, found.failures.test_rul_files) == ("end_of_life", ["RUL_X.txt"])
    assert [column.source for column in telemetry.columns.values()] == [0, 1, 2, 3, 4]
    assert found.split.by == "given"


def test_independent_rows_get_a_label_and_lose_what_gives_it_away(tmp_path):
    found = contract(*independent(tmp_path))
    columns = found.tables["telemetry"].columns
    assert (found.time.kind, found.tasks["failure"].column) == ("none", "machine_failure")
    assert {name: columns[name].role for name in ("machine_failure", "twf", "torque")} == {
        "machine_failure": "label", "twf": "ignore", "torque": "sensor"}


def test_a_flag_in_the_last_row_is_taken_for_the_failure(tmp_path):
    for day in range(1, 6):
        rows = [f"2024-01-0{day},s{drive},{day},{int(drive == 2 and day == 3)}" for drive in (1, 2, 3)
                if not (drive == 2 and day > 3)]
        with gzip.open(tmp_path / f"2024-01-0{day}.csv.gz", "wt") as stream:
            stream.write("date,serial_number,smart_9_raw,retired\n" + "\n".join(rows) + "\n")
    found = contract(*sorted(tmp_path.glob("*.gz")))
    assert (found.failures.source, found.failures.column) == ("flag", "retired")
    assert found.tables["telemetry"].files == ["2024-01-0*.csv.gz"]
    assert str(found.time.period) == "24h"


def test_european_csv_is_read_as_it_is_meant(tmp_path):
    (tmp_path / "sensor.csv").write_bytes(
        "Maschine;Zeitstempel;machine_id;time;Öldruck\n".encode("latin-1")
        + "".join(f"x;y;p1;13.01.2024 {hour:02d}:00;{hour},5\n" for hour in range(24)).encode("latin-1"))
    found = contract(tmp_path / "sensor.csv").tables["telemetry"]
    assert (found.separator, found.decimal, found.encoding) == (";", ",", "latin-1")
    assert found.columns["time"].format == "%d.%m.%Y %H:%M"


def test_dates_that_can_be_read_in_two_ways_are_left_to_be_filled_in(tmp_path):
    rows = "".join(f"p1,0{month}/02/2024 10:00,{month}\n" for month in range(1, 8))
    (tmp_path / "sensor.csv").write_text("machine_id,time,x\n" + rows)
    line = next(line for line in draft(tmp_path / "sensor.csv").splitlines() if "time: {type: instant" in line)
    assert "format: FILL_IN" in line
    assert "format is one of %d/%m/%Y %H:%M, %m/%d/%Y %H:%M" in line


def test_missing_value_marks_are_listed(tmp_path):
    rows = "".join(f"p1,2024-01-01T{hour:02d}:00Z,{'NA' if hour % 3 else hour}\n" for hour in range(24))
    (tmp_path / "sensor.csv").write_text("machine_id,time,x\n" + rows)
    found = contract(tmp_path / "sensor.csv")
    assert found.tables["telemetry"].missing == ["", "NA"]
    assert found.time.zone == "UTC"


def test_parquet_is_looked_at(tmp_path):
    times = pd.date_range("2024-01-01", periods=5, freq="10min", tz="UTC")
    table = pd.DataFrame({"machine_id": ["a"] * 5, "time": times, "x": [1.0, 2.0, None, 4.0, 5.0]})
    table.to_parquet(tmp_path / "telemetry.parquet")
    found = contract(tmp_path / "telemetry.parquet")
    assert found.tables["telemetry"].format == "parquet"
    assert found.time.period.ticks == pytest.approx(1 / 6)
    assert found.tables["telemetry"].columns["x"].nullable


def test_files_that_cannot_be_read_are_all_told(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\x00\x01\x02")
    (tmp_path / "b.csv").write_text("")
    (tmp_path / "c.gz").write_bytes(b"\x1f\x8b broken")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 truncated")
    said = r"(?s)a\.csv: not readable.*c\.gz: not.*d\.parquet: not.*e\.csv: does not exist"
    with pytest.raises(DataError, match=said):
        look_at([tmp_path / name for name in ("a.csv", "b.csv", "c.gz", "d.parquet", "e.csv")])


def test_the_command_never_overwrites(tmp_path, monkeypatch, capsys):
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "raw").mkdir()
    monkeypatch.chdir(tmp_path)
    files = [str(path) for path in fleet(tmp_path / "raw")]
    assert cli.main(["dataset", "new", "press", *files]) == 0
    text = (tmp_path / "datasets/press.yaml").read_text()
    assert cli.main(["dataset", "new", "press", *files]) == 1
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "datasets/press.yaml").read_text() == text


@pytest.mark.parametrize("name", ["PressLine", "../evil", "2nd", "a b"])
def test_a_name_is_checked_before_anything_is_written(name, tmp_path, monkeypatch, capsys):
    for file in ("dvc.yaml", "params.yaml"):
        (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("machine_id,x\np,1\n")
    assert cli.main(["dataset", "new", name, "a.csv"]) == 1
    assert "no name for a data set" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "dvc.yaml", "params.yaml"]


def test_files_without_any_row_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("machine_id,x\n")
    with pytest.raises(DataError, match=r"press: no file has a row \(a\.csv\)"):
        draft(tmp_path / "a.csv")


def test_german_files_are_understood(tmp_path):
    times = pd.date_range("2024-03-01", periods=48, freq="h").strftime("%d.%m.%Y %H:%M")
    readings = pd.DataFrame({"Anlage": np.repeat(["P-1", "P-2"], 48), "Zeitpunkt": np.tile(times, 2),
                             "Öltemperatur_°C": [f"{40 + at / 7:.2f}".replace(".", ",") for at in range(96)],
                             "Last_%": [f"{at / 3:.2f}".replace(".", ",") for at in range(96)]})
    failed = pd.DataFrame({"Pumpe": ["P-1", "P-2"], "Ausfall": times[5:7], "Bauteil": ["Lager", "Dichtung"]})
    paths = [tmp_path / "messwerte.csv.gz", tmp_path / "ausfaelle.csv"]
    for table, path in zip((readings, failed), paths, strict=True):
        table.to_csv(path, index=False, sep=";")
    drafted = contract(*paths)
    columns = drafted.tables["telemetry"].columns
    assert columns["machine_id"].source == "Anlage"
    assert (columns["oeltemperatur_c"].unit, columns["last"].unit) == ("°C", "%")
    assert drafted.failures.source == "table"
    assert drafted.tables["failures"].columns["mode"].source == "Bauteil"
