"""Timer, CronJob and workflows keep the schedule of deploy/schedule.yaml; what they start is run as it stands there."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.ops.schedulers.unit_files import SYSTEMD, unit_word
from tests.repo.closure import ROOT

from oilcan import cli

SCHEDULE = yaml.safe_load((ROOT / "deploy/schedule.yaml").read_text(encoding="utf-8"))
HOUR, MINUTE = map(int, SCHEDULE["time"].split(":"))
MONTHLY = f"{MINUTE} {HOUR} {SCHEDULE['day']} * *"
COMMAND = ["oilcan", "retrain", "--yes", "--gate"]


def _workflow() -> dict:
    return yaml.safe_load((ROOT / ".github/workflows/retrain.yml").read_text(encoding="utf-8"))


def _cron_job() -> dict:
    parts = yaml.safe_load_all((ROOT / "deploy/kubernetes/retrain.yaml").read_text(encoding="utf-8"))
    return next(part["spec"] for part in parts if part["kind"] == "CronJob")


def test_all_start_at_the_time_of_the_schedule():
    assert unit_word("oilcan-retrain.timer", "Timer", "OnCalendar") == f"*-*-* {SCHEDULE['time']}:00 UTC"
    assert (_cron_job()["schedule"], _cron_job()["timeZone"]) == (f"{MINUTE} {HOUR} * * *", "Etc/UTC")
    assert [entry["cron"] for entry in _workflow()[True]["schedule"]] == [MONTHLY]      # YAML reads `on` as true
    assert f"`{MONTHLY}`" in (ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8")


def test_all_end_a_run_after_the_hours_of_the_schedule():
    hours = SCHEDULE["run_hours"]
    assert unit_word("oilcan-retrain.service", "Service", "TimeoutStartSec") == f"{hours}h"
    assert _cron_job()["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 3600 * hours
    assert _workflow()["jobs"]["retrain"]["timeout-minutes"] == 60 * hours
    gitlab = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    assert gitlab["retrain"]["timeout"] == f"{hours} hours"


def _of_make(target: str) -> list[str]:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").partition(f"\n{target}: ")[2].partition("\n\n")[0]
    return shlex.split(lines.splitlines()[-1])


def test_all_start_the_same_command():
    (container,) = _cron_job()["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    program, *words = shlex.split(unit_word("oilcan-retrain.service", "Service", "ExecStart"))
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
                  ["calendar", unit_word("oilcan-retrain.timer", "Timer", "OnCalendar")]):
        done = subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not done.stderr, done.stderr


@pytest.fixture
def systemd() -> None:
    """Named in conftest.PROGRAMS."""
