import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.training_frames import COMPUTE, contract, fleet, train_params, training_data, write

from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.bundle.learned_rows import LearnedRows
from oilcan.core.bundle.normals import Normals
from oilcan.core.model.fitted import Fitted, Trained
from oilcan.ground.errors import IntegrityError
from oilcan.io.bundle import bundle_folder
from oilcan.io.bundle.model_folder import read_model, write_model
from oilcan.scoring.check import check, check_rows
from oilcan.scoring.scorer import columns, score
from oilcan.training.fit import train

FILES = ["check_rows.npy", "contract.yaml", "drift_reference.json", "forecasts.json", "learned_rows.npy",
         "manifest.json", "manifest.sha256", "normals.json", "plan.json", "trees/00-0.treelite", "trees/01-0.treelite",
         "trees/02-0.treelite", "trees/03-0.treelite"]


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(contract(), training_data(fleet()), train_params(), COMPUTE).trained


@pytest.fixture(scope="module")
def fitted(trained) -> Fitted:
    return trained.judged


@pytest.fixture
def packed(fitted, tmp_path) -> Path:
    paths = write(tmp_path, fleet(machines=2))
    data = training_data(fleet())
    folder = tmp_path / "bundle"
    folder.mkdir()
    bundle_folder.write_bundle(
        folder, contract=Path(paths["contract"]), plan=Path(paths["features"]) / "plan.json", fitted=fitted,
        drift_reference=DriftReference.learn(fitted.features, data.validation.matrix,
                                             columns(fitted.forecasts, data.validation.matrix)),
        normals=Normals(None, np.ones((1, len(fitted.features)))),
        check_rows=check_rows(fitted, data.validation.rows, data.validation.matrix, 20),
        learned=LearnedRows.of(data.rows),
        facts={"dataset": "fleet", "lineage": {}, "libraries": {}, "prepare": {"fill_gap_periods": 2}})
    return folder


def _reseal(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / bundle_folder.MANIFEST).read_text()) | changes
    (folder / bundle_folder.MANIFEST).write_text(json.dumps(manifest))
    digest = hashlib.sha256((folder / bundle_folder.MANIFEST).read_bytes()).hexdigest()
    (folder / bundle_folder.SEAL).write_text(f"{digest}  {bundle_folder.MANIFEST}\n")


def test_a_bundle_holds_these_files(packed):
    assert sorted(path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()) == FILES


def test_a_loaded_bundle_is_the_model_that_was_written(packed, fitted):
    loaded = bundle_folder.load_bundle(packed)
    assert loaded.fitted == fitted
    assert loaded.contract.name == "fleet"
    assert loaded.plan.hash == fitted.plan_hash
    assert loaded.digest == hashlib.sha256((packed / bundle_folder.MANIFEST).read_bytes()).hexdigest()


def test_a_loaded_bundle_scores_to_the_same_bits(packed, fitted):
    matrix = training_data(fleet(seed=9)).validation.matrix
    assert score(bundle_folder.load_bundle(packed).fitted, matrix).equals(score(fitted, matrix))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0])
def test_one_changed_byte_is_refused(packed, name, where):
    content = bytearray((packed / name).read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    (packed / name).write_bytes(content)
    is_seal = name in (bundle_folder.MANIFEST, bundle_folder.SEAL)
    found = r"manifest.json is not the one that manifest.sha256 names" if is_seal else rf"{name}: sha256 is"
    with pytest.raises(IntegrityError, match=found):
        bundle_folder.load_bundle(packed)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(packed, name):
    (packed / name).unlink()
    with pytest.raises(IntegrityError, match=rf"{name}: missing|is not a bundle"):
        bundle_folder.load_bundle(packed)


def test_an_added_file_is_refused(packed):
    (packed / "trees" / "model.pkl").write_bytes(b"x")
    with pytest.raises(IntegrityError, match=r"trees/model.pkl: not in the manifest"):
        bundle_folder.load_bundle(packed)


def test_a_link_is_refused(packed, tmp_path):
    (packed / "plan.json").rename(tmp_path / "elsewhere.json")
    (packed / "plan.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(IntegrityError, match=r"plan.json: a link"):
        bundle_folder.load_bundle(packed)


@pytest.mark.parametrize("changes", [{"version": 1}, {"format": "other"}])
def test_an_unknown_format_is_refused_before_anything_else(packed, changes):
    (packed / "trees/00-0.treelite").write_bytes(b"not even trees")
    _reseal(packed, **changes)
    with pytest.raises(IntegrityError, match=r"another version of Oilcan .* wanted 'oilcan-bundle', 6"):
        bundle_folder.load_bundle(packed)


def test_all_breaches_are_told_at_once(packed):
    (packed / "plan.json").write_text("{}")
    (packed / "contract.yaml").write_text("")
    with pytest.raises(IntegrityError, match=r"(?s)contract.yaml: sha256.*plan.json: sha256"):
        bundle_folder.load_bundle(packed)


def test_an_empty_folder_is_no_bundle(tmp_path):
    with pytest.raises(IntegrityError, match="is not a bundle"):
        bundle_folder.load_bundle(tmp_path)


def test_the_model_that_a_stage_reads_is_the_one_that_train_wrote(trained, tmp_path):
    write_model(trained, tmp_path / "model")
    assert read_model(tmp_path / "model") == trained
    matrix = training_data(fleet()).validation.matrix
    for one, other in ((read_model(tmp_path / "model").judged, trained.judged),
                       (read_model(tmp_path / "model").served, trained.served)):
        pd.testing.assert_frame_equal(score(one, matrix), score(other, matrix), check_exact=True)


def test_check_rows_notice_another_set_of_forecasts(packed):
    loaded = bundle_folder.load_bundle(packed)
    with pytest.raises(IntegrityError, match="check rows want"):
        check(loaded.fitted, {name: kept for name, kept in loaded.check_rows.items() if name != "expected_rul_rul"},
              "here")


def test_nothing_is_unpickled(packed, monkeypatch):
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("unpickled")

    monkeypatch.setattr("pickle.loads", refuse)
    monkeypatch.setattr("pickle.load", refuse)
    monkeypatch.setattr("pickle.Unpickler", refuse)
    monkeypatch.setattr("joblib.load", refuse)
    assert bundle_folder.load_bundle(packed).fitted.forecasts
