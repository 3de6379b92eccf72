"""The plan: data with a hash, chosen by rule."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tests import feature_frames as frames

from oilcan.core.features.arrays import FLEET_TABLES, Arrays
from oilcan.core.features.learning import learn
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.features.planning.screen import Screen, useful
from oilcan.ground.errors import DataError, IntegrityError


def test_a_plan_survives_json_and_its_hash_says_what_it_holds() -> None:
    plan = frames.plan_for(frames.fleet(1))
    text = json.dumps(plan.to_json())
    assert FeaturePlan.from_json(json.loads(text)) == plan
    assert replace(plan, reference=1.0).hash != plan.hash


def test_a_changed_plan_and_an_unknown_version_are_refused() -> None:
    values = frames.plan_for(frames.fleet(1)).to_json()
    with pytest.raises(IntegrityError, match="content and hash disagree"):
        FeaturePlan.from_json(values | {"reference": 5.0})
    with pytest.raises(IntegrityError, match=r"unknown version \(found 99, wanted 5\)"):
        FeaturePlan.from_json(values | {"version": 99})


def test_descriptions_are_in_the_crews_words() -> None:
    said = {feature.name: (feature.description, feature.unit) for feature in frames.plan_for(frames.fleet(1)).features}
    assert said["shake_mean_10h"] == ("Vibration, mean of the last 10 h", "mm/s")
    assert said["heat_slope_30h"] == ("Temperature above expectation, trend of the last 30 h", "degC/h")
    assert said["error_e1_since"] == ("time since the last error e1", "h")


def test_each_family_can_be_switched_off() -> None:
    tables = frames.fleet(1)
    every = frames.plan_for(tables)
    for kind in {feature.kind for feature in every.features} - {"level"}:
        plan = frames.plan_for(tables, families=[k for k in frames.PARAMS.families if k != kind])
        assert {feature.kind for feature in plan.features} == {feature.kind for feature in every.features} - {kind}
    assert frames.plan_for(tables, families=["level", "trailing"]).health is None


def test_where_life_is_the_only_forecast_sensors_are_lean() -> None:
    tables = frames.fleet(1)
    known = frames.contract()
    known = known.model_copy(update={"tasks": {"rul": known.tasks["rul"]}})
    learned = learn(known, tables.telemetry, tables.rows, keep_every=1)
    fleet = {name: getattr(tables, name) for name in FLEET_TABLES}
    plan = build_plan(known, frames.PARAMS, learned, fleet)
    sensors = {feature.statistic for feature in plan.features if feature.sensor == "shake"}
    assert sensors == {"early", "renewed"}
    assert {"health_index_ewm_60h", "health_index_life_3h", "health_index_slope_30h"} <= set(plan.names)


def test_useful_drops_constant_empty_and_doubled_features() -> None:
    plan = frames.plan_for(frames.fleet(1)).select(["shake_level", "shake_mean_3h", "shake_std_3h", "shake_min_3h"])
    column = np.arange(4.0)
    matrix = np.column_stack([column, np.full(4, 7.0), np.full(4, np.nan), column]).astype(np.float32)
    screens = [Screen.of(matrix[:2]), Screen.of(matrix[2:])]
    assert useful(plan, screens) == [plan.names[0]]


def test_a_row_of_an_unknown_machine_is_a_clear_refusal() -> None:
    tables = frames.fleet(1)
    strange = replace(tables, rows=tables.rows.assign(machine_id="ghost"))
    with pytest.raises(DataError, match=r"1 machines have no telemetry \(found ghost\)"):
        Arrays(frames.plan_for(tables), strange)
