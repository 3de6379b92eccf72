"""One process that has imported MLflow, and does in a copy of itself what each line of its input asks.

A line is JSON: {"folder": ..., "words": ["mirror", ...] or ["tamper", WHAT] or ["load", BUNDLE]}. The answer is a line
of JSON: exit code and what was printed. A copy (fork) begins as a new process would, without the seconds of the import.
"""

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store
import numpy as np
import pandas as pd
from mlflow import MlflowClient

from oilcan import cli
from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.operations.mirror import git_state, mlflow_mirror, mlflow_model

IMPORTED = (mlflow.store, git_state, mlflow_mirror, mlflow_model)       # here once, and not in each copy
URI = "sqlite:///.oilcan/mlflow.db"


def mirror(*words: str) -> int:
    """`oilcan mirror mlflow`."""
    return cli.main(["mirror", "mlflow", *words])


def tamper(what: str) -> int:
    """Change something on MLflow's side."""
    client = MlflowClient(URI, URI)
    (experiment,) = [each for each in client.search_experiments() if each.name == "fleet"]
    run = client.search_runs([experiment.experiment_id])[0].info.run_id
    champion = client.get_registered_model("fleet").aliases["champion"]
    other = next(each.version for each in client.search_model_versions("name='fleet'") if each.version != champion)
    changes: dict[str, Any] = {
        "metric": lambda: client.log_metric(run, "test.ece", 0.0),
        "fact": lambda: client.set_tag(run, "oilcan.fact.commit", "0" * 40),
        "alias": lambda: client.set_registered_model_alias("fleet", "champion", other),
        "version": lambda: client.delete_model_version("fleet", other),
        "run": lambda: client.delete_run(run),
        "stranger": lambda: client.create_run(experiment.experiment_id),
        "pointer": _change_pointers,
    }
    changes[what]()
    return 0


def _change_pointers() -> None:
    for place in Path.cwd().rglob("pointer.json"):
        place.write_text(place.read_text().replace('"bundle": "', '"bundle": "0'))


def load(folder: str) -> int:
    """The champion, loaded by MLflow, forecasts equal to its bundle."""
    mlflow.set_tracking_uri(URI)
    mlflow.set_registry_uri(URI)
    model = mlflow.pyfunc.load_model("models:/fleet@champion")
    bundle = load_bundle(Path(folder))
    rows = pd.DataFrame({name: bundle.check_rows[name] for name in bundle.fitted.features})
    forecasts = model.predict(rows)
    named = [name for name in forecasts if f"expected_{name}" in bundle.check_rows]
    assert named
    for name in named:
        np.testing.assert_array_equal(forecasts[name].to_numpy(), bundle.check_rows[f"expected_{name}"])
    assert model.unwrap_python_model is not None
    sys.stdout.write(f"equal {len(rows)} {len(named)}\n")
    return 0


def _in_a_copy(folder: str, words: list[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as printed:
        child = os.fork()
        if not child:
            code = 1
            try:
                os.dup2(printed.fileno(), 1)
                os.dup2(printed.fileno(), 2)
                os.chdir(folder)
                code = {"mirror": mirror, "tamper": tamper, "load": load}[words[0]](*words[1:])
            except BaseException:  # whatever it is, it is printed and the copy ends
                traceback.print_exc()
            sys.stdout.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        printed.seek(0)
        return os.waitstatus_to_exitcode(status), printed.read()


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        code, printed = _in_a_copy(asked["folder"], asked["words"])
        sys.stdout.write(json.dumps({"code": code, "printed": printed}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
