"""MLflow mirrors git: after any decisions and kills; tampering is found and undone; the champion forecasts the same."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import Repo
from tests.ops.environments import environment
from tests.ops.test_registry import put
from tests.repo.closure import ROOT

pytestmark = pytest.mark.slow
DONE = tuple[int, str]


def _environment() -> dict[str, str]:
    """MLflow's own environment; the core's packages, of the same versions, come from the environment of the tests."""
    places = os.pathsep.join([str(ROOT / "src"), str(ROOT), sysconfig.get_paths()["purelib"]])
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "COV_"))}
    return clean | {"PYTHONPATH": places, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1",
                    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@localhost",
                    "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@localhost"}


class Session:
    """A process that has imported MLflow and does each call in a copy of itself; see mlflow_session.py."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process, self._folder = process, folder

    def __call__(self, *words: object) -> DONE:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(self._folder), "words": [*map(str, words)]}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["code"], answer["printed"]


@contextmanager
def _session(folder: Path) -> Iterator[Session]:
    command = [environment("mlflow") / "python", ROOT / "tests/ops/mlflow_session.py"]
    with subprocess.Popen([*map(str, command)], env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        yield Session(process, folder)
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.timeout(1800)
def test_fifty_random_decisions_and_kills_leave_mlflow_equal_to_the_tags(tmp_path):
    repo = Repo(tmp_path / "repo")
    (repo.path / "datasets").mkdir(parents=True)
    (repo.path / "datasets/fleet.yaml").write_text("name: fleet\n")
    repo.run("git", "init", "-q", "-b", "main")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    command = [environment("mlflow") / "python", ROOT / "tests/ops/mlflow_steps.py", repo.path, uri, 50, 7]
    done = subprocess.run([*map(str, command)], cwd=tmp_path, env=_environment(), check=False, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["killed"] >= 5
    assert counts["older promoted"] >= 5
    assert counts["versions"] >= 8


@pytest.mark.timeout(1800)
def test_tampering_is_found_and_undone_and_the_champion_forecasts_as_its_bundle(registry, models):
    put(registry, "HEAD~1")
    put(registry, override=True)
    with _session(registry.path) as call:
        for words in ((), ("--check",)):
            code, printed = call("mirror", *words)
            assert code == 0, printed
        code, printed = call("load", models / "second")
        assert code == 0, printed
        assert "\nequal " in f"\n{printed}"
        for what, word in (("metric", "metrics/test.ece"), ("fact", "facts/commit"), ("alias", "aliases/champion"),
                           ("version", "models/fleet/versions/"), ("run", "runs/fleet@"), ("stranger", "runs/unknown"),
                           ("pointer", "/bundle")):
            assert call("tamper", what)[0] == 0
            code, printed = call("mirror", "--check")
            assert code == 1, what
            assert word in printed
            assert call("mirror")[0] == 0
            code, printed = call("mirror", "--check")
            assert code == 0, f"{what}: {printed}"


def test_without_mlflow_the_message_names_the_command(registry):
    refused = registry.run("oilcan", "mirror", "mlflow", check=False)
    assert refused.returncode == 1
    assert "Run `make install-mlflow`." in refused.stderr
