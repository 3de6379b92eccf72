"""The online engine equals batch on what has arrived, in whatever order it came, also after a restart."""

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests import online_frames as frames

from oilcan.core.features.families.registry import FAMILIES
from oilcan.core.online import DUPLICATE, LATE, NEW, TOO_LATE
from oilcan.core.online.feature_columns import ONLINE

FEW = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS, FILLS = st.integers(0, 10_000), st.sampled_from([0, 1, 3])
WINDOWS = st.sampled_from(["3h, 10h, 30h", "15min, 1h", "7h", "2h, 200h"])


def stream(seed: int, windows: str, fill: int, lateness: float | None = None) -> frames.Stream:
    plan, tables = frames.plan_for(seed, windows)
    return frames.Stream(plan, tables, frames.contract(windows), fill, lateness)


def deliveries(live: frames.Stream, rng: np.random.Generator, delays: list[float]) -> list[tuple[str, np.ndarray]]:
    """Readings and records in batches, each delayed by some hours, some sent twice."""
    sent = []
    for table in ("telemetry", *frames.RECORDS):
        times = getattr(live.tables, table)["time"].to_numpy("datetime64[us]").astype(np.int64)
        again = rng.choice(len(times), len(times) // 4)
        at = np.concatenate([np.arange(len(times)), again])
        due = times[at] + rng.choice(delays, len(at)) * frames.HOUR
        sent += [(when, table, row) for when, row in zip(due.tolist(), at.tolist(), strict=True)]
    sent = [sent[i] for i in sorted(range(len(sent)), key=lambda i: sent[i][0])]
    cuts = np.sort(rng.choice(len(sent), 30, replace=False))
    return [(table, np.array([row for _, name, row in sent[a:b] if name == table], dtype=np.int64))
            for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True) for table in (*frames.RECORDS, "telemetry")]


def play(live: frames.Stream, rng: np.random.Generator, delays: list[float], *, restarts: bool = False) -> None:
    """Deliver everything, and compare with batch now and then."""
    for number, (table, at) in enumerate(deliveries(live, rng, delays)):
        if len(at):
            live.send(at) if table == "telemetry" else live.tell(table, at)
        if number % 40 == 39 and live.arrived:
            live.check()
            if restarts:
                live.restart()
                live.check(hours=1.5)
    live.check()


@FEW
@given(seed=SEEDS, windows=WINDOWS, fill=FILLS)
def test_in_order(seed: int, windows: str, fill: int) -> None:
    play(stream(seed, windows, fill), np.random.default_rng(seed), [0.0])


@FEW
@given(seed=SEEDS, windows=WINDOWS, fill=FILLS)
def test_late_out_of_order_twice_and_restarted(seed: int, windows: str, fill: int) -> None:
    live = stream(seed, windows, fill, lateness=300.0)
    play(live, np.random.default_rng(seed), [0.0, 0.0, 0.1, 2.0, 40.0], restarts=True)
    assert len(live.arrived) == len(live.tables.telemetry)


@FEW
@given(seed=SEEDS, windows=WINDOWS, fill=FILLS, lateness=st.sampled_from([40.0, 300.0]))
def test_batches_that_overtake_each_other(seed: int, windows: str, fill: int, lateness: float) -> None:
    play(stream(seed, windows, fill, lateness), np.random.default_rng(seed), [0.0, 0.1, 1.5, 3.0])


@FEW
@given(seed=SEEDS, windows=WINDOWS, fill=FILLS)
def test_what_comes_too_late_is_as_if_it_had_not_come(seed: int, windows: str, fill: int) -> None:
    live = stream(seed, windows, fill, lateness=5.0)
    play(live, np.random.default_rng(seed), [0.0, 0.0, 2.0, 40.0], restarts=True)


@FEW
@given(seed=SEEDS, windows=WINDOWS, hours=st.sampled_from([0.5, 5.0, 50.0, 5000.0]))
def test_later_than_the_newest_reading(seed: int, windows: str, hours: float) -> None:
    live = stream(seed, windows, 1)
    play(live, np.random.default_rng(seed), [0.0])
    live.check(hours)
    live.check()


@FEW
@given(seed=SEEDS, windows=WINDOWS, size=st.sampled_from([1, 7, 1000]))
def test_the_size_of_batches_does_not_matter(seed: int, windows: str, size: int) -> None:
    live = stream(seed, windows, 1)
    for table in frames.RECORDS:
        live.tell(table, np.arange(len(getattr(live.tables, table))))
    order = np.argsort(live.tables.telemetry["time"].to_numpy(), kind="stable")
    for begin in range(0, len(order), size):
        assert (live.send(order[begin : begin + size]) == NEW).all()
    live.check()


@FEW
@given(seed=SEEDS)
def test_status_says_what_became_of_a_reading(seed: int) -> None:
    live = stream(seed, "7h", 0, lateness=10.0)
    time = live.tables.telemetry["time"]
    mine = np.flatnonzero((live.tables.telemetry["machine_id"] == "m0").to_numpy())
    age = ((time[mine].max() - time[mine]) / pd.Timedelta("1h")).to_numpy()
    late, lost = mine[(age > 0) & (age < 10)], mine[age >= 10]
    assume(len(late) and len(lost))
    assert live.send(mine[age == 0]).tolist() == [NEW]
    assert set(live.send(late).tolist()) <= {LATE}
    assert set(live.send(late).tolist()) <= {DUPLICATE}
    assert set(live.send(lost).tolist()) == {TOO_LATE}


def test_a_replaced_part_begins_a_new_reference_whenever_its_record_arrives() -> None:
    live = stream(2, "3h, 10h", 1, lateness=5.0)
    assert live.plan.replaced == ("pump",)
    play(live, np.random.default_rng(2), [0.0, 2.0, 40.0])
    assert live.in_time["maintenance"] != live.records["maintenance"]


def test_every_family_is_computed_online() -> None:
    assert set(ONLINE) == set(FAMILIES)


def test_the_plans_of_these_tests_call_for_everything() -> None:
    smooth, separate = (frames.plan_for(seed, "3h, 10h")[0] for seed in (0, 1))
    assert [frames.plan_for(seed, "3h, 10h")[0].replaced for seed in (0, 2)] == [(), ("pump",)]
    assert smooth.regimes.kind == "surface"
    assert separate.regimes.kind == "clusters"
    assert not separate.health.is_even
    for plan in (smooth, separate):
        assert {feature.kind for feature in plan.features} == set(FAMILIES)
        assert "warmth" in {sensor.name for sensor in plan.sensors}
        assert plan.health is not None
        assert {f.statistic for f in plan.features} >= {"early", "renewed", "life", "rate", "drift", "trend"}
