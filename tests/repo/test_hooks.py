"""The hooks of .pre-commit-config.yaml run what is installed, and catch what they are for."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import tracked_files
from tests.repo.closure import ROOT
from tests.repo.committed_files import breaches

HOOKS = [hook for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
         for hook in repo["hooks"] if repo["repo"] == "local"]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_calls_a_program_of_the_environment(hook):
    assert hook["language"] == "system"
    program, *arguments = hook["entry"].split()
    assert program.startswith(".venv/bin/")
    assert (Path(sys.executable).parent / Path(program).name).is_file()
    if arguments[:1] == ["-m"]:
        assert (ROOT / arguments[1].replace(".", "/")).with_suffix(".py").is_file()


def test_every_hook_is_local():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]      # else a `rev` would have to be a hash
    assert {"ruff", "mypy", "import-linter"} <= {hook["id"] for hook in HOOKS}


def test_no_tracked_file_is_large_or_a_private_key():
    assert list(breaches(ROOT / name for name in tracked_files())) == []


def test_a_large_file_and_a_private_key_are_refused(tmp_path):
    large, key = tmp_path / "large.csv", tmp_path / "key.pem"
    large.write_bytes(b"1,2\n" * 130_000)
    key.write_text(f"-----BEGIN {'PRIVATE'} KEY-----\n{'MC4CAQAwBQYDK2Vw' * 4}\n-----END {'PRIVATE'} KEY-----\n")
    done = subprocess.run([sys.executable, "-m", "tests.repo.committed_files", large, key], cwd=ROOT, check=False,
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert "large.csv: 520 kB (wanted 500 kB at most)" in done.stderr
    assert "key.pem: holds a private key" in done.stderr
