"""A replaced part begins a new reference for its machine: in the contract, the features, the plan, the monitoring.

That the online engine equals batch, whenever the record arrives, is in tests/property/test_online.py.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from tests import monitoring_frames as frames
from tests.canonical_frames import FLEET, fleet_contract

from oilcan.contract import Contract
from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.features.arrays import Arrays, Tables
from oilcan.core.features.families import early_life
from oilcan.core.features.plan import Feature, FeaturePlan, Sensor
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import ContractError
from oilcan.monitoring.statistics.counts_by_window import FleetEvents
from oilcan.monitoring.watching import WindowJudge, WindowVerdict

WORK = """  maintenance:
    grain: one row per job
    files: [jobs.csv]
    replaced: [probe]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      time: {type: instant, unit: UTC, description: End of the job}
      component: {type: text, unit: none, description: What was renewed}
"""


def contract(work: str = WORK) -> Contract:
    return fleet_contract(FLEET.replace("  failures:\n", f"{work}  failures:\n", 1))


@pytest.mark.parametrize(("work", "message"), [
    (WORK.replace("description: What", "values: [filter, seal], description: What"),
     r"tables.maintenance.replaced: not among columns.component.values \(found \['probe'\], wanted some of \['filter'"),
    (WORK.replace("  maintenance:", "  errors:").replace("component", "code"),
     r"tables.errors.replaced: only maintenance records say that a part was replaced. Move it to maintenance")])
def test_a_word_that_cannot_be_meant_is_refused(work: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        contract(work)


def test_the_contract_names_the_parts() -> None:
    assert contract().replaced_parts == ("probe",)
    assert fleet_contract(FLEET).replaced_parts == ()


def plan(*features: Feature) -> FeaturePlan:
    return FeaturePlan("pumps", 1, "cycle", features, (Sensor("v", "bar", "Pressure", "plain"),), reference=2.0)


def test_plans_without_replaced_parts_keep_their_hash() -> None:
    old = plan()
    assert "replaced" not in old.to_json()
    new = dataclasses.replace(old, replaced=("probe",))
    assert new.hash != old.hash
    assert FeaturePlan.from_json(new.to_json()) == new
    assert FeaturePlan.from_json(old.to_json()) == old


@pytest.mark.parametrize(("statistic", "window", "kept", "anew"), [
    ("early", 1.0, [0.0, 0.5, 2.5, 8.5, 9.5, 10.5], [0.0, 0.5, 2.5, 0.0, 0.5, 1.5]),
    ("life", 1.0, [0.0, 0.5, 5 / 3, 5.75, 5.4, 16 / 3], [0.0, 0.5, 5 / 3, 0.0, 0.5, 1.0]),
    ("rate", 1.0, [0.0, 0.5, 1.25, 8.5 / 3, 9.5 / 4, 10.5 / 5], [0.0, 0.5, 1.25, 0.0, 0.25, 0.5])])
def test_readings_of_the_old_part_are_no_normal_for_the_new_one(statistic: str, window: float, kept: list[float],
                                                                anew: list[float]) -> None:
    readings = pd.DataFrame({"machine_id": "m1", "time": range(6), "v": [1.0, 2.0, 4.0, 10.0, 11.0, 12.0]})
    none, feature = readings.iloc[:0], Feature("f", "early_life", "v", statistic, window, "bar", "", "Pressure")
    for component, wanted in (("filter", kept), ("probe", anew)):
        work = pd.DataFrame({"machine_id": ["m1"], "time": [2], "component": [component]})
        arrays = Arrays(dataclasses.replace(plan(feature), replaced=("probe",)),
                        Tables(readings, readings, none, work, none, none))
        found = early_life.compute(arrays, [feature]).ravel()
        np.testing.assert_allclose(found, wanted)


def judged(readings: pd.DataFrame, component: str, moment: pd.Timestamp, ids: list[str]) -> WindowVerdict:
    learned, none = frames.learned(), frames.no_events()
    work = pd.DataFrame({MACHINE: ids, TIME: moment, "component": component}).astype(
        {MACHINE: "str", TIME: "datetime64[us, UTC]"})
    judge = WindowJudge(contract(), learned.reference, DriftReference(0, (), {}, {}), frames.rules())
    seen = frames.observe(readings, events=FleetEvents(none.failures, work, none.errors))
    return judge.window(seen, frames.week(frames.WEEKS + 4))


def test_monitoring_leaves_out_a_machine_from_the_replacement_on() -> None:
    ids, first = ["m01", "m04", "m05", "m08"], frames.MONDAY + pd.Timedelta(weeks=frames.WEEKS)
    moment = first + pd.Timedelta(weeks=2, hours=9)
    clean = frames.telemetry(5, seed=9, first=first)
    moved = clean.copy()
    is_new = moved[MACHINE].isin(ids) & (moved[TIME] >= moment)
    moved.loc[is_new, "heat"] += 20.0
    serviced, replaced = (judged(moved, component, moment, ids) for component in ("filter", "probe"))
    found = {finding.subject for finding in serviced.findings if finding.severity != "notice"}
    assert "heat" in found
    assert not [finding for finding in replaced.findings if finding.severity != "notice"]
    silent = judged(clean[~(clean[MACHINE].isin(ids) & (clean[TIME] >= moment.floor("D")))], "probe", moment, ids)
    assert replaced.inputs == silent.inputs                 # as if they had said nothing since that day
    assert replaced.machines == serviced.machines == frames.MACHINES


def test_what_was_replaced_before_the_reference_ended_changes_nothing() -> None:
    first = frames.MONDAY + pd.Timedelta(weeks=frames.WEEKS)
    clean = frames.telemetry(5, seed=9, first=first)
    before = judged(clean, "probe", frames.MONDAY + pd.Timedelta(weeks=3), ["m01"])
    assert before.inputs == judged(clean, "filter", frames.MONDAY + pd.Timedelta(weeks=3), ["m01"]).inputs


def test_a_fleet_of_new_parts_is_not_enough_data() -> None:
    first = frames.MONDAY + pd.Timedelta(weeks=frames.WEEKS)
    ids = [f"m{number:02d}" for number in range(frames.MACHINES)]
    verdict = judged(frames.telemetry(5, seed=9, first=first), "probe", first + pd.Timedelta(weeks=2), ids)
    assert "inputs" in {gap.subject for gap in verdict.unknown}
