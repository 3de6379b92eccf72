"""MLflow mirrors git: after any decisions and kills; tampering is found and undone; the champion forecasts the same."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from tests.conftest import Repo
from tests.ops.environments import environment
from tests.ops.test_registry import put
from tests.repo.closure import ROOT

pytestmark = pytest.mark.slow


def _python(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Python with MLflow; the core's packages, of the same versions, come from the environment of the tests."""
    places = os.pathsep.join([str(ROOT / "src"), str(ROOT), sysconfig.get_paths()["purelib"]])
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "COV_"))}
    extra = {"PYTHONPATH": places, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1",
             "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@localhost",
             "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@localhost"}
    return subprocess.run([environment("mlflow") / "python", *map(str, words)], cwd=cwd, env=clean | extra, check=False,
                          capture_output=True, text=True)


def _mirror(repo: Repo, *words: str) -> subprocess.CompletedProcess[str]:
    return _python("-c", "import sys; from oilcan.cli import main; sys.exit(main(['mirror', 'mlflow', *sys.argv[1:]]))",
                   *words, cwd=repo.path)


@pytest.mark.timeout(1800)
def test_fifty_random_decisions_and_kills_leave_mlflow_equal_to_the_tags(tmp_path):
    repo = Repo(tmp_path / "repo")
    (repo.path / "datasets").mkdir(parents=True)
    (repo.path / "datasets/fleet.yaml").write_text("name: fleet\n")
    repo.run("git", "init", "-q", "-b", "main")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    done = _python(ROOT / "tests/ops/mlflow_steps.py", repo.path, uri, 50, 7, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["killed"] >= 5
    assert counts["older promoted"] >= 5
    assert counts["versions"] >= 8


TAMPER = """
import sys
from mlflow import MlflowClient
client = MlflowClient("sqlite:///.oilcan/mlflow.db", "sqlite:///.oilcan/mlflow.db")
(experiment,) = [each for each in client.search_experiments() if each.name == "fleet"]
run = client.search_runs([experiment.experiment_id])[0].info.run_id
champion = client.get_registered_model("fleet").aliases["champion"]
other = next(each.version for each in client.search_model_versions("name='fleet'") if each.version != champion)
what = sys.argv[1]
if what == "metric":
    client.log_metric(run, "test.ece", 0.0)
elif what == "fact":
    client.set_tag(run, "oilcan.fact.commit", "0" * 40)
elif what == "alias":
    client.set_registered_model_alias("fleet", "champion", other)
elif what == "version":
    client.delete_model_version("fleet", other)
elif what == "run":
    client.delete_run(run)
elif what == "stranger":
    client.create_run(experiment.experiment_id)
elif what == "pointer":
    from pathlib import Path
    for place in Path.cwd().rglob("pointer.json"):
        place.write_text(place.read_text().replace('"bundle": "', '"bundle": "0'))
"""

LOAD = """
import sys
import mlflow
import numpy as np
import pandas as pd
from pathlib import Path
from oilcan.io.bundle.bundle_folder import load_bundle
mlflow.set_tracking_uri("sqlite:///.oilcan/mlflow.db")
mlflow.set_registry_uri("sqlite:///.oilcan/mlflow.db")
model = mlflow.pyfunc.load_model("models:/fleet@champion")
bundle = load_bundle(Path(sys.argv[1]))
rows = pd.DataFrame({name: bundle.check_rows[name] for name in bundle.fitted.features})
forecasts = model.predict(rows)
named = [name for name in forecasts if "expected_" + name in bundle.check_rows]
assert named
for name in named:
    np.testing.assert_array_equal(forecasts[name].to_numpy(), bundle.check_rows["expected_" + name])
assert model.unwrap_python_model is not None
print("equal", len(rows), len(named))
"""


@pytest.mark.timeout(1800)
def test_tampering_is_found_and_undone_and_the_champion_forecasts_as_its_bundle(registry, models):
    put(registry, "HEAD~1")
    put(registry, override=True)
    assert _mirror(registry).returncode == 0
    clean = _mirror(registry, "--check")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    loaded = _python("-c", LOAD, models / "second", cwd=registry.path)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert loaded.stdout.startswith("equal ")
    for what, word in (("metric", "metrics/test.ece"), ("fact", "facts/commit"), ("alias", "aliases/champion"),
                       ("version", "models/fleet/versions/"), ("run", "runs/fleet@"), ("stranger", "runs/unknown"),
                       ("pointer", "/bundle")):
        done = _python("-c", TAMPER, what, cwd=registry.path)
        assert done.returncode == 0, done.stderr
        found = _mirror(registry, "--check")
        assert found.returncode == 1, what
        assert word in found.stdout
        assert _mirror(registry).returncode == 0
        again = _mirror(registry, "--check")
        assert again.returncode == 0, f"{what}: {again.stdout}"


def test_without_mlflow_the_message_names_the_command(registry):
    refused = registry.run("oilcan", "mirror", "mlflow", check=False)
    assert refused.returncode == 1
    assert "Run `make install-mlflow`." in refused.stderr
