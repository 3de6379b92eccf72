"""What the online engine holds: bytes that are checked, memory that is bounded, refusals."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from tests import online_frames as frames

from oilcan.core.online import LATE, NEW, OnlineFeatures
from oilcan.core.online.state.machine_arrays import NONE
from oilcan.ground.errors import IntegrityError

WINDOWS = "3h, 10h, 30h"


@pytest.fixture(scope="module")
def live() -> frames.Stream:
    plan, tables = frames.plan_for(1, WINDOWS)
    stream = frames.Stream(plan, tables, frames.contract(WINDOWS), 1, None)
    for table in frames.RECORDS:
        stream.tell(table, np.arange(len(getattr(tables, table))))
    stream.send(np.arange(len(tables.telemetry)))
    return stream


@pytest.mark.parametrize("keep", [0, 3, 37, 60, 500, -1])
def test_bytes_that_are_cut_are_refused_and_change_nothing(live: frames.Stream, keep: int) -> None:
    before = live.engine.exact(live.slots)
    with pytest.raises(IntegrityError, match=r"state of a machine: .*cut off"):
        live.engine.load_many(np.array([0]), [live.engine.dump(1)[:keep]])
    np.testing.assert_array_equal(live.engine.exact(live.slots), before)


def test_a_changed_byte_is_refused(live: frames.Stream) -> None:
    dump = bytearray(live.engine.dump(0))
    dump[len(dump) // 2] ^= 1
    with pytest.raises(IntegrityError, match="cut off or changed"):
        live.engine.load_many(np.array([0]), [bytes(dump)])


def test_bytes_of_another_version_are_refused(live: frames.Stream) -> None:
    dump = bytearray(live.engine.dump(0))
    dump[4] += 1
    with pytest.raises(IntegrityError, match=r"unknown version \(found 4, wanted 3\)"):
        live.engine.load_many(np.array([0]), [bytes(dump)])


def test_bytes_of_another_plan_or_setting_are_refused(live: frames.Stream) -> None:
    shorter = live.plan.select(live.plan.names[1:])
    others = [OnlineFeatures(shorter, live.contract, fill_periods=1),
              OnlineFeatures(live.plan, live.contract, fill_periods=2),
              OnlineFeatures(live.plan, live.contract, fill_periods=1, lateness=7.0)]
    for other in others:
        slot = int(other.register(["m0"])[0])
        with pytest.raises(IntegrityError, match="another feature plan or with other settings"):
            other.load_many(np.array([slot]), [live.engine.dump(0)])


def test_bytes_of_another_machine_are_refused(live: frames.Stream) -> None:
    before = live.engine.exact(live.slots)
    with pytest.raises(IntegrityError, match="is the state of another machine"):
        live.engine.load_many(np.array([0]), [live.engine.dump(1)])
    np.testing.assert_array_equal(live.engine.exact(live.slots), before)


def test_a_machine_without_readings_is_taken_up_where_there_are_none(live: frames.Stream) -> None:
    first, second = live.make(), live.make()
    first.register(["silent"])
    second.load_many(second.register(["silent"]), [first.dump(0)])
    np.testing.assert_array_equal(second.exact(np.array([0])), first.exact(np.array([0])))


def test_a_machine_taken_up_elsewhere_goes_on_as_if_nothing_had_happened(live: frames.Stream) -> None:
    other = live.make()
    slot = int(other.register(["somebody else", "m2"])[1])
    other.load_many(np.array([slot]), [live.engine.dump(2)])
    later = live.engine.newest(np.array([2])) + frames.HOUR
    for engine, at in ((live.make(), 0), (other, slot)):
        if at == 0:
            engine.register(["m2"])
            engine.load_many(np.array([0]), [live.engine.dump(2)])
        assert engine.apply(np.array([at]), later, live.values[:1]).tolist() == [NEW]
    expected = live.make()
    expected.register(live.ids)
    expected.load_many(live.slots, [live.engine.dump(int(each)) for each in live.slots])
    expected.apply(np.array([2]), later, live.values[:1])
    np.testing.assert_allclose(other.exact(np.array([slot])), expected.exact(np.array([2])), rtol=1e-9, atol=1e-9)


def test_state_does_not_grow_with_the_length_of_a_life(live: frames.Stream) -> None:
    engine = live.make()
    slots, sizes, pages = engine.register(["a", "b"]), [], []
    for hour in range(400):
        engine.apply(slots, np.full(2, hour * frames.HOUR), np.full((2, len(engine.columns)), 60.0 + hour % 7))
        engine.record("errors", slots, np.full(2, hour * frames.HOUR), ["e1", "e2"])
        if hour % 100 == 99:
            sizes.append(len(engine.dump(0)))
            pages.append(sum(log.pages for log in (engine.raw, *engine.parts.sliding.logs)))
    assert max(sizes[1:]) < 1.1 * sizes[1]
    assert max(pages[1:]) <= pages[1] + 4


def in_order(live: frames.Stream, machine: str) -> np.ndarray:
    """Positions of the readings of one machine."""
    rows = live.tables.telemetry
    mine = np.flatnonzero((rows["machine_id"] == machine).to_numpy())
    return mine[np.argsort(rows["time"].to_numpy()[mine], kind="stable")]


def send_swapped(live: frames.Stream, at: np.ndarray) -> Iterator[None]:
    """Pairs of readings, the second of each first; stops after each pair."""
    for first, second in zip(at[0::2], at[1::2], strict=False):
        live.send(np.array([second]))
        assert live.send(np.array([first])).tolist() == [LATE]
        yield


def test_a_reading_a_little_late_is_not_replayed_from_the_base(live: frames.Stream,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    other = frames.Stream(live.plan, live.tables, live.contract, 1, 1000.0)
    order = np.argsort(live.tables.telemetry["time"].to_numpy(), kind="stable")
    early, late, last = order[:-20], order[-20:-10], order[-10:]
    for at in early:
        other.send(np.array([at]))
    other.send(last)
    monkeypatch.setattr(other.engine.base, "take", lambda _slots: pytest.fail("went back to the base"))
    assert LATE in other.send(late)
    other.check()


def test_pairs_that_always_come_the_wrong_way_round_soon_have_a_mark(live: frames.Stream,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    other = frames.Stream(live.plan, live.tables, live.contract, 1, 320.0)
    mine = in_order(live, "m0")
    take, asked = other.engine.base.take, []
    monkeypatch.setattr(other.engine.base, "take", lambda slots: asked.append(len(slots)) or take(slots))
    assert sum(1 for _ in send_swapped(other, mine)) == len(mine) // 2
    assert len(asked) == 1              # the first late one, before which there was nothing
    other.check()


def test_late_readings_after_a_restart_are_not_replayed_from_the_base(live: frames.Stream,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    other = frames.Stream(live.plan, live.tables, live.contract, 1, 1000.0)
    order = np.argsort(live.tables.telemetry["time"].to_numpy(), kind="stable")
    other.send(order[:-20])
    other.restart()
    monkeypatch.setattr(other.engine.base, "take", lambda _slots: pytest.fail("went back to the base"))
    other.send(order[-10:])
    assert LATE in other.send(order[-20:-10])
    other.check()


def test_windows_do_not_turn_at_every_late_reading_after_a_restart(live: frames.Stream) -> None:
    other = frames.Stream(live.plan, live.tables, live.contract, 1, 320.0)
    mine = in_order(live, "m0")
    half = len(mine) // 2
    other.send(mine[:half])
    other.restart()
    longest, slot = other.engine.parts.sliding.groups[-1], other.slot["m0"]
    turns, began = set(), int(other.engine.newest(np.array([slot]))[0])
    for _ in send_swapped(other, mine[half:]):
        turns.add(int(longest.state["turn"][slot, -1]))
    lived = int(other.engine.newest(np.array([slot]))[0]) - began
    assert 1 <= lived // longest.lengths[-1] <= len(turns) <= lived // longest.lengths[-1] + 1
    other.check()


def test_old_records_are_forgotten_but_the_last(live: frames.Stream) -> None:
    engine = live.make()
    slots = engine.register(["a"])
    for hour in range(0, 6000, 10):
        engine.apply(slots, np.array([hour * frames.HOUR]), np.full((1, len(engine.columns)), 60.0))
        engine.record("errors", np.repeat(slots, 10), hour * frames.HOUR + np.arange(10), ["e1"] * 10)
    assert len(engine.parts.records.of(slots)[0]) < 9000
    at = live.plan.names.index("error_e1_since")
    assert engine.features(slots, np.array([6000 * frames.HOUR]))[0, at] == pytest.approx(10.0)


def test_impossible_readings_count_as_missing(live: frames.Stream) -> None:
    engine = live.make()
    values = np.full((3, len(engine.columns)), 60.0)
    heat = engine.columns.index("heat")
    values[:, heat] = 46.9, np.inf, 47.0
    assert engine.parts.inputs.impossible(values)[:, heat].tolist() == [True, True, False]
    slots = engine.register(["a", "b", "c"])
    engine.apply(slots, np.zeros(3, np.int64), values)
    level = engine.features(slots)[:, live.plan.names.index("heat_level")]
    assert np.isnan(level).tolist() == [True, True, False]


def test_a_machine_without_readings_has_no_features_but_static_ones(live: frames.Stream) -> None:
    engine = live.make()
    slots = engine.register(["m0", "never heard of"], live.tables.machines)
    assert engine.newest(slots).tolist() == [NONE, NONE]
    found = pd.DataFrame(engine.features(slots), columns=live.plan.names)
    known = [f.name for f in live.plan.features if f.kind == "static" and f.statistic != "age"]
    never = [f.name for f in live.plan.features if f.kind != "static" and f.statistic not in {"count", "total"}]
    assert found.loc[0, known].notna().all()
    assert found[never].isna().all(axis=None)
    assert found.loc[1, known].isna().all()


def test_instants_of_machines_may_be_text(live: frames.Stream) -> None:
    told = live.tables.machines.assign(since=live.tables.machines["since"].map(pd.Timestamp.isoformat))
    engine = live.make()
    slots = engine.register(live.ids, told)
    now = live.engine.newest(slots)
    at = live.plan.names.index("since_age")
    np.testing.assert_array_equal(engine.features(slots, now)[:, at], live.engine.features(slots)[:, at])


def test_features_of_the_past_are_refused(live: frames.Stream) -> None:
    with pytest.raises(ValueError, match="before the machine's newest reading"):
        live.engine.features(live.slots, live.engine.newest(live.slots) - 1)


def test_registering_twice_gives_the_same_slot(live: frames.Stream) -> None:
    engine = live.make()
    assert engine.register(["a", "b", "a"]).tolist() == [0, 1, 0]
    assert engine.register(["b", "c"]).tolist() == [1, 2]
    assert len(engine) == 3
