"""The stage monitor and its command: a verdict on stored tables, and never silence."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.stages.pipeline import run_stages

from oilcan.cli import main
from oilcan.core.timeline.groups import exact
from oilcan.ground.errors import DataError, IntegrityError
from oilcan.io.bundle import bundle_folder
from oilcan.io.stage import table_files
from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import layout_of
from oilcan.io.stores.tables.forecast_table import Forecasts
from oilcan.io.stores.values import Readings, Record
from oilcan.monitoring.limits.limit_material import Material
from oilcan.operations.watching import monitor
from oilcan.operations.watching.watch_request import EXIT
from oilcan.operations.watching.watched_model import open_watch, read_rules
from oilcan.operations.watching.watched_tables import CanonicalTables, StoreTables


@pytest.fixture
def canonical(watched_plant: Path, tmp_path: Path) -> Path:
    """A copy of the tables that a test may change."""
    return Path(shutil.copytree(watched_plant / "data/canonical", tmp_path / "canonical"))


def change(canonical: Path, edit) -> None:
    for path in sorted((canonical / "telemetry").glob("*.parquet")):
        table_files.write_table(edit(table_files.read_table(path)), path)


def command(plant: Path, canonical: Path, *more: str) -> list[str]:
    return ["monitor", "--bundle", str(plant / "models/bundle"), "--rules", str(plant / "monitoring.yaml"),
            "--material", str(plant / "models/reference/material.npz"), "--canonical", str(canonical), *more]


def test_the_stage_writes_five_figures_the_details_and_a_page(watched_plant: Path) -> None:
    run_stages(watched_plant, "demo_fleet", ("monitor",))
    figures = json.loads((watched_plant / "metrics/monitoring.json").read_text())
    assert sorted(figures) == ["alerts", "cost_per_machine_month_eur", "drifted_sensors", "open_alerts", "state"]
    details = json.loads((watched_plant / "metrics/detail/monitoring.json").read_text())
    assert [window["window"] for window in details["windows"]] == ["2024-05-06", "2024-05-13", "2024-05-20"]
    page = (watched_plant / "reports/monitoring.html").read_text()
    assert details["verdict"] in page.replace("&#39;", "'")
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "operator_name" not in json.dumps(details)


def test_without_rows_after_the_test_part_it_says_so(watched_plant: Path) -> None:
    contract = watched_plant / "datasets/demo_fleet.yaml"
    text = contract.read_text()
    contract.write_text("".join(line for line in text.splitlines(keepends=True) if "until" not in line))
    run_stages(watched_plant, "demo_fleet", ("monitor",))
    contract.write_text(text)
    assert json.loads((watched_plant / "metrics/monitoring.json").read_text())["state"] == "none"
    assert "no rows after the test part" in (watched_plant / "reports/monitoring.html").read_text()


def test_the_command_ends_with_3_on_an_alert_and_names_the_fault(
    watched_plant: Path, canonical: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def silence(table: pd.DataFrame) -> pd.DataFrame:
        late = (table["time"] >= "2024-05-20") & (table["machine_id"] == "M003")
        return table.assign(flow_m3_h=table["flow_m3_h"].mask(late))

    change(canonical, silence)
    assert main(command(watched_plant, canonical, "--since", "2024-05-06")) == EXIT["alert"]
    said = capsys.readouterr().out
    assert "Flow behind the filter is missing in 100% of the readings since 2024-05-20, on machine M003" in said


def test_one_machine_alone_is_cannot_tell(watched_plant: Path, canonical: Path) -> None:
    change(canonical, lambda table: table[(table["machine_id"] == "M003") | (table["time"] < "2024-04-01")])
    watch = open_watch(watched_plant / "models/bundle", read_rules(watched_plant / "monitoring.yaml"), None)
    report = monitor.watch_tables(watch, CanonicalTables(canonical), since=monitor.exact_time(
        "2024-05-06", watch.bundle.contract), until=None, machines_at_once=25)
    assert any("not enough data" in gap.reason for gap in report.windows[-1].unknown)
    assert report.state != "calm"


def test_a_clock_that_jumps_is_an_alert_and_moves_no_window(watched_plant: Path, canonical: Path) -> None:
    def jump(table: pd.DataFrame) -> pd.DataFrame:
        moved = (table["machine_id"] == "M002") & (table["time"] >= "2024-05-20")
        return table.assign(time=table["time"].mask(moved, table["time"] + pd.Timedelta(days=3000)))

    change(canonical, jump)
    watch = open_watch(watched_plant / "models/bundle", read_rules(watched_plant / "monitoring.yaml"), None)
    report = monitor.watch_tables(watch, CanonicalTables(canonical), since=monitor.exact_time(
        "2024-05-06", watch.bundle.contract), until=None, machines_at_once=25)
    assert report.axis.name(report.windows[-1].window) == "2024-05-20"
    assert any(each.alert.finding.rule == "clock" and each.alert.machines == ("M002",) for each in report.open)


def test_no_data_is_refused(watched_plant: Path, canonical: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(canonical, lambda table: table[table["time"] < "2024-03-01"])
    assert main(command(watched_plant, canonical)) == EXIT["unknown"]
    assert "no whole window" in capsys.readouterr().err
    assert main(command(watched_plant, canonical, "--until", "2024-06-01")) == EXIT["unknown"]
    assert "no reading at all in the window" in capsys.readouterr().out


def test_a_missing_reference_is_refused(watched_plant: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(watched_plant / "models/bundle", tmp_path / "bundle"))
    (bundle / "watch_reference.npz").unlink()
    with pytest.raises(IntegrityError, match=r"watch_reference.npz: missing"):
        open_watch(bundle, read_rules(watched_plant / "monitoring.yaml"), None)


@pytest.mark.parametrize("name", ["bundle/watch_reference.npz", "reference/material.npz"])
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0])
def test_one_changed_byte_of_a_reference_is_found_by_its_name(watched_plant: Path, tmp_path: Path, name, where) -> None:
    for folder in ("bundle", "reference"):
        shutil.copytree(watched_plant / "models" / folder, tmp_path / folder)
    content = bytearray((tmp_path / name).read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(IntegrityError, match=rf"{Path(name).name}: .*sha256 is"):
        open_watch(tmp_path / "bundle", read_rules(watched_plant / "monitoring.yaml"),
                   tmp_path / "reference/material.npz")


def test_a_whole_reference_of_another_model_is_found_by_its_name(watched_plant: Path, tmp_path: Path) -> None:
    other = Material.from_bytes((watched_plant / "models/reference/material.npz").read_bytes(), "here")
    kept = np.arange(1, len(other.group_of))
    (tmp_path / "material.npz").write_bytes(Material(other.cells.chosen(kept), other.group_of[kept],
                                                     other.is_explained[kept]).to_bytes())
    with pytest.raises(IntegrityError, match=r"material.npz: .*belongs to another model.*reference of the commit"):
        open_watch(watched_plant / "models/bundle", read_rules(watched_plant / "monitoring.yaml"),
                   tmp_path / "material.npz")


def test_another_window_needs_the_material(watched_plant: Path) -> None:
    rules = read_rules(watched_plant / "monitoring.yaml")
    with pytest.raises(DataError, match=r"--window month: .*dvc repro reference"):
        open_watch(watched_plant / "models/bundle", rules, None, "month")
    material = watched_plant / "models/reference/material.npz"
    assert open_watch(watched_plant / "models/bundle", rules, material, "day").reference.window == "day"
    with pytest.raises(DataError, match=r"not a whole number of days"):
        open_watch(watched_plant / "models/bundle", rules, material, "36h")


def stored(plant: Path, url: str) -> None:
    """The plant's tables as the service would have taken them in, in an order of its own, with its forecasts."""
    bundle = bundle_folder.load_bundle(plant / "models/bundle")
    tables = CanonicalTables(plant / "data/canonical")
    source = StoreTables.opened(url, bundle.contract)
    source.close()
    store = open_store(url)
    columns = source.columns
    store.use_layout(layout_of(bundle.contract, columns), 0)
    for piece in tables.pieces(bundle, 0, 25):
        shuffled = piece.telemetry.sample(frac=1, random_state=1)
        store.append(Readings(shuffled["machine_id"].tolist(), exact(shuffled["time"]),
                              shuffled[columns].to_numpy(float)), 1)
        names = [name for name in piece.forecasts if name not in ("machine_id", "time")]
        rows = piece.forecasts
        store.log_forecasts(Forecasts(bundle.digest, 1, "active", tuple(names), np.array(store.forecast_ids(len(rows))),
                                      rows["machine_id"].tolist(), exact(rows["time"]), rows[names].to_numpy(float)), 1)
    for table, kind in (("failures", "mode"), ("maintenance", "component"), ("errors", "code")):
        rows = tables.events[table]
        store.add_records(table, [Record(machine, int(time), what) for machine, time, what in zip(
            rows["machine_id"], exact(rows["time"]), rows[kind], strict=True)], 1)
    store.put_machines({row["machine_id"]: {name: row[name] for name in ("model", "site")}
                        for row in tables.machines.to_dict("records")}, 1)
    store.close()


def test_the_store_of_a_service_and_its_tables_say_the_same_of_the_same_windows(
    watched_plant: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/service.sqlite"
    stored(watched_plant, url)
    watch = open_watch(watched_plant / "models/bundle", read_rules(watched_plant / "monitoring.yaml"), None)
    since = monitor.exact_time("2024-05-06", watch.bundle.contract)
    sources = (StoreTables.opened(url, watch.bundle.contract), CanonicalTables(watched_plant / "data/canonical"))
    reports = [monitor.watch_tables(watch, source, since=since, until=None, machines_at_once=25) for source in sources]
    ours, tables = (report.details() for report in reports)
    for mine, theirs in zip(ours["windows"], tables["windows"], strict=True):
        for subject in ("inputs", "scaled", "context", "readings", "machines", "forecasts"):
            assert mine[subject] == pytest.approx(theirs[subject]) if isinstance(mine[subject], int) else (
                json.loads(json.dumps(mine[subject])) == json.loads(json.dumps(theirs[subject])))
    assert ours["outcomes"] == tables["outcomes"]


def test_a_decision_is_written_into_the_store_with_its_reasons(
    watched_plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/service.sqlite"
    stored(watched_plant, url)
    asked = ["decide", *command(watched_plant, watched_plant)[1:-2], "--store", url, "--since", "2024-05-06"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    store = open_store(url)
    decision = store.decisions.newest()[0]
    store.close()
    assert decision.detail["learnable"] <= len(decision.detail["alerts"])
    assert said.startswith(f"{decision.action}: {decision.reasons[0]}")


def test_a_store_that_cannot_be_read_is_cannot_tell(
    watched_plant: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"no database at all" * 100)
    asked = [*command(watched_plant, watched_plant)[:-2], "--store", f"sqlite:///{tmp_path}/broken.sqlite"]
    assert main(asked) == EXIT["unknown"]
    assert "cannot tell: " in capsys.readouterr().err
