"""`oilcan replay` as a person runs it: a page and figures, a kill in the middle, refusals."""

import json
import re
import shutil
import signal
import subprocess
import sys

import pytest
import yaml
from tests.replay_frames import settings_folder
from tests.waiting import wait_until

from oilcan import cli

COMMAND = [sys.executable, "-c", "import sys, oilcan.cli; sys.exit(oilcan.cli.main())"]
ASKED = ("replay", "demo_fleet", "--scenario", "changed_mechanism", "--policy", "monthly", "drift", "monthly-ungated",
         "--until", "2024-06-18")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = settings_folder(tmp_path_factory.mktemp("clone") / "clone")
    (folder / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def killed_once(clone):
    """The page and the results of a replay that was killed after its first model, and then run again."""
    shelf = clone / ".oilcan/replay"
    process = subprocess.Popen([*COMMAND, *ASKED], cwd=clone, stderr=subprocess.DEVNULL)
    wait_until(lambda: shelf.is_dir() and any(not place.name.startswith(".") for place in shelf.iterdir()),
               "no model was made", seconds=400)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {place.name: place.stat().st_mtime_ns for place in shelf.iterdir() if not place.name.startswith(".")}
    done = subprocess.run([*COMMAND, *ASKED], cwd=clone, capture_output=True, text=True, check=True)
    after = {place.name: place.stat().st_mtime_ns for place in shelf.iterdir()}
    return before, after, done


def results(clone):
    return json.loads((clone / "reports/replay.json").read_text(encoding="utf-8"))


def test_a_replay_that_was_killed_goes_on_with_the_models_it_had(killed_once):
    before, after, _ = killed_once
    assert before
    assert len(after) > len(before)
    assert {name: after[name] for name in before} == before
    assert not any(name.startswith(".") for name in after)


def test_the_page_and_the_figures_say_the_same(clone, killed_once):
    found, page = results(clone), (clone / "reports/replay.html").read_text(encoding="utf-8")
    assert [policy["name"] for policy in found["policies"]] == ["never", "monthly", "drift", "monthly-ungated"]
    by_policy = {run["policy"]: run for run in found["runs"]}
    assert by_policy["never"]["retrainings"] == 0
    assert by_policy["monthly"]["retrainings"] >= 1
    assert by_policy["monthly-ungated"]["promotions"] == by_policy["monthly"]["retrainings"]
    for run in found["runs"]:
        kinds = [event["kind"] for event in run["events"]]
        assert (kinds.count("caught"), kinds.count("missed"), kinds.count("false")) == (
            run["caught"], run["missed"], run["false_alarms"])
        assert sum(run["weekly_cost_eur"]) == run["cost_eur"]
    failures = by_policy["never"]["failures"]
    assert page.count("<circle") == failures * len(found["runs"])
    assert killed_once[2].stdout.splitlines()[0] in re.sub(r"\s+", " ", page.replace("\u00a0", " "))


def test_another_run_makes_nothing_and_says_the_same(clone, killed_once, monkeypatch):
    written = (clone / "reports/replay.json").read_bytes(), (clone / "reports/replay.html").read_bytes()
    monkeypatch.chdir(clone)
    assert cli.main(list(ASKED)) == 0
    assert ((clone / "reports/replay.json").read_bytes(), (clone / "reports/replay.html").read_bytes()) == written
    assert len(list((clone / ".oilcan/replay").iterdir())) == len(killed_once[1])


@pytest.mark.parametrize(("flags", "wanted"), [
    (("--policy", "weekly"), "--policy: unknown weekly"),
    (("--scenario", "flood"), "--scenario flood: is not known"),
    (("--seeds", "0"), "--seeds 0: is not a number of fleets"),
    (("--from", "2024-05-08"), "inside a week of the monitoring"),
    (("--from", "spring"), "--from: is not a day"),
    (("--from", "2025-05-05"), "but the record lasts from 2024-01-01 to 2024-06-28"),
    (("--from", "2024-06-24"), "outcomes are known after 6 days (the horizon and labels_late_days)"),
])
def test_what_cannot_be_replayed_is_refused(clone, monkeypatch, capsys, flags, wanted):
    monkeypatch.chdir(clone)
    assert cli.main(["replay", "demo_fleet", *flags]) == 1
    assert wanted in capsys.readouterr().err


def test_a_data_set_without_calendar_or_entry_is_refused(clone, monkeypatch, capsys):
    repository = cli.__file__.rpartition("/src/")[0]
    for name in ("cmapss_fd001", "azure_pdm"):
        shutil.copy2(f"{repository}/datasets/{name}.yaml", clone / "datasets")
    monkeypatch.chdir(clone)
    assert cli.main(["replay", "cmapss_fd001"]) == 1
    assert "has no calendar" in capsys.readouterr().err
    assert cli.main(["replay", "azure_pdm"]) == 1
    assert "says nothing about 'azure_pdm'" in capsys.readouterr().err


def test_an_unknown_parameter_of_the_replay_is_refused(tmp_path, monkeypatch, capsys):
    folder = settings_folder(tmp_path / "clone", params={"train.speed": 3})
    (folder / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    assert cli.main(["replay", "demo_fleet"]) == 1
    assert "params.yaml has no 'train.speed'" in capsys.readouterr().err
    assert yaml.safe_load((folder / "replay.yaml").read_text(encoding="utf-8"))["data_sets"]["demo_fleet"]["params"]
