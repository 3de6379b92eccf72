"""The demo fleet goes on: first files and later months are, to the last bit, one longer draw."""

import dataclasses
import shutil

import pandas as pd
import pytest
import yaml
from tests.stages.running import ROOT, run_stage

from oilcan.contract import parse_contract
from oilcan.core.ingest import ingest
from oilcan.core.simulate import SCENARIOS, draw_fleet
from oilcan.ground.errors import OilcanError
from oilcan.io.raw_data.reading import read_raw
from oilcan.io.stage import table_files
from oilcan.operations.renewal.next_month import draw_next_month

CONTRACT = parse_contract((ROOT / "datasets/demo_fleet.yaml").read_text(), "demo_fleet.yaml")


@pytest.fixture
def root(tmp_path):
    """A repository whose fleet was drawn for the first forty days."""
    (tmp_path / "datasets").mkdir()
    shutil.copy(ROOT / "datasets/demo_fleet.yaml", tmp_path / "datasets")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["simulate"] |= {"machines": 3, "days": 40}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    run_stage("simulate", tmp_path / "datasets/demo_fleet.yaml", tmp_path / "data/raw/demo_fleet",
              params=tmp_path / "params.yaml")
    return tmp_path


def longer(root, days, scenario):
    """The files of one longer draw, whose scenario begins on the same day."""
    world = dataclasses.replace(SCENARIOS[scenario], start_share=40 / days)
    fleet = draw_fleet(machines=3, days=days, seed=20260101, start="2024-01-01", scenario=world, horizon_h=72,
                       lead_time_h=12)
    folder = root / "longer"
    folder.mkdir()
    table_files.write_tables({"telemetry": fleet.telemetry, "truth": fleet.truth}, folder)
    table_files.write_csvs({name: getattr(fleet, name) for name in ("errors", "maintenance", "failures", "machines")},
                           folder)
    return folder


@pytest.mark.parametrize("scenario", [None, "sensor_drift", "growing_fleet"])
def test_later_months_and_the_first_files_are_one_longer_draw(root, scenario):
    drawn = [draw_next_month(root, scenario) for _ in range(2)]
    assert [each.folder.name for each in drawn] == ["2024-02", "2024-03"]
    assert [(str(each.first.date()), str(each.end.date())) for each in drawn] == [
        ("2024-02-10", "2024-03-01"), ("2024-03-01", "2024-04-01")]
    parts = ingest(read_raw(CONTRACT, root / "data/raw/demo_fleet", root / "data/live/demo_fleet"), CONTRACT).tables
    whole = ingest(read_raw(CONTRACT, longer(root, 91, scenario or "none")), CONTRACT).tables
    for name, table in whole.items():
        pd.testing.assert_frame_equal(parts[name], table, check_exact=True)


def test_an_unknown_or_a_second_scenario_is_refused(root):
    with pytest.raises(OilcanError, match=r"--scenario: unknown \(found 'rain', wanted one of changed_mechanism"):
        draw_next_month(root, "rain")
    file = root / "params.yaml"
    file.write_text(file.read_text().replace("scenario: none", "scenario: holiday"))
    with pytest.raises(OilcanError, match="the first files have 'holiday' already"):
        draw_next_month(root, "sensor_drift")
