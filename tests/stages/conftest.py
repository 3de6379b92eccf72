"""A plant that was drawn, learned and packaged once, with three weeks after its test part."""

from pathlib import Path

import pytest
import yaml
from tests.stages.pipeline import STAGES, place, run_stages
from tests.stages.running import ROOT, run_stage


@pytest.fixture(scope="session")
def _watched_plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    contract = yaml.safe_load((ROOT / "datasets/demo_fleet.yaml").read_text())
    contract["split"] |= {"validation": "2024-03-20", "test": "2024-04-15", "until": "2024-05-06"}
    place(folder, "demo_fleet", yaml.safe_dump(contract, sort_keys=False), {})
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["simulate"] |= {"machines": 12, "days": 150, "scenario": "sensor_drift"}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_stage("simulate", Path("datasets/demo_fleet.yaml"), Path("data/raw/demo_fleet"),
                  params=folder / "params.yaml")
        run_stages(folder, "demo_fleet", STAGES[: STAGES.index("review")])
    return folder


@pytest.fixture
def watched_plant(_watched_plant: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that `monitor` reads; the folder is the current one while the test runs."""
    monkeypatch.chdir(_watched_plant)
    return _watched_plant
