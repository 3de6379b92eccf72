"""The container file, as far as no registry of images is needed: what it copies, runs and asks is there."""

import json
import re
import subprocess
import sys
import urllib.parse
from collections import defaultdict
from pathlib import Path

import pytest

from oilcan import cli
from oilcan.serving.access.auth import PUBLIC
from oilcan.serving.ground.settings import PREFIX, ServiceSettings, read_settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/docker/Containerfile"


def _said(text: str) -> dict[str, list[str]]:
    """Instructions in order, by their word."""
    lines = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ").splitlines()
    found = defaultdict(list)
    for line in filter(str.strip, lines):
        word, _, rest = line.partition(" ")
        found[word].append(rest.strip())
    return found


SAID = _said(FILE.read_text(encoding="utf-8"))
SET = dict(word.partition("=")[::2] for line in SAID["ENV"] for word in line.split())
HEALTH = json.loads(SAID["HEALTHCHECK"][0].partition(" CMD ")[2])
COPIED = [source for line in SAID["COPY"] if "--from" not in line for source in line.split()[:-1]]


@pytest.mark.parametrize("source", COPIED)
def test_what_it_copies_is_in_git_and_not_ignored(source):
    listed = subprocess.run(["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert listed
    ignore = FILE.with_name("Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert f"!{source}" in ignore


def test_the_build_sees_nothing_else():
    ignore = FILE.with_name("Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line[1:] for line in ignore if line.startswith("!")] == COPIED
    assert ignore[1] == "*"


def test_it_runs_a_command_that_there_is():
    entry, words = json.loads(SAID["ENTRYPOINT"][0]), json.loads(SAID["CMD"][0])
    assert entry == ["oilcan"]
    assert cli.parser().parse_args(words).run.__module__ == "oilcan.cli.serving.serve"


def test_it_is_nobody_special_and_keeps_no_secret():
    user, _, group = SAID["USER"][-1].partition(":")
    assert int(user) >= 10_000 <= int(group)
    assert not [name for name in [*SET, *SAID["ARG"]] if re.search("KEY|TOKEN|PASSWORD|SECRET", name)]


def test_every_variable_it_sets_is_a_setting_with_a_value_that_does():
    ours = {name: value for name, value in SET.items() if name.startswith(PREFIX)}
    assert {name.removeprefix(PREFIX).lower() for name in ours} <= set(ServiceSettings.model_fields)
    settings = read_settings(ours)
    assert (settings.is_loopback, str(settings.port)) == (False, SAID["EXPOSE"][0])
    assert settings.store.startswith(f"sqlite:///{SAID['VOLUME'][0]}/")


def test_its_health_is_a_question_anybody_may_ask():
    asked = urllib.parse.urlsplit(re.search(r"http://[^']+", HEALTH[-1])[0])
    assert (asked.path in PUBLIC, str(asked.port)) == (True, SAID["EXPOSE"][0])


def test_the_health_check_knows_a_service_that_answers(serve):
    server = serve()
    command = [sys.executable, "-c", HEALTH[-1].replace(f":{SAID['EXPOSE'][0]}/", f":{server.port}/")]
    assert subprocess.run(command, check=False).returncode == 0
    server.stop()
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
