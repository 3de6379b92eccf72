"""Promotion and rollback into a running service under load: it follows the tag, and not one request fails."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.ops.conftest import bundle_of
from tests.ops.running_service import Load, following_service
from tests.service.conftest import Server
from tests.waiting import wait_until

from oilcan.serving.engine.shadowing import answers_for

pytestmark = pytest.mark.slow


def read_and_send(client: httpx.Client, number: int, at: int) -> Iterator[httpx.Response]:
    """One reading of a machine of the thread's own, and the list of machines."""
    time = (datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=at)).isoformat()
    reading = {"machine_id": f"load{number}", "time": time, "vibration_mm_s": 2.0}
    yield client.post("/v1/telemetry", json={"readings": [reading]})
    yield client.get("/v1/machines")


@pytest.fixture
def service(small_repo, tmp_path: Path) -> Iterator[Server]:
    with following_service(small_repo, tmp_path) as server:
        yield server


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

    with Load(service.url, read_and_send, threads=3) as load:
        wait_until(lambda: len(load.bundles) > 20, "no answers")
        small_repo.run("oilcan", "promote", *words, "--override", "--canary", "50%")
        shown = small_repo.run("oilcan", "status").stdout.splitlines()[1]
        assert shown.split(None, 2)[2].startswith(f"{first[:12]}, and {second[:12]} for 50% (")
        assert {each["machine_id"] for each in httpx.get(f"{service.url}/v1/machines", timeout=60).json()["machines"]
                if each.get("model") == second} == {f"load{number}" for number in range(3)
                                                    if answers_for(f"load{number}", 0.5)} != set()
        small_repo.run("oilcan", "promote", *words, "--override")
        wait_until(lambda: load.bundles[-1] == second, "the promoted bundle never answered")
        assert small_repo.run("oilcan", "status").returncode == 0
        small_repo.run("oilcan", "rollback", *words)
        wait_until(lambda: load.bundles[-1] == first, "the first bundle never came back")
    assert set(load.answers) == {200}, load.answers
    assert {first, second} == set(load.bundles)
    assert httpx.get(f"{service.url}/v1/model", timeout=60).json()["previous"] == second

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
