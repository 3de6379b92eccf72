"""The guarantees of TFX's components, one test each under the component's name, and a twin in which it must say no.

docs/tfx.md says what does each of them here.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests import online_frames
from tests.canonical_frames import failures, telemetry, write_canonical, write_contract
from tests.conftest import ROOT
from tests.ops.conftest import bundle_of, make
from tests.ops.test_registry import AT, in_service, put
from tests.stages.running import run_stage
from tests.training_frames import fleet, plan, train_params, training_data
from tests.unit.test_gate import GOOD, PARAMS, POLICY, QUALITY, TASKS, rival

from oilcan.governance.compare import everywhere
from oilcan.governance.gate import judge
from oilcan.ground.errors import DataError, IntegrityError, OilcanError
from oilcan.ground.hashing import sha256
from oilcan.ground.section import section
from oilcan.io.bundle.bundle_folder import MANIFEST, SEAL
from oilcan.io.stage import files
from oilcan.operations.governing.lineage_of import ModelLineage, lineage_of
from oilcan.operations.governing.server_check import check_server
from oilcan.operations.tuning import search_space
from oilcan.training.sample import Sample
from oilcan.training.targets import Target

pytestmark = pytest.mark.slow


def _validate(folder: Path, heat: float) -> dict:
    """The stage `validate` on a small fleet whose sensor reads `heat` [K] on average."""
    rows = telemetry()
    write_contract(folder)
    write_canonical(folder, rows.assign(heat=rows["heat"] - rows["heat"].mean() + heat), failures())
    outs = [folder / name for name in ("data_quality.json", "detail.json", "page.html", "quarantine.parquet")]
    run_stage("validate", folder / "toy.yaml", folder / "canonical", *outs, params=ROOT / "params.yaml")
    return json.loads(outs[1].read_text(encoding="utf-8"))


def test_example_validator_passes_data_that_fit_the_contract(tmp_path):
    assert _validate(tmp_path, 300.0)["passed"] is True


def test_example_validator_refuses_readings_in_another_unit(tmp_path):
    with pytest.raises(DataError, match=r"(?s)heat: [0-9,]+ of [0-9,]+ readings outside.* K"):
        _validate(tmp_path, 300.0 - 273.15)
    assert not (tmp_path / "quarantine.parquet").exists()


def _streamed(distortion: float) -> online_frames.Stream:
    """A fleet whose readings came to the service one after the other, each times `distortion`."""
    known, tables = online_frames.plan_for(3, "3h, 10h")
    live = online_frames.Stream(known, tables, online_frames.contract("3h, 10h"), 1, None)
    live.values = live.values * distortion
    live.send(np.argsort(tables.telemetry["time"].to_numpy(), kind="stable"))
    return live


def test_transform_gives_the_service_the_features_that_the_model_learned_from():
    _streamed(1.0).check()


def test_transform_that_differs_in_the_service_is_noticed():
    with pytest.raises(AssertionError, match=r"^\[\("):
        _streamed(1.01).check()


def _scores(change: str) -> list[float]:
    """Score of each candidate, after the rows of one part were turned to noise."""
    rows, matrix, broken = fleet()
    of_part = (rows["part"] == change).to_numpy()
    matrix[of_part] = np.random.default_rng(5).normal(size=(int(of_part.sum()), matrix.shape[1]))
    part = training_data((rows, matrix, broken)).train
    target = Target("failure", "failure_within")
    space = section(search_space.Space, yaml.safe_load((ROOT / "tune.yaml").read_text(encoding="utf-8")), "tune.yaml")
    search = search_space.Search.of(target, "hist_gradient_boosting", space, train_params(),
                                    tuple(plan(matrix.shape[1]).names))
    sample = Sample.of(target, part.rows, part.matrix)
    return [search_space.judge(search, {"iterations": n}, sample, seed=1).mean for n in (1, 25)]


def test_tuner_prefers_the_better_candidate_and_does_not_see_the_test_part():
    few, many = _scores("none")
    assert many > few
    assert _scores("test") == [few, many]


def test_tuner_notices_another_training_part():
    assert _scores("train") != _scores("none")


def test_evaluator_blesses_a_model_that_is_better_on_every_slice():
    comparisons = everywhere(rival(better=True), {}, POLICY, PARAMS)
    assert judge(GOOD, QUALITY, comparisons, POLICY, TASKS).decision == "promote"


def test_evaluator_withholds_its_blessing_from_a_worse_and_from_an_uncalibrated_model():
    comparisons = everywhere(rival(better=False), {}, POLICY, PARAMS)
    assert judge(GOOD, QUALITY, comparisons, POLICY, TASKS).decision == "hold"
    uncalibrated = GOOD | {"test": GOOD["test"] | {"ece": 0.2}}
    assert judge(uncalibrated, QUALITY, [], POLICY, TASKS).decision == "reject"


@pytest.fixture
def bundle(_small_repo, tmp_path) -> Path:
    """A copy of the bundle of the small fleet."""
    return Path(shutil.copytree(_small_repo.path / "models/bundle", tmp_path / "bundle"))


def test_infra_validator_starts_the_real_server_and_compares_its_answers(bundle):
    assert check_server(bundle).endswith("rows with the numbers of the batch")


def test_infra_validator_refuses_a_model_that_forecasts_otherwise_where_it_is_served(bundle):
    rows = np.load(bundle / "check_rows.npy")
    rows["expected_p_failure"] *= 0.5
    np.save(bundle / "check_rows.npy", rows)
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest["files"]["check_rows.npy"] |= {"sha256": sha256(bundle / "check_rows.npy")}
    files.write_json(manifest, bundle / MANIFEST)
    files.write_text(f"{sha256(bundle / MANIFEST)}  {MANIFEST}\n", bundle / SEAL)
    with pytest.raises(OilcanError, match=r"the server does not start with this bundle.*p_failure"):
        check_server(bundle)


def test_pusher_puts_a_blessed_model_into_service(registry, models):
    put(registry)
    assert in_service(registry) == ("v1.0.0", bundle_of(models / "second"))


def test_pusher_leaves_the_service_alone_without_a_blessing(registry, models):
    put(registry)
    before = in_service(registry)
    make(registry, models / "third", decision="reject")
    with pytest.raises(OilcanError, match="the gate decided 'reject'"):
        put(registry)
    assert in_service(registry) == before


def test_ml_metadata_leads_from_a_model_to_its_data_and_approver(registry, models):
    put(registry)
    found = lineage_of(registry.path, bundle_of(models / "second"))
    assert isinstance(found, ModelLineage)
    assert (list(found.data), found.approvals[0]["by"]) == (["made"], "Ada")


def test_ml_metadata_that_do_not_fit_the_bytes_are_refused(registry):
    lock = registry.path / "dvc.lock"
    recorded = yaml.safe_load(lock.read_text())["stages"]["package"]["outs"][0]["md5"]
    lock.write_text(lock.read_text().replace(recorded, f"{'0' * 32}.dir"))
    registry.commit("a record that was edited")
    with pytest.raises(IntegrityError, match="is not the bundle of commit"):
        put(registry, at=AT)
