"""The DAG runs: a failing gate fails it and reaches Alertmanager; an announced drift makes the scheduler retrain."""

import http.server
import json
import runpy
import socket
import sys
import threading
import urllib.error

import pytest
import yaml
from tests.conftest import Repo
from tests.ops.schedulers.airflow_home import DAG, AirflowHome
from tests.ops.schedulers.conftest import record_windows
from tests.repo.closure import ROOT
from tests.waiting import wait_until

from oilcan.io.bundle.verdict_file import write_verdict
from oilcan.operations.governing import audit_log

DEPLOY = ROOT / "deploy/airflow"
STEPS = ["begin", "worktree", "fetch", "extend", "pipeline", "commit", "record", "remove", "gate"]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_the_committed_dag_is_that_of_the_steps_and_the_schedule():
    built = runpy.run_path(str(DEPLOY / "build.py"))["source"]()
    assert (DEPLOY / "oilcan_retrain.py").read_text(encoding="utf-8") == built, "run `make schedules`"


@pytest.fixture
def alertmanager_api():
    """Takes what is posted to it, as Alertmanager does; its routes are tested in tests/ops/deploy."""
    posted = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", posted
    server.shutdown()
    server.server_close()


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


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_drift_that_is_announced_makes_the_scheduler_retrain_and_a_rejected_model_fails_the_run(
        due, by_hand, alertmanager_api, tmp_path):
    address, posted = alertmanager_api
    airflow = AirflowHome(tmp_path / "airflow", due, free_port(), OILCAN_ALERTMANAGER=address)
    for file in (due.path / ".oilcan").glob("service.db*"):
        file.unlink()
    record_windows(due, {9: []})
    with airflow.scheduler():
        wait_until(airflow.knows_the_dag, "the DAG is not read", seconds=120)
        airflow.call("dags", "unpause", DAG)
        wait_until(lambda: airflow.runs().get("scheduled") == "success", "no run of this month", seconds=200)
        assert airflow.states("scheduled") == dict.fromkeys(STEPS, "skipped")       # a calm week: not due
        assert _announce(due, airflow) == "not due\n"
        record_windows(due, {8: ["drift vibration_mm_s"], 1: ["drift vibration_mm_s"]})
        assert _announce(due, airflow).startswith("announced: demo_fleet-")
        assert _announce(due, airflow).startswith("announced before: demo_fleet-")
        wait_until(lambda: airflow.runs().get("asset_triggered") in {"success", "failed"}, "no end", seconds=500)
    assert airflow.states("asset_triggered") == dict.fromkeys(STEPS[:-1], "success") | {"gate": "failed"}
    assert [(path, alert["labels"]["alertname"], alert["labels"]["step"]) for path, (alert,) in posted] == \
        [("/api/v2/alerts", "OilcanRetrainingFailed", "gate")]
    (branch,) = due.run("git", "for-each-ref", "--format=%(refname:short)", "refs/heads/retrain").stdout.split()
    assert branch.endswith("-drift")
    for name, lock in by_hand.items():
        assert due.run("git", "show", f"{branch}:{name}").stdout.encode() == lock


def _announce(repo, airflow) -> str:
    return repo.run(sys.executable, str(DEPLOY / "announce.py"), "--airflow", airflow.url).stdout
