"""The workflows of both platforms: valid, without secrets, and made of steps that a person can type."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.ops.environments import environment
from tests.repo.closure import ROOT

GITHUB = sorted((ROOT / ".github/workflows").glob("*.yml"))
GITLAB = ROOT / ".gitlab-ci.yml"
STEP = re.compile(r"(sudo )?\.ci/run|make (?P<target>[a-z-]+)|oilcan \S.*")


def _steps() -> Iterator[tuple[str, str]]:
    for file in GITHUB:
        for job in yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].values():
            yield from ((file.name, step["run"]) for step in job["steps"] if "run" in step)
    for job in yaml.safe_load(GITLAB.read_text(encoding="utf-8")).values():
        if isinstance(job, dict):
            yield from ((GITLAB.name, line) for line in job.get("script", []))


STEPS = sorted(set(_steps()))


def _call(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_steps_on_both_platforms():
    assert {file.stem for file in GITHUB} == {"pull-request", "nightly", "release", "retrain"}
    assert len(STEPS) > 15
    assert {step for name, step in STEPS if name == GITLAB.name} >= {"make check", "make report", ".ci/run"}


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_a_step_is_a_command_that_a_person_can_type(name, step):
    found = STEP.fullmatch(step)
    assert found, f"{name}: {step!r} is neither make, oilcan nor .ci/run"
    if found["target"]:
        _call("make", "--dry-run", found["target"])
        listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert f"make {found['target']} " in listed


def test_the_files_are_valid_by_the_schemas_of_the_platforms():
    check = environment("supply") / "check-jsonschema"
    _call(check, "--builtin-schema", "vendor.github-workflows", *GITHUB)
    _call(check, "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", GITLAB)


def test_the_auditor_of_workflows_finds_nothing(tmp_path):
    zizmor = environment("supply") / "zizmor"
    _call(zizmor, "--offline", "--no-progress", *GITHUB)
    unsafe = tmp_path / ".github/workflows/unsafe.yml"
    unsafe.parent.mkdir(parents=True)
    unsafe.write_text(GITHUB[0].read_text().replace("- run: make", "- run: echo ${{ github.head_ref }} && make", 1))
    found = subprocess.run([zizmor, "--offline", "--no-progress", unsafe], capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert "template-injection" in found.stdout


@pytest.mark.parametrize("file", [*GITHUB, GITLAB], ids=lambda file: Path(file).name)
def test_no_workflow_needs_a_secret(file):
    assert "secrets." not in file.read_text(encoding="utf-8")
