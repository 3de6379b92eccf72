"""`oilcan replay-stream` against the real server: the fleet arrives whole, once, and the risks are those of batch."""

import httpx
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def played(_small_repo, serve_all):
    """A server that the small fleet was played into, the fleet's repository, and what the command said."""
    server = serve_all(clock="data")
    return server, _small_repo, _small_repo.run("oilcan", "replay-stream", "--url", server.url, "--speed", "max").stdout


@pytest.mark.slow
def test_every_reading_of_the_fleet_arrives_once(played):
    server, repo, said = played
    parts = (repo.path / "data/canonical/telemetry").glob("*.parquet")
    rows = sum(len(pd.read_parquet(part, columns=["machine_id"])) for part in parts)
    assert f"played {rows:,} readings of 24 machines: {rows:,} new" in said
    again = repo.run("oilcan", "replay-stream", "--url", server.url, "--speed", "max").stdout
    assert f"{rows:,} readings of 24 machines: 0 new" in again
    assert httpx.get(f"{server.url}/v1/machines", timeout=60).json()["total"] == 24


@pytest.mark.slow
def test_tables_of_another_data_set_are_named_and_never_to_be_deleted(played, tmp_path):
    """Whatever params.yaml chooses: what counts is the data set of the service."""
    server, repo, _ = played
    (tmp_path / "telemetry").mkdir()
    table = pd.DataFrame({"machine_id": ["M1"], "time": pd.to_datetime(["2024-01-01"], utc=True), "torque": [1.0]})
    table.to_parquet(tmp_path / "telemetry/part-0000.parquet", index=False)
    refused = repo.run("oilcan", "replay-stream", "--url", server.url, "--data", str(tmp_path), check=False)
    assert refused.returncode == 1
    for part in ("is a table without 'ambient_c'", "The service serves demo_fleet", "--data"):
        assert part in refused.stderr
    assert "elete" not in refused.stderr
    other = repo.copy(tmp_path / "other")           # the fleet's own repository is that of all tests
    other.set_params(dataset="cmapss_fd001")
    assert "0 new" in other.run("oilcan", "replay-stream", "--url", server.url, "--speed", "max").stdout


@pytest.mark.slow
def test_the_risks_are_those_of_batch(played, tmp_path):
    server, repo, _ = played
    repo.run("oilcan", "score", "data/canonical", "--rows", "last", "--out", str(tmp_path / "scored.parquet"))
    scored = pd.read_parquet(tmp_path / "scored.parquet").set_index("machine_id").sort_index()
    listed = httpx.get(f"{server.url}/v1/machines?size=500", timeout=60).json()["machines"]
    said = pd.DataFrame(listed).set_index("machine_id").sort_index()
    columns = [name for name in scored if name.startswith(("p_", "rul_", "by_"))]
    assert (pd.to_datetime(said["time"], utc=True) == scored["time"]).all()
    pd.testing.assert_frame_equal(said[columns], scored[columns], rtol=1e-9, atol=0, check_dtype=False)
