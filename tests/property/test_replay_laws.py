"""A replay knows at each moment only what was known then: another future changes nothing that was done before."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from tests.replay_frames import settings_folder

from oilcan.core.timeline.groups import exact
from oilcan.operations.replay.fleet_watch import FleetWatch
from oilcan.operations.replay.model_shelf import ModelShelf
from oilcan.operations.replay.policy_run import Operation
from oilcan.operations.replay.replay_settings import read_settings
from oilcan.operations.replay.replay_study import windows_of
from oilcan.operations.replay.replayed_fleet import ReplayedFleet, read_fleet
from oilcan.operations.replay.retrain_policies import POLICIES

THEN = pd.Timestamp("2024-06-10", tz="UTC")     # the end of the fifth week of operation, after a retraining


def other_future(tables: dict[str, pd.DataFrame], seed: int) -> dict[str, pd.DataFrame]:
    """The same past; from `THEN` on shuffled and moved readings, a machine that falls silent, other events."""
    rng = np.random.default_rng(seed)
    telemetry = tables["telemetry"].copy()
    later = (telemetry["time"] >= THEN).to_numpy()
    sensors = [name for name in telemetry if name not in ("machine_id", "time")]
    telemetry.loc[later, sensors] = telemetry.loc[later, sensors].to_numpy()[rng.permutation(int(later.sum()))] * 1.2
    silent = telemetry["machine_id"].unique()[0]
    telemetry = telemetry[~(later & (telemetry["machine_id"] == silent).to_numpy())].reset_index(drop=True)
    changed = {"telemetry": telemetry}
    for name in ("failures", "maintenance", "errors"):
        frame = tables[name]
        after = frame[frame["time"] >= THEN]
        machines = rng.permutation(after["machine_id"].to_numpy())
        after = after.assign(machine_id=machines, time=after["time"] + pd.Timedelta(hours=7)).iloc[::2]
        changed[name] = pd.concat([frame[frame["time"] < THEN], after]).sort_values(
            ["machine_id", "time"], kind="stable", ignore_index=True)
    ends = telemetry.groupby("machine_id")["time"].agg(first_time="min", last_time="max").reset_index()
    machines = tables["machines"].drop(columns=["first_time", "last_time"]).merge(ends, on="machine_id")
    return {**tables, **changed, "machines": machines}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return read_settings(settings_folder(tmp_path_factory.mktemp("clone") / "clone"), "demo_fleet")


@pytest.fixture(scope="module")
def runs(settings, tmp_path_factory):
    """The runs of one policy over the fleet as it is and with another future."""
    fleet = read_fleet(settings, tmp_path_factory.mktemp("nothing"), seed=3, scenario="sensor_drift")
    other = ReplayedFleet.of(other_future(dict(fleet.tables), 1), settings.contract,
                             fill_periods=settings.params.prepare.fill_gap_periods)
    assert fleet.digest != other.digest
    return [operated(settings, each, tmp_path_factory.mktemp("shelf")) for each in (fleet, other)]


def operated(settings, fleet, shelf):
    shared = Operation(settings, fleet, ModelShelf(shelf, settings, fleet, str), FleetWatch(settings, fleet),
                       windows_of(settings, fleet))
    return shared.run(POLICIES["both-ungated"], str)


def until_then(run):
    return [asdict(each) for each in run.happenings if each.at <= exact(pd.Series([THEN]))[0]]


def test_another_future_changes_nothing_that_happened_before(runs):
    before = [until_then(run) for run in runs]
    assert {each["kind"] for each in before[0]} >= {"begin", "retrain", "promote"}
    assert before[0] == before[1]


def test_another_future_changes_no_model_that_was_made_before(runs):
    made = sorted(moment for moment in runs[0].models if moment <= exact(pd.Series([THEN]))[0])
    assert len(made) >= 2
    for moment in made:
        mine, theirs = runs[0].models[moment], runs[1].models[moment]
        assert (mine.plan, mine.policies, mine.metrics, mine.checks) == (theirs.plan, theirs.policies, theirs.metrics,
                                                                        theirs.checks)
        assert mine.reference.to_bytes() == theirs.reference.to_bytes()
        pd.testing.assert_frame_equal(mine.predictions, theirs.predictions)
        both = [each.forecasts[each.forecasts["time"] < THEN].reset_index(drop=True) for each in (mine, theirs)]
        pd.testing.assert_frame_equal(*both)


def test_the_other_future_is_another_one(runs):
    last = [run.models[max(run.models)] for run in runs]
    assert not last[0].predictions.equals(last[1].predictions)
