"""`oilcan score` says what the pipeline says, of features and of readings; bad tables are refused in words."""

import json

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

KEY = ["machine_id", "time"]


@pytest.fixture(scope="module")
def repo(_small_repo, tmp_path_factory):
    return _small_repo.copy(tmp_path_factory.mktemp("score") / "repo")


def scored(repo, *arguments: str) -> pd.DataFrame:
    repo.run("oilcan", "score", *arguments, "--out", "scored.parquet")
    return pd.read_parquet(repo.path / "scored.parquet")


def forecasts(repo) -> pd.DataFrame:
    """Those of the test part: the validation part is forecast by the model that has not learnt from it."""
    table = pd.read_parquet(repo.path / "data/predictions/predictions.parquet")
    table = table[table["part"] == "test"].reset_index(drop=True)
    return table[[*KEY, *(name for name in table if name.startswith(("p_failure", "rul_")))]]


def test_features_are_scored_as_predict_scores_them(repo):
    wanted = forecasts(repo)
    found = wanted[KEY].merge(scored(repo, "data/features"), on=KEY)[list(wanted)]
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)


def test_readings_are_scored_as_the_pipeline_scores_them(repo):
    quarantined = pd.read_parquet(repo.path / "data/quarantine.parquet")["machine_id"].unique()
    wanted = forecasts(repo)
    wanted = wanted[~wanted["machine_id"].isin(quarantined)].reset_index(drop=True)
    found = wanted[KEY].merge(scored(repo, "data/canonical"), on=KEY)[list(wanted)]
    assert len(wanted) > 100
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)


def test_the_last_row_of_each_machine_is_scored_from_telemetry_alone(repo):
    found = scored(repo, "data/canonical/telemetry", "--rows", "last")
    assert found["machine_id"].is_unique
    assert found["p_failure"].between(0, 1).all()
    assert np.isfinite(found["rul_rul"]).all()


def test_forecasts_name_the_bundle_that_made_them_and_what_the_gate_decided(repo):
    import pyarrow.parquet

    done = repo.run("oilcan", "score", "data/features", "--out", "scored.parquet")
    notes = pyarrow.parquet.read_schema(repo.path / "scored.parquet").metadata
    seal = (repo.path / "models/bundle/manifest.sha256").read_text(encoding="utf-8").split()[0]
    decision = json.loads((repo.path / "models/bundle.verdict.json").read_text(encoding="utf-8"))["decision"]
    assert (notes[b"oilcan.bundle"].decode(), notes[b"oilcan.gate"].decode()) == (seal, decision)
    assert f"(bundle {seal[:12]}, the gate decided: {decision})" in done.stdout


def test_a_table_that_is_no_telemetry_is_refused_with_all_that_is_wrong(repo):
    table = pd.read_parquet(repo.path / "data/canonical/telemetry/part-0000.parquet")
    table = table.drop(columns="flow_m3_h").assign(load_pct=table["load_pct"].astype(str))
    table.to_parquet(repo.path / "odd.parquet")
    done = repo.run("oilcan", "score", "odd.parquet", "--out", "never.parquet", check=False)
    assert done.returncode == 1
    assert "flow_m3_h: missing" in done.stderr
    assert "load_pct: holds str, wanted number" in done.stderr
    assert not (repo.path / "never.parquet").exists()
