"""What one of several replicas does for all: who has the duty, how it moves, and what the others show."""

import os
import signal
from functools import partial

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.service.api.conftest import columnar
from tests.waiting import wait_until

from oilcan.ground.errors import StoreUnavailable
from oilcan.io.stores import open_store
from oilcan.serving.live.duty import Duty

VERDICT = ("oilcan_monitoring_", "oilcan_alert", "oilcan_window_", "oilcan_quality_", "oilcan_forecast_mean")
OWN = {"oilcan_monitoring_seconds", "oilcan_monitoring_errors", "oilcan_monitoring_behind_entries"}


def metrics(server) -> dict[str, dict[tuple, float]]:
    families = text_string_to_metric_families(httpx.get(f"{server.url}/metrics", timeout=20).text)
    return {family.name: {tuple(sorted(sample.labels.items())): sample.value for sample in family.samples}
            for family in families}


def verdict(server) -> dict[str, dict[tuple, float]]:
    return {name: values for name, values in metrics(server).items()
            if name.startswith(VERDICT) and name not in OWN}


def is_on_duty(server) -> bool:
    return metrics(server)["oilcan_on_duty"][()] == 1


def send(server, rows) -> None:
    body = columnar(rows[[name for name in rows if name != "operator_name"]])
    answer = httpx.post(f"{server.url}/v1/telemetry", json=body, timeout=60)
    assert answer.status_code == 200, answer.text


def test_of_two_replicas_one_monitors_and_the_other_goes_on_when_it_is_killed(serve, postgres, fleet):
    url, half = postgres.fresh(), len(fleet) // 2
    first = serve(store=url, clock="data", snapshot_every_s=1)
    wait_until(partial(is_on_duty, first), "a replica alone takes the duty")
    second = serve(store=url, clock="data", snapshot_every_s=1)
    send(second, fleet.iloc[:half])
    wait_until(lambda: "oilcan_window_readings" in verdict(second), "the one on duty judges", 60)
    wait_until(lambda: verdict(first) == verdict(second), "both show the same", 60)
    assert (is_on_duty(first), is_on_duty(second)) == (True, False)
    spent = [metrics(each)["oilcan_monitoring_seconds"][()] for each in (first, second)]
    assert spent[0] > 0
    assert spent[1] == 0
    before = verdict(second)

    first.kill()
    assert verdict(second) == before                        # what was known stays known
    send(second, fleet.iloc[half:])
    wait_until(partial(is_on_duty, second), "the other takes the duty within seconds", 10)
    wait_until(lambda: verdict(second) != before, "it judges what came since", 60)
    total = sum(verdict(second)["oilcan_window_readings"].values())
    assert total > sum(before["oilcan_window_readings"].values())

    first.start()
    wait_until(lambda: verdict(first) == verdict(second), "one that comes back shows the same", 60)
    assert (is_on_duty(first), is_on_duty(second)) == (False, True)


def test_one_that_stands_still_loses_the_duty_and_does_not_speak_over_the_other(serve, postgres):
    url = postgres.fresh()
    first = serve(store=url, clock="data")
    wait_until(partial(is_on_duty, first), "a replica alone takes the duty")
    second = serve(store=url, clock="data")
    os.kill(first.process.pid, signal.SIGSTOP)
    try:
        wait_until(partial(is_on_duty, second), "the other takes the duty within seconds", 15)
    finally:
        os.kill(first.process.pid, signal.SIGCONT)
    wait_until(lambda: not is_on_duty(first), "it notices that it has lost the duty", 10)
    assert is_on_duty(second)


@pytest.fixture
def duties(postgres):
    """Some replicas, without threads: a round of one is a call of `_look`."""
    url, stores = postgres.fresh(), []

    def begin(*, is_fit: bool = True) -> Duty:
        stores.append(open_store(url))
        return Duty(stores[-1], lambda: is_fit)

    yield begin
    for store in stores:
        store.close()


def test_the_duty_is_given_back_at_the_end_and_taken_at_once(duties):
    first, second = duties(), duties()
    for each in (first, second, first, second):
        each._look()
    assert (first.holds, second.holds) == (True, False)
    first.say(lambda: "calm")
    first.stop(1)
    second._look()
    assert second.holds
    assert second._store.duties.words() == "calm"


def test_one_that_cannot_do_the_duty_leaves_it_to_others(duties):
    unfit, fit = duties(is_fit=False), duties()
    unfit._look()
    assert not unfit.holds
    fit._look()
    assert fit.holds
    fit._is_fit = lambda: False
    fit._look()
    assert not fit.holds
    unfit._is_fit = lambda: True
    unfit._look()
    assert unfit.holds


def test_words_are_heard_once_and_again_when_they_were_lost(duties):
    first, second = duties(), duties()
    first._look()
    second._look()
    assert second.heard() is None
    first.say(lambda: "calm")
    second._look()
    assert (second.heard(), second.heard()) == ("calm", None)
    second.hear_again()
    assert second.heard() == "calm"


def test_words_of_one_that_has_lost_the_duty_are_not_written(duties, monkeypatch):
    first, second = duties(), duties()
    for each in (first, second):
        each._look()
    monkeypatch.setattr("oilcan.serving.live.duty.time.monotonic", lambda: second._since + 60)
    second._look()
    assert (first.holds, second.holds) == (True, True)      # the first has not looked since
    second.say(lambda: "alert")
    first.say(lambda: "calm")
    assert not first.holds
    assert second._store.duties.words() == "alert"


@pytest.mark.parametrize("name", ["holding", "take", "beat", "leave", "say", "words"])
def test_a_call_that_fails_leaves_one_holder_a_few_rounds_later(duties, monkeypatch, name):
    group = [duties() for _ in range(3)]
    now = [0.0]
    monkeypatch.setattr("oilcan.serving.live.duty.time.monotonic", lambda: now[0])

    def away(*_arguments):
        raise StoreUnavailable("away")

    def rounds(count: int) -> None:
        for _ in range(count):
            now[0] += 1
            for each in group:
                for work in (each._look, lambda each=each: each.say(lambda: "calm"), each.heard):
                    try:
                        work()
                    except StoreUnavailable:
                        assert name in ("holding", "take", "beat", "say", "words")

    for broken in range(3):
        rounds(8)
        with monkeypatch.context() as patched:
            patched.setattr(group[broken]._store.duties, name, away)
            rounds(8)
        rounds(8)
        assert sum(each.holds for each in group) == 1
        assert group[0]._store.duties.words() == "calm"
