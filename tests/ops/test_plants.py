"""`oilcan plants`: each data set on a branch of its own; a failing plant stops no other; a killed run goes on."""

import signal
import subprocess
import sys

import pytest
import yaml
from tests.conftest import ROOT, Repo

from oilcan.ground.errors import OilcanError, ParamsError
from oilcan.io.bundle.verdict_file import write_verdict
from oilcan.operations.plants.plant_list import read_plants
from oilcan.operations.renewal.retraining import plan

NAMES = ("demo_fleet", "ai4i2020")
KILLED = """
import os, signal, sys
from oilcan import cli
from oilcan.operations.plants.plant_run import PlantRun
PlantRun._commit = lambda self: os.kill(os.getpid(), signal.SIGKILL)        # the pipeline has run
cli.main(sys.argv[1:])
"""


def listed(repo: Repo, **plants: dict) -> None:
    (repo.path / "plants.yaml").write_text(yaml.safe_dump({"plants": plants}), encoding="utf-8")


@pytest.fixture
def two_plants(tmp_path) -> Repo:
    """Two data sets, and a pipeline of one stage that fails on those that the file `broken` names."""
    repo = Repo(tmp_path / "two_plants")
    for folder in ("datasets", "models", "metrics/detail", "reports"):
        (repo.path / folder).mkdir(parents=True)
    for name in ("params.yaml", *(f"datasets/{name}.yaml" for name in NAMES)):
        (repo.path / name).write_bytes((ROOT / name).read_bytes())
    for name in NAMES:
        (repo.path / "data/raw" / name).mkdir(parents=True)
        (repo.path / "data/raw" / name / "README.md").touch()
    write_verdict(repo.path / "verdict.json", "promote", ["made up for a test"], [], bundle="0" * 64, champion=None)
    (repo.path / "models/champion.json").write_text('{"bundle": null}\n')
    (repo.path / ".gitignore").write_text("/.oilcan/\n/reports/plants*\n")
    (repo.path / "broken").write_text("ai4i2020\n")
    (repo.path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"review": {
        "cmd": "! grep -x ${dataset} broken && cp verdict.json models/bundle.verdict.json && "
               "cp datasets/${dataset}.yaml reports/model_card.md",
        "deps": ["verdict.json", "broken", "datasets/${dataset}.yaml"],
        "outs": [{"models/bundle.verdict.json": {"cache": False}}, {"reports/model_card.md": {"cache": False}}]}}}))
    (repo.path / "reports/.gitignore").touch()          # git keeps no empty folder
    listed(repo, **{name: {} for name in NAMES})
    repo.run("git", "init", "-q", "-b", "main")
    repo.run("dvc", "init", "-q")
    repo.commit("two plants")
    return repo


def parents(repo: Repo, branch: str) -> list[str]:
    return repo.run("git", "show", "--no-patch", "--format=%P", branch).stdout.split()


@pytest.mark.slow
def test_a_plant_that_fails_stops_no_other_and_a_killed_run_goes_on(two_plants):
    done = two_plants.run("oilcan", "plants", "--yes", "--jobs", "2", check=False)
    assert done.returncode == 1
    assert {"demo_fleet: stage review", "ai4i2020: failed"} <= set(done.stdout.splitlines())
    assert "ai4i2020: dvc repro: failed:" in done.stdout
    page = two_plants.path / "reports/plants.html"
    assert "1 whose last run failed" in page.read_text(encoding="utf-8")
    first = two_plants.run("git", "rev-parse", "plant/demo_fleet").stdout.strip()
    assert two_plants.run("git", "branch", "--list", "plant/ai4i2020").stdout == ""

    (two_plants.path / "broken").write_text("none\n")
    two_plants.commit("repaired")
    done = subprocess.run([sys.executable, "-c", KILLED, "plants", "demo_fleet", "--yes"], cwd=two_plants.path,
                          env=two_plants.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    assert "demo_fleet: stage review" in done.stdout
    assert two_plants.run("git", "rev-parse", "plant/demo_fleet").stdout.strip() == first

    done = two_plants.run("oilcan", "plants", "--yes")
    assert "demo_fleet: goes on where it was ended" in done.stdout
    assert "demo_fleet: stage review" not in done.stdout            # it was done before
    head = two_plants.run("git", "rev-parse", "HEAD").stdout.strip()
    assert parents(two_plants, "plant/demo_fleet") == [first, head]     # takes in what was committed since
    assert parents(two_plants, "plant/ai4i2020") == [head]
    for name in NAMES:
        params = yaml.safe_load(two_plants.run("git", "show", f"plant/{name}:params.yaml").stdout)
        assert params["dataset"] == name
        assert (page.parent / "plants" / name / "model_card.md").read_bytes() == \
            (ROOT / f"datasets/{name}.yaml").read_bytes()
    assert "failed" not in page.read_text(encoding="utf-8")
    assert two_plants.run("git", "status", "--porcelain").stdout == ""
    assert len(two_plants.run("git", "worktree", "list").stdout.splitlines()) == 1
    two_plants.run("git", "checkout", "-q", "plant/demo_fleet")
    refused = two_plants.run("oilcan", "plants", "--yes", check=False)
    assert "plant/demo_fleet: is the branch of one plant" in refused.stderr


def test_a_list_that_is_not_valid_is_refused_with_all_that_is_wrong(two_plants):
    listed(two_plants, nowhere={}, demo_fleet={"params": {"dataset": "x", "train": {"seed": "one"}}})
    with pytest.raises(ParamsError, match=r"plants\.yaml is not valid") as refused:
        read_plants(two_plants.path, ["south"])
    assert "south: is not listed (found demo_fleet, nowhere)" in str(refused.value)
    with pytest.raises(ParamsError, match=r"plants\.yaml is not valid") as refused:
        read_plants(two_plants.path)
    for words in ("datasets/nowhere.yaml", "plants.demo_fleet.params.dataset", "train.seed"):
        assert words in str(refused.value)


@pytest.mark.slow
def test_two_real_data_sets_have_each_a_model_a_verdict_and_a_champion(small_repo):
    lighter = {"review": {"bootstrap": 20}, "explain": {"rows": 200, "repeats": 2}}
    listed(small_repo, demo_fleet={}, ai4i2020={"params": lighter})
    small_repo.commit("two plants")
    before = small_repo.lock()
    done = small_repo.run("oilcan", "plants", "--yes")
    assert "demo_fleet: stage" not in done.stdout                   # main has run it, and its outputs are in the cache
    assert "ai4i2020: stage train" in done.stdout
    assert small_repo.run("git", "show", "plant/demo_fleet:dvc.lock").stdout.encode() == before["dvc.lock"]
    assert '"dataset": "ai4i2020"' in small_repo.run("git", "show", "plant/ai4i2020:models/model.json").stdout
    assert small_repo.lock() == before
    small_repo.run("oilcan", "promote", "--revision", "plant/ai4i2020", "--approver", "Eve", "--reason",
                   "a second plant", "--no-server-check", "--override")
    shown = small_repo.run("oilcan", "plants").stdout
    assert "2 plants: 1 with a model in service" in shown
    assert "in service: v" in shown
    assert "demo_fleet: gate: reject; in service: nothing" in shown
    page = (small_repo.path / "reports/plants.html").read_text(encoding="utf-8")
    assert "approved by Eve: a second plant" in page
    assert 'href="plants/ai4i2020/evaluation.html"' in page


def test_a_retraining_of_another_data_set_starts_from_its_plant(two_plants):
    def planned() -> str:
        return plan(two_plants.path, "ai4i2020", now=0, why="asked", by="t", reasons=()).base

    with pytest.raises(OilcanError, match="no branch is called plant/ai4i2020"):
        planned()
    two_plants.run("git", "checkout", "-q", "-b", "plant/ai4i2020")
    two_plants.commit("its model")
    two_plants.run("git", "checkout", "-q", "main")
    assert planned() == two_plants.run("git", "rev-parse", "plant/ai4i2020").stdout.strip()
