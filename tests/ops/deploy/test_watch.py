"""`make watch` with the real programs: a drift reaches the people, the decision is recorded, and it clears."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
WATCH = ROOT / "deploy/watch.py"
CHAIN_S = 60.0                          # from the first changed reading to the decision
CLEARS_S = 120.0                        # two calm weeks after it: half a minute, longer where other tests run beside


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Watch:
    """deploy/watch.py in a terminal of its own."""

    def __init__(self, repo: Path, folder: Path, **settings: str) -> None:
        self.ports, self.folder = _free_ports(4), folder
        command = [sys.executable, WATCH, "--folder", folder, "--speed", "100800", "--ports",
                   *map(str, self.ports)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OILCAN_")}
        self._log, self._from = folder.with_suffix(".log"), 0
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=repo, env=environment | settings, stdin=subprocess.PIPE,
                                            stdout=log, stderr=log)

    def text(self) -> str:
        """What it has printed since the last Enter."""
        text = self._log.read_text(encoding="utf-8")
        assert self.process.poll() is None, text
        return text[self._from:]

    def waits_for(self, pattern: str, seconds: float) -> None:
        """Until a line that was printed after the last Enter has the pattern."""
        try:
            wait_until(lambda: re.search(pattern, self.text()), f"no {pattern!r}", seconds)
        except AssertionError as err:
            raise AssertionError(f"{err} in:\n{self._log.read_text(encoding='utf-8')}") from None

    def press_enter(self) -> None:
        """Switch the drift."""
        self._from = len(self._log.read_text(encoding="utf-8"))
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def ask(self, query: str, since: float) -> list[dict[str, Any]]:
        """What its Prometheus has for a query since a moment of the monotonic clock."""
        now = time.time()
        span = {"query": query, "start": now - (time.monotonic() - since), "end": now, "step": 2}
        answer = httpx.get(f"http://127.0.0.1:{self.ports[1]}/api/v1/query_range", params=span, timeout=30).json()
        assert answer["status"] == "success", f"{query}: {answer}"
        return list(answer["data"]["result"])

    def end(self) -> None:
        """Ctrl-C."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        if not self.process.stdin.closed:
            self.process.communicate(timeout=40)


def _panels() -> dict[str, str]:
    """Query of every panel -> where it stands; those that need a challenger or a known outcome included."""
    boards = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
    return {target["expr"].replace("$__rate_interval", "10s"): f"{board.stem}: {panel['title']}" for board in boards
            for panel in json.loads(board.read_text(encoding="utf-8"))["panels"] for target in panel["targets"]}


@pytest.fixture
def watch(prometheus: Any, alertmanager: Any, _small_repo: Any, tmp_path: Path) -> Iterator[Watch]:
    """Running, with the history sent; named in conftest.PROGRAMS by what it needs."""
    assert prometheus is not None
    assert alertmanager is not None
    shutil.copytree(_small_repo.path / "models/bundle", tmp_path / "bundles/next")
    running = Watch(_small_repo.path, tmp_path / "watch", OILCAN_BUNDLES=str(tmp_path / "bundles"))
    try:
        running.waits_for("Enter switches the drift", 240)
        yield running
    finally:
        running.end()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_drift_reaches_people_and_the_decision_and_clears(watch: Watch) -> None:
    service = f"http://127.0.0.1:{watch.ports[0]}"
    httpx.post(f"{service}/v1/model/shadow", json={"bundle": "next"}, timeout=60)

    def decided() -> bool:
        newest = httpx.get(f"{service}/v1/decisions?limit=1", timeout=60).json()["decisions"]
        return any("vibration_mm_s" in reason for each in newest for reason in each["reasons"])

    began = time.monotonic()
    watch.press_enter()
    watch.waits_for(r"engineer: OilcanDrift firing: vibration_mm_s", CHAIN_S)
    wait_until(decided, "no decision rests on the drift", max(1.0, CHAIN_S - (time.monotonic() - began)))
    watch.press_enter()
    watch.waits_for(r"engineer: OilcanDrift resolved: vibration_mm_s", CLEARS_S)
    empty = {query: place for query, place in _panels().items() if not watch.ask(query, began)}
    assert not empty
    watch.end()
    assert watch.process.returncode == 0
    for port in watch.ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_a_program_that_is_missing_is_one_message(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, WATCH, "--folder", tmp_path], cwd=tmp_path, env={"PATH": ""},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ("error: make watch: a program is missing (wanted prometheus and prometheus-alertmanager). "
                           "Run `apt-get install prometheus prometheus-alertmanager`.\n")
