"""Timer, CronJob and workflows keep the schedule of deploy/schedule.yaml; what they start is run as it stands there."""

import configparser
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.repo.closure import ROOT

from oilcan import cli

SYSTEMD = ROOT / "deploy/systemd"
SCHEDULE = yaml.safe_load((ROOT / "deploy/schedule.yaml").read_text(encoding="utf-8"))
HOUR, MINUTE = map(int, SCHEDULE["time"].split(":"))
MONTHLY = f"{MINUTE} {HOUR} {SCHEDULE['day']} * *"
COMMAND = ["oilcan", "retrain", "--yes", "--gate"]


def _unit(name: str, section: str, word: str) -> str:
    unit = configparser.RawConfigParser(strict=False, delimiters="=", comment_prefixes="#")
    unit.read(SYSTEMD / name, encoding="utf-8")
    return unit[section][word]


def _workflow() -> dict:
    return yaml.safe_load((ROOT / ".github/workflows/retrain.yml").read_text(encoding="utf-8"))


def _cron_job() -> dict:
    parts = yaml.safe_load_all((ROOT / "deploy/kubernetes/retrain.yaml").read_text(encoding="utf-8"))
    return next(part["spec"] for part in parts if part["kind"] == "CronJob")


def test_all_start_at_the_time_of_the_schedule():
    assert _unit("oilcan-retrain.timer", "Timer", "OnCalendar") == f"*-*-* {SCHEDULE['time']}:00 UTC"
    assert (_cron_job()["schedule"], _cron_job()["timeZone"]) == (f"{MINUTE} {HOUR} * * *", "Etc/UTC")
    assert [entry["cron"] for entry in _workflow()[True]["schedule"]] == [MONTHLY]      # YAML reads `on` as true
    assert f"`{MONTHLY}`" in (ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8")


def test_all_end_a_run_after_the_hours_of_the_schedule():
    hours = SCHEDULE["run_hours"]
    assert _unit("oilcan-retrain.service", "Service", "TimeoutStartSec") == f"{hours}h"
    assert _cron_job()["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 3600 * hours
    assert _workflow()["jobs"]["retrain"]["timeout-minutes"] == 60 * hours
    gitlab = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    assert gitlab["retrain"]["timeout"] == f"{hours} hours"


def _of_make(target: str) -> list[str]:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").partition(f"\n{target}: ")[2].partition("\n\n")[0]
    return shlex.split(lines.splitlines()[-1])


def test_all_start_the_same_command():
    (container,) = _cron_job()["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    program, *words = shlex.split(_unit("oilcan-retrain.service", "Service", "ExecStart"))
    assert [Path(program).name, *words] == container["command"] == _of_make("retrain") == COMMAND
    assert cli.parser().parse_args(COMMAND[1:]).run.__module__ == "oilcan.cli.renewal.retrain"


@pytest.mark.usefixtures("systemd")
def test_systemd_understands_the_units(tmp_path):
    programs = Path(sys.executable).parent
    for file in SYSTEMD.glob("oilcan-retrain*"):
        text = file.read_text(encoding="utf-8").replace("/srv/oilcan/clone/.venv/bin/oilcan", str(programs / "oilcan"))
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    for words in (["verify", *map(str, sorted(tmp_path.glob("oilcan-retrain*")))],
                  ["security", "--offline=true", "--threshold=40", str(tmp_path / "oilcan-retrain.service")],
                  ["calendar", _unit("oilcan-retrain.timer", "Timer", "OnCalendar")]):
        done = subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not done.stderr, done.stderr


@pytest.fixture
def systemd() -> None:
    """Named in conftest.PROGRAMS."""


def _same_lock(repo, where, by_hand) -> None:
    (branch,) = repo.run("git", "for-each-ref", "--format=%(refname)", "refs/heads/retrain").stdout.split()
    for name, lock in by_hand.items():
        assert where.run("git", "show", f"{branch}:{name}").stdout.encode() == lock


@pytest.mark.slow
def test_what_the_timer_starts_gives_the_lock_file_of_dvc_repro(due, by_hand):
    _, *words = shlex.split(_unit("oilcan-retrain.service", "Service", "ExecStart"))
    done = due.run("oilcan", *words, check=False)
    assert done.returncode == 3, done.stdout + done.stderr          # the gate rejects it, and the unit fails
    assert "reject: retrain/demo_fleet-" in done.stdout
    _same_lock(due, due, by_hand)


@pytest.mark.slow
def test_the_steps_of_the_workflow_give_the_lock_file_of_dvc_repro_and_push_it(due, by_hand, tmp_path):
    origin = type(due)(tmp_path / "origin.git")
    due.run("git", "clone", "--quiet", "--bare", str(due.path), str(origin.path))
    due.run("git", "remote", "add", "origin", str(origin.path))
    due.run("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    environment = due.path / ".venv"        # that of the tests, up to date for make
    environment.mkdir()
    (environment / "bin").symlink_to(Path(sys.executable).parent)
    for name in (".core", ".serve"):
        (environment / name).touch()
    retrain, share = [step for step in _workflow()["jobs"]["retrain"]["steps"] if "run" in step]
    failed = due.run(*shlex.split(retrain["run"]), check=False)
    assert "retrain] Error 3" in failed.stderr     # the gate rejects it; what came out is pushed all the same
    assert share["if"] == "${{ !cancelled() }}"
    due.run(*shlex.split(share["run"]))
    _same_lock(due, origin, by_hand)
    assert origin.run("git", "rev-parse", "audit").stdout == due.run("git", "rev-parse", "audit").stdout
    assert list((tmp_path / "store/files/md5").iterdir())
