"""The systemd unit: what it starts exists, it may do what it must, and little else."""

import configparser
import os
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from oilcan import cli
from oilcan.serving.ground.settings import PREFIX, ServiceSettings, read_settings

FOLDER = Path(__file__).parents[2] / "deploy/systemd"
OILCAN = Path(sys.executable).with_name("oilcan")


class _Repeated(dict):
    """systemd's way with a name that is given again: its values add up."""

    def __setitem__(self, name, value):
        super().__setitem__(name, [*self[name], *value] if name in self and isinstance(value, list) else value)


def _unit(file: Path) -> configparser.SectionProxy:
    unit = configparser.RawConfigParser(strict=False, dict_type=_Repeated, delimiters="=", comment_prefixes="#")
    unit.optionxform = str
    unit.read(file, encoding="utf-8")
    return unit["Service"]


SERVICE = _unit(FOLDER / "oilcan.service")


def _environment() -> dict[str, str]:
    lines = (FOLDER / "service.env").read_text(encoding="utf-8").splitlines()
    given = [*SERVICE["Environment"].splitlines(), *(line for line in lines if not line.startswith("#"))]
    return dict(line.partition("=")[::2] for line in given)


def test_the_command_it_starts_is_one_of_the_command_line():
    program, *words = shlex.split(SERVICE["ExecStart"])
    assert Path(program).name == OILCAN.name
    assert cli.parser().parse_args(words).run.__module__ == "oilcan.cli.serving.serve"


def test_every_variable_it_sets_is_a_setting_with_a_value_that_does():
    names = {name.removeprefix(PREFIX).lower() for name in _environment()}
    assert names <= set(ServiceSettings.model_fields)
    assert read_settings(_environment()).is_loopback


def test_the_store_lies_in_the_only_folder_it_may_write_to():
    assert _environment()["OILCAN_STORE"].startswith(f"sqlite:////var/lib/{SERVICE['StateDirectory']}/")
    assert (SERVICE["ProtectSystem"], SERVICE["StateDirectoryMode"], SERVICE["User"]) == ("strict", "0700", "oilcan")


@pytest.fixture(params=["systemd/oilcan.service", "systemd/oilcan-gateway.service",
                        "dask/oilcan-dask-scheduler.service", "dask/oilcan-dask-worker@.service"])
def systemd(tmp_path, request) -> Path:
    """A unit with a program that is there; named in conftest.PROGRAMS."""
    file = FOLDER.parent / request.param
    program = Path(shlex.split(_unit(file)["ExecStart"])[0])
    place = tmp_path / file.name.replace("@.", "@1.")
    place.write_text(file.read_text(encoding="utf-8").replace(
        f"ExecStart={program}", f"ExecStart={OILCAN.with_name(program.name)}"), encoding="utf-8")
    return place


def _analyze(*words: str) -> str:
    done = subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def test_systemd_understands_every_line(systemd):
    _analyze("verify", str(systemd))


def test_systemd_finds_little_exposed(systemd):
    _analyze("security", "--offline=true", "--threshold=15", str(systemd))      # of 100


def _calls(group: str) -> set[str]:
    listed = [line.strip() for line in _analyze("syscall-filter", group).splitlines()[1:]]
    names = [name for name in listed if name and not name.startswith("#")]
    return set().union(*(_calls(name) if name.startswith("@") else {name} for name in names))


@pytest.mark.parametrize("systemd", ["systemd/oilcan.service"], indirect=True)
@pytest.mark.usefixtures("systemd")
def test_the_service_lives_with_the_system_calls_it_is_left(serve):
    allowed: set[str] = set()
    for line in SERVICE["SystemCallFilter"].splitlines():
        groups = set().union(*(_calls(group) for group in line.lstrip("~").split()))
        allowed = allowed - groups if line.startswith("~") else allowed | groups
    sandbox = Path(__file__).with_name("sandbox.py")
    said = ",".join([SERVICE["SystemCallErrorNumber"], *sorted(allowed)])
    server = serve(under=[sys.executable, os.fspath(sandbox), said])
    reading = {"machine_id": "M001", "time": "2026-01-31T12:00:00Z", "vibration_mm_s": 2.4}
    assert httpx.post(f"{server.url}/v1/telemetry", json={"readings": [reading]}, timeout=60).json()["accepted"] == 1
    assert httpx.get(f"{server.url}/v1/machines/M001", timeout=60).status_code == 200
    server.stop()
    assert server.process.returncode == 0
