"""Promotion and rollback into a running service under load: it follows the tag, and not one request fails."""

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from tests.ops.conftest import bundle_of
from tests.service.conftest import Server
from tests.waiting import wait_until

from oilcan.serving.live.shadowing import answers_for

pytestmark = pytest.mark.slow


class Load:
    """Readings and questions without a pause from some threads; counts what was answered."""

    def __init__(self, url: str) -> None:
        self.answers: Counter[object] = Counter()
        self.bundles: list[str] = []
        self._url, self._over = url, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(3)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            for hour in range(1_000_000):
                if self._over.is_set():
                    return
                at = (datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hour)).isoformat()
                reading = {"machine_id": f"load{number}", "time": at, "vibration_mm_s": 2.0}
                for answer in (client.post("/v1/telemetry", json={"readings": [reading]}), client.get("/v1/machines")):
                    self.answers[answer.status_code] += 1
                    self.bundles.append(answer.json().get("model", ""))


@pytest.fixture
def service(small_repo, tmp_path: Path) -> Iterator[Server]:
    """A server with a copy of the first bundle, which takes others from the repository's store of bundles."""
    home = tmp_path / "bundles"
    home.mkdir()
    shutil.copytree(small_repo.path / "models/bundle", home / "first")
    server = Server(home / "first", tmp_path, bundles=home, bundle_source=small_repo.path / ".oilcan/bundles")
    listed = {"services": [{"name": "plant", "url": server.url, "dataset": "demo_fleet"}]}
    (small_repo.path / "services.yaml").write_text(yaml.safe_dump(listed))
    small_repo.commit("a service")
    server.start()
    yield server
    server.stop()


def test_services_follow_promotion_and_rollback_without_a_failed_request(small_repo, service):
    words = ("--approver", "Ada", "--reason", "for a test")
    first = bundle_of(small_repo.path / "models/bundle")
    small_repo.run("oilcan", "promote", *words, "--override")
    shown = small_repo.run("oilcan", "status").stdout.splitlines()
    assert shown[0].startswith(f"demo_fleet: v1.0.0, bundle {first[:12]}, by Ada")
    assert shown[1].split() == ["plant", service.url, first[:12]]
    small_repo.run("oilcan", "champion")
    small_repo.set_params(package={"check_rows": 40})
    small_repo.run("dvc", "repro", "review")
    small_repo.commit("another model")
    second = bundle_of(small_repo.path / "models/bundle")
    assert first != second

    with Load(service.url) as load:
        wait_until(lambda: len(load.bundles) > 20, "no answers")
        small_repo.run("oilcan", "promote", *words, "--override", "--canary", "50%")
        shown = small_repo.run("oilcan", "status").stdout.splitlines()[1]
        assert shown.split(None, 2)[2].startswith(f"{first[:12]}, and {second[:12]} for 50% (")
        assert {each["machine_id"] for each in httpx.get(f"{service.url}/v1/machines").json()["machines"]
                if each.get("model") == second} == {f"load{number}" for number in range(3)
                                                    if answers_for(f"load{number}", 0.5)} != set()
        small_repo.run("oilcan", "promote", *words, "--override")
        wait_until(lambda: load.bundles[-1] == second, "the promoted bundle never answered")
        assert small_repo.run("oilcan", "status").returncode == 0
        small_repo.run("oilcan", "rollback", *words)
        wait_until(lambda: load.bundles[-1] == first, "the first bundle never came back")
    assert set(load.answers) == {200}, load.answers
    assert {first, second} == set(load.bundles)
    assert httpx.get(f"{service.url}/v1/model").json()["previous"] == second

    log = small_repo.run("oilcan", "audit", "log", "--kind", "rollout").stdout.splitlines()
    assert [line.split()[-3:] for line in log] == [["plant", "serves", "it"]] * 3
    (canary,) = small_repo.run("oilcan", "audit", "log", "--kind", "canary").stdout.splitlines()
    assert "plant answers for 50% of its machines" in canary
    assert "audit: whole" in small_repo.run("oilcan", "audit", "verify").stdout


def test_a_service_that_is_away_is_named_and_reached_by_the_next_run(small_repo, service):
    words = ("--approver", "Ada", "--reason", "for a test", "--override")
    service.stop()
    refused = small_repo.run("oilcan", "promote", *words, check=False)
    assert refused.returncode == 1
    assert f"does not follow yet: plant ({service.url}): {service.url}: no answer" in refused.stdout
    shown = small_repo.run("oilcan", "status", check=False)
    assert (shown.returncode, "! service plant" in shown.stdout) == (1, True)
    service.start()
    small_repo.run("oilcan", "promote", *words)
    small_repo.run("oilcan", "champion")
    assert small_repo.run("oilcan", "status").returncode == 0
