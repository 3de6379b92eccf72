"""A stage that can outgrow its host states its need before it starts, and refuses with a way out."""

from pathlib import Path

import pytest
from tests.stages.pipeline import run_stages
from tests.training_frames import COMPUTE, fleet, train_params, training_data

from oilcan.evaluation import fleet_and_forecasts
from oilcan.ground import needs
from oilcan.ground.errors import DataError
from oilcan.ground.needs import GIB, Need
from oilcan.monitoring.reference import reference_assembling
from oilcan.operations.partitioned import rows_for_training

STAGES = ("featurize", "train", "evaluate", "reference")
ENOUGH = 1 << 50
ALL = Need("featurize", "a table", "Lower compute.jobs.", memory=2 * GIB, disk=5 * GIB)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_refuses_what_does_not_fit_and_leaves_its_output(
    stage: str, watched_plant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_mtime_ns for path in watched_plant.rglob("*")}
    monkeypatch.setattr(needs, "available_memory", lambda: 1000)
    with pytest.raises(DataError, match=rf"^{stage}: .* takes \d+\.\d GiB of memory \(found 0\.0 GiB free\)\. \w+ "):
        run_stages(watched_plant, "demo_fleet", [stage])
    after = {path: path.stat().st_mtime_ns for path in watched_plant.rglob("*") if path.is_file()}
    assert after == {path: before.get(path) for path in after}


@pytest.mark.parametrize(("free", "message"), [
    ({"free_memory": 2**30, "free_disk": ENOUGH}, r"takes 2\.0 GiB of memory \(found 1\.0 GiB free\)\. Lower"),
    ({"free_memory": ENOUGH, "free_disk": 2**30}, r"takes 5\.0 GiB of disk \(found 1\.0 GiB free\)\. Lower"),
])
def test_memory_and_disk_are_each_refused(free: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        ALL.check(tmp_path, **free)


def test_what_fits_is_not_spoken_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ALL.check(tmp_path, free_memory=ENOUGH, free_disk=ENOUGH)
    ALL.check(free_memory=ENOUGH, free_disk=0)              # nothing large is written
    assert capsys.readouterr() == ("", "")


def test_a_need_grows_with_what_it_depends_on() -> None:
    small, large = (training_data(fleet(machines=machines)) for machines in (4, 8))
    one, two = (COMPUTE.model_copy(update={"jobs": jobs}) for jobs in (1, 2))
    far = COMPUTE.model_copy(update={"backend": "dask", "address": "tcp://10.0.0.5:8786"})
    training = [rows_for_training.need(data, len(data.train.rows), train_params(), compute).memory
                for data, compute in ((small, far), (small, one), (large, one), (large, two))]
    assert training == sorted(set(training))
    assert fleet_and_forecasts.need(100, 20).memory < fleet_and_forecasts.need(200, 20).memory
    assert reference_assembling.need(100, 300, 9).memory < reference_assembling.need(200, 300, 9).memory
