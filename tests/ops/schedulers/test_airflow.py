"""The DAG is that of the steps, and runs by hand; what its scheduler does after a drift is in test_one_lock.py."""

import http.server
import json
import runpy
import threading
import urllib.error

import pytest
import yaml
from tests.conftest import Repo
from tests.ops.schedulers.airflow_home import DAG, STEPS, AirflowHome, free_port
from tests.repo.closure import ROOT

from oilcan.io.bundle.verdict_file import write_verdict
from oilcan.operations.governing import audit_log

DEPLOY = ROOT / "deploy/airflow"


def test_the_committed_dag_is_that_of_the_steps_and_the_schedule():
    built = runpy.run_path(str(DEPLOY / "build.py"))["source"]()
    assert (DEPLOY / "oilcan_retrain.py").read_text(encoding="utf-8") == built, "run `make schedules`"


def test_an_announcement_is_repeated_while_the_server_fails_and_not_when_it_refuses(monkeypatch):
    script = runpy.run_path(str(DEPLOY / "announce.py"))
    monkeypatch.setenv("AIRFLOW_TOKEN", "one")
    monkeypatch.setitem(script["announced"].__globals__, "PAUSES_S", (0, 0, 0))
    codes, events = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer({"assets": [{"name": "oilcan-drift", "id": 1}], "asset_events": events})

        def do_POST(self):
            events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer({})                          # it may fail after the event was written

        def answer(self, body):
            self.send_response(codes.pop(0) if codes else 403)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    codes[:] = [500, 200, 200, 500, 503, 200, 200]   # the fourth is the event that was written
    assert script["announced"](address, "one") is False
    assert events == [{"asset_id": 1, "extra": {"retraining": "one"}}]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        script["announced"](address, "two")
    server.shutdown()
    server.server_close()


@pytest.fixture
def one_stage(tmp_path):
    """A repository whose pipeline is one stage that writes a verdict: promote."""
    repo = Repo(tmp_path / "one_stage")
    for folder in ("datasets", "models", "data/live"):
        (repo.path / folder).mkdir(parents=True)
        (repo.path / folder / "README.md").touch()
    for name in ("datasets/demo_fleet.yaml", "params.yaml", "retrain.yaml"):
        (repo.path / name).write_bytes((ROOT / name).read_bytes())
    verdict = repo.path / "verdict.json"
    write_verdict(verdict, "promote", ["made up for a test"], [], bundle="0" * 64, champion=None)
    (repo.path / ".gitignore").write_text("/.oilcan/\n")
    (repo.path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"review": {
        "cmd": "cp verdict.json models/bundle.verdict.json", "deps": ["verdict.json"],
        "outs": [{"models/bundle.verdict.json": {"cache": False}}]}}}))
    repo.run("git", "init", "-q", "-b", "main")
    repo.run("dvc", "init", "-q")
    repo.commit("one stage")
    return repo


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_by_hand_does_every_step_and_the_gate_lets_it_pass(one_stage, tmp_path):
    airflow = AirflowHome(tmp_path / "airflow", one_stage, free_port())
    done = airflow.call("dags", "test", DAG, "2026-11-01", "--conf", json.dumps({"because": "it's asked; $(false)"}))
    assert list(airflow.states("manual").values()) == ["success"] * len(STEPS), done.stdout
    (entry,) = [each for each in audit_log.entries(one_stage.path) if each.kind == "retrain"]
    assert (entry.why, entry.detail["decision"]) == ("it's asked; $(false)", "promote")
