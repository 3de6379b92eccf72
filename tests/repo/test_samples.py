"""The sample store that travels in git, and raw data from whichever remote has them."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from tests.conftest import Repo
from tests.repo.closure import ROOT

STORE = ROOT / "data/samples"
SAMPLES = ("ai4i2020", "cmapss_fd001")


def _recorded(name: str) -> dict:
    (out,) = yaml.safe_load((ROOT / f"data/raw/{name}.dvc").read_text(encoding="utf-8"))["outs"]
    return out


def _object(digest: str) -> Path:
    return STORE / "files/md5" / digest[:2] / digest[2:]


def _objects(store: Path) -> set[str]:
    return {path.parent.name + path.name for path in store.glob("files/md5/??/*")}


def test_the_store_holds_the_files_of_the_contracts_and_nothing_else():
    wanted = set()
    for name in SAMPLES:
        listing = _recorded(name)["md5"]
        files = {entry["relpath"]: entry["md5"] for entry in json.loads(_object(listing).read_bytes())}
        contract = yaml.safe_load((ROOT / f"datasets/{name}.yaml").read_text(encoding="utf-8"))
        assert {entry["path"]: entry["sha256"] for entry in contract["source"]["files"]} == {
            path: hashlib.sha256(_object(digest).read_bytes()).hexdigest() for path, digest in files.items()}
        wanted |= {listing, *files.values()}
    assert _objects(STORE) == wanted


@pytest.mark.parametrize("name", SAMPLES)
def test_licence_and_source_are_stated_beside_the_store(name):
    row = next(line for line in (STORE / "README.md").read_text().splitlines() if line.startswith(f"| `{name}`"))
    licence = yaml.safe_load((ROOT / f"datasets/{name}.yaml").read_text(encoding="utf-8"))["source"]["licence"]
    assert licence.split(" (")[0].lower() in row.lower()
    assert _recorded(name)["push"] is False


@pytest.mark.slow
def test_a_fresh_clone_gets_the_samples_and_runs_on_them_without_any_remote_of_its_own(bare_checkout):
    clone = bare_checkout.clone(bare_checkout.path.with_name("clone"))
    (clone.path / "params.yaml").write_text((clone.path / "params.yaml").read_text().replace("demo_fleet", "ai4i2020"))
    refused = clone.run("oilcan", "doctor", "start", check=False)
    assert "`dvc pull data/raw/ai4i2020`" in refused.stderr
    clone.run("git", "restore", "params.yaml")
    clone.run("dvc", "pull", "--allow-missing")
    assert clone.run("git", "status", "--porcelain").stdout == ""
    clone.run("dvc", "exp", "run", "-S", "dataset=ai4i2020", "ingest")
    assert json.loads((clone.path / "data/canonical/ingest.json").read_text())["telemetry"]["kept"] == 10_000


@pytest.mark.slow
def test_push_goes_to_the_team_and_never_into_the_store(small_repo, tmp_path):
    before = _objects(small_repo.path / "data/samples")
    refused = small_repo.run("dvc", "push", check=False)
    assert refused.returncode != 0
    assert "no remote specified" in refused.stderr
    assert "files added" in small_repo.run("dvc", "pull").stdout          # nothing is missing once the pipeline has run
    small_repo.run("dvc", "remote", "add", "-q", "-d", "team", str(tmp_path / "team"))
    small_repo.commit("the team's remote")
    small_repo.run("dvc", "push")
    assert _objects(small_repo.path / "data/samples") == before
    assert _objects(tmp_path / "team")
    assert not _objects(tmp_path / "team") & before
    clone = small_repo.clone(tmp_path / "clone")
    clone.run("dvc", "pull")
    assert "up to date" in clone.run("dvc", "repro").stdout
    clone.run("dvc", "push", "-r", "samples")                             # by mistake: it stays out of git
    assert _objects(clone.path / "data/samples") > before
    assert clone.run("git", "status", "--porcelain").stdout == ""


@pytest.fixture
def empty_address() -> Iterator[str]:
    """The address of a file on a server that has no file."""
    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            self.send_error(404)

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Nothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/readings.csv"
        server.shutdown()


@pytest.fixture
def mirrored(bare_checkout: Repo, tmp_path: Path, empty_address: str) -> Repo:
    """A clone of a team's repository with a recorded data set `press`, whose remote has the files."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "readings.csv").write_text("machine_id,hours\n1,2\n", encoding="utf-8")
    digest = hashlib.sha256((files / "readings.csv").read_bytes()).hexdigest()
    contract = yaml.safe_load((ROOT / "datasets/ai4i2020.yaml").read_text(encoding="utf-8")) | {"name": "press"}
    contract["source"] |= {"files": [{"path": "readings.csv", "sha256": digest}], "downloads": [
        {"url": empty_address, "path": "readings.csv"}]}
    (bare_checkout.path / "datasets/press.yaml").write_text(yaml.safe_dump(contract), encoding="utf-8")
    bare_checkout.run("dvc", "remote", "add", "-q", "-d", "empty", str(tmp_path / "empty"))
    bare_checkout.run("dvc", "remote", "add", "-q", "mirror", str(tmp_path / "mirror"))
    bare_checkout.run("oilcan", "dataset", "place", "press", "--from", str(files))
    bare_checkout.run("dvc", "push", "-r", "mirror", "data/raw/press")
    bare_checkout.commit("press")
    return bare_checkout.clone(tmp_path / "clone")


def test_recorded_raw_files_come_from_any_remote_that_has_them(mirrored):
    printed = mirrored.run("oilcan", "dataset", "fetch", "press").stdout
    assert "1 files fetched" in printed
    assert (mirrored.path / "data/raw/press/readings.csv").exists()
    assert mirrored.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.slow
def test_with_neither_remote_nor_address_the_message_says_what_was_asked_and_what_to_do(mirrored, empty_address):
    (mirrored.path.parent / "mirror").rename(mirrored.path.parent / "gone")
    refused = mirrored.run("oilcan", "dataset", "fetch", "press", check=False)
    assert refused.returncode == 1
    for words in (empty_address, "place the files by hand", "remote empty", "remote mirror"):
        assert words in refused.stderr


def test_a_month_appended_moves_a_months_bytes(tmp_path):
    repo = Repo(tmp_path / "repo")
    raw = repo.path / "data/raw/plant"
    raw.mkdir(parents=True)
    repo.run("git", "init", "-q", "-b", "main")
    repo.run("dvc", "init", "-q")
    repo.run("dvc", "remote", "add", "-q", "-d", "team", str(tmp_path / "team"))
    months = {f"2026-{month:02}.csv": (f"{month},reading\n" * 20_000).encode() for month in range(1, 4)}
    sizes = []
    for name, content in months.items():
        (raw / name).write_bytes(content)
        repo.run("dvc", "add", "-q", "data/raw/plant")
        repo.run("dvc", "push", "-q")
        sizes.append(sum(path.stat().st_size for path in (tmp_path / "team").rglob("*") if path.is_file()))
    moved = sizes[-1] - sizes[-2]
    last = len(months["2026-03.csv"])
    assert last <= moved <= last + 2_000                                  # the month, and the listing of the folder
