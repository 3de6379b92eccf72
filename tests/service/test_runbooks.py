"""What each runbook tells a person to type shows the fault: the fault is injected, the commands run as printed."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import yaml
from tests.service.receivers import free_port, rules
from tests.waiting import wait_until

from oilcan.io.stores import open_store
from oilcan.io.stores.tables.alarm_table import NewAlarm
from oilcan.io.stores.tables.decision_table import NewDecision

RUNBOOKS = Path(__file__).parents[2] / "docs/runbooks"
LAST_WEEKS = pd.Timedelta(days=24)
FOUR_DAYS_AGO_US = time.time_ns() // 1000 - 4 * 86_400_000_000


def look(page: str) -> tuple[str, list[str]]:
    """Commands of the section "Look", and the lines that they are to print."""
    text = (RUNBOOKS / f"{page}.md").read_text(encoding="utf-8").partition("## Look")[2].partition("## Do")[0]
    wanted = re.search(r"```text\n(.*?)```", text, re.S)
    return re.search(r"```bash\n(.*?)```", text, re.S)[1], wanted[1].splitlines()


def typed(page: str, server: Any, repo: Any) -> None:
    """Type the commands in a clone; every line that the page shows is printed, `...` stands for anything."""
    commands, wanted = look(page)
    commands = commands.replace("localhost:8080", f"localhost:{server.port}")
    commands = commands.replace("sqlite:///.oilcan/service.db", server.store)
    commands = commands.replace(" .oilcan", f" {Path(server.store.removeprefix('sqlite:///')).parent}")
    done = subprocess.run(["bash", "-c", commands], cwd=repo.path, env=repo.environment(), capture_output=True,
                          text=True, check=False)
    printed = done.stdout + done.stderr
    missing = [line for line in wanted if not re.search(".*".join(map(re.escape, line.split("..."))), printed)]
    assert not missing, f"{page}: {missing} were not printed:\n{printed}"


@pytest.fixture(scope="module")
def clone(_small_repo: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A clone in which commands may write."""
    return _small_repo.copy(tmp_path_factory.mktemp("runbooks") / "repo")


def _in_trouble(folder: Path) -> None:
    """Change the last weeks of a fleet: a drift, a dead sensor, a machine of a new model, one that falls silent."""
    machines = pd.read_parquet(folder / "machines.parquet")
    ids = sorted(machines["machine_id"])
    silent, dead, twin, drifting = ids[0], ids[1], ids[2], set(ids[3:18])
    new = machines[machines["machine_id"] == twin].assign(machine_id="M900", model="P900")
    pd.concat([machines, new]).to_parquet(folder / "machines.parquet")
    parts = sorted((folder / "telemetry").glob("*.parquet"))
    end = max(pd.read_parquet(part, columns=["time"])["time"].max() for part in parts)
    for part in parts:
        rows = pd.read_parquet(part)
        late = rows["time"] > end - LAST_WEEKS
        rows = rows.assign(vibration_mm_s=rows["vibration_mm_s"].where(
            ~(late & rows["machine_id"].isin(drifting)), rows["vibration_mm_s"] + 1.5))
        rows = rows.assign(flow_m3_h=rows["flow_m3_h"].mask(late & (rows["machine_id"] == dead)))
        more = rows[late & (rows["machine_id"] == twin)].assign(machine_id="M900")
        rows = rows[~((rows["machine_id"] == silent) & (rows["time"] > end - pd.Timedelta(days=3)))]
        pd.concat([rows, more]).to_parquet(part)


@pytest.fixture(scope="module")
def troubled(clone: Any, serve_all: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service that a fleet in trouble was played into, with a challenger beside the model; all of it judged."""
    folder = Path(shutil.copytree(clone.path / "data/canonical", tmp_path_factory.mktemp("troubled") / "canonical"))
    _in_trouble(folder)
    shutil.copytree(clone.path / "models/bundle", clone.path / "models/next")
    server = serve_all(clock="data", bundles=clone.path / "models")
    clone.run("oilcan", "replay-stream", "--url", server.url, "--data", str(folder), "--speed", "max")
    httpx.post(f"{server.url}/v1/model/shadow", json={"bundle": "next"}, timeout=60)

    def is_judged() -> bool:
        text = httpx.get(f"{server.url}/metrics", timeout=30).text
        return bool(re.search(r'^oilcan_alert_open\{.*vibration_mm_s.*\} 1\.0', text, re.M)) and (
            "oilcan_monitoring_behind_entries 0.0" in text)

    wait_until(is_judged, "no alert on the drift was opened", 120)
    return server


@pytest.mark.slow
@pytest.mark.parametrize("page", ["drift", "quality", "fleet-changed", "silent-machines", "alarm-flood",
                                  "alarm-drought", "events-changed", "calibration", "no-readings", "bundle-too-old",
                                  "shadow-better"])
def test_a_fleet_in_trouble_is_seen(page: str, troubled: Any, clone: Any) -> None:
    typed(page, troubled, clone)


@pytest.mark.slow
def test_a_decision_that_nobody_has_acted_on_is_seen(troubled: Any, clone: Any) -> None:
    with contextlib.closing(open_store(troubled.store)) as store:
        store.decisions.add(NewDecision("engineer", "retrain", ("vibration_mm_s has drifted",)), FOUR_DAYS_AGO_US)
    shown = 'oilcan_decision_info{action="retrain"} 1.0'
    wait_until(lambda: shown in httpx.get(f"{troubled.url}/metrics", timeout=30).text, "the decision is not shown", 60)
    typed("retraining-failed", troubled, clone)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["service-down", "replica-down"])
def test_a_service_that_was_killed_is_seen(page: str, serve: Callable[..., Any], clone: Any) -> None:
    server = serve()
    server.kill()
    typed(page, server, clone)


@pytest.fixture
def locked(serve: Callable[..., Any]) -> Iterator[Any]:
    """A service whose SQLite file another program has locked."""
    server = serve()
    with contextlib.closing(sqlite3.connect(server.store.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        reading = {"machine_id": "M001", "time": "2024-06-01T12:00:00Z", "vibration_mm_s": 2.4}
        httpx.post(f"{server.url}/v1/telemetry", json={"readings": [reading]}, timeout=60)
        wait_until(lambda: httpx.get(f"{server.url}/readyz", timeout=30).status_code == 503, "it is still ready", 60)
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("page", ["not-ready", "store-failing"])
def test_a_store_that_does_not_answer_is_seen(page: str, locked: Any, clone: Any) -> None:
    typed(page, locked, clone)


@pytest.mark.slow
def test_requests_that_wait_are_seen(serve: Callable[..., Any], clone: Any) -> None:
    server = serve()
    reading = {"machine_id": "M001", "time": "2024-06-01T12:00:00Z", "vibration_mm_s": 2.4}
    with contextlib.closing(sqlite3.connect(server.store.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.url}/v1/telemetry", json={"readings": [reading]}, timeout=1.5)
        other.execute("ROLLBACK")
    wait_until(lambda: httpx.post(f"{server.url}/v1/telemetry", json={"readings": [reading]},
                                  timeout=60).status_code == 200, "it does not recover")
    typed("slow", server, clone)


@pytest.mark.slow
def test_a_message_that_cannot_be_delivered_is_seen(serve: Callable[..., Any], clone: Any, tmp_path: Path) -> None:
    nobody = {"desk": {"kind": "webhook", "url": f"http://127.0.0.1:{free_port()}/hook"}}
    content = rules({"*": {"channels": ["desk"]}}, nobody, first="1s", give_up="1s")
    (tmp_path / "notifications.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    server = serve(notifications=tmp_path / "notifications.yaml")
    with contextlib.closing(open_store(server.store)) as store:
        store.change_alarms([NewAlarm("M001", "failure", time.time_ns() // 1000, 0.8, 0.5, [])], time.time_ns() // 1000)
    shown = re.compile(r'^oilcan_deliveries.*state="failed"\} 1\.0', re.M)
    wait_until(lambda: shown.search(httpx.get(f"{server.url}/metrics", timeout=30).text), "it was not given up", 60)
    typed("alarms-undelivered", server, clone)


@pytest.mark.slow
def test_a_disk_that_fills_is_seen(serve: Callable[..., Any], clone: Any, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", place], check=False,
                      capture_output=True).returncode:
        pytest.fail("this test mounts a small disk: run it as root (CI does)")
    server = serve(store=f"sqlite:///{place}/service.db")
    server.store = f"sqlite:///{place}/service.db"
    try:
        (place / "ballast").write_bytes(os.urandom(9_500_000))
        typed("disk-nearly-full", server, clone)
    finally:
        server.stop()
        subprocess.run(["umount", place], check=True)


@pytest.mark.slow
def test_a_service_without_readings_cannot_tell(serve: Callable[..., Any], clone: Any) -> None:
    typed("cannot-tell", serve(), clone)


def test_every_runbook_is_tried() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {page for page in pages if f'"{page}"' in text}
