import json

import numpy as np
import pytest
from tests.training_frames import COMPUTE, contract, fleet, plan, train_params, training_data

from oilcan.core.bundle.normals import Normals
from oilcan.core.features.plan import Category, Feature, FeaturePlan, FleetReference
from oilcan.core.features.signals.health_index import Health
from oilcan.core.features.signals.surface import Surface
from oilcan.core.model.fitted import LifeForecast
from oilcan.core.reasons.contributions import Contributions
from oilcan.core.reasons.explainer import Explainer
from oilcan.core.reasons.wording import sentence
from oilcan.training.fit import train


@pytest.fixture(scope="module")
def trained():
    data = training_data(fleet())
    fitted = train(contract(), data, train_params(), COMPUTE).trained.judged
    return fitted, plan(6), data.validation.matrix


def _forecast(fitted, name):
    return next(forecast for forecast in fitted.forecasts if forecast.name == name)


def _riskiest(fitted, name, matrix):
    p = _forecast(fitted, name).trees.predict(matrix)
    return matrix[[int(p.argmin() if name == "rul" else p.argmax())]]


@pytest.mark.parametrize(("name", "sensor"), [("failure__bearing", "s0"), ("failure__seal", "s1")])
def test_the_first_reason_is_the_sensor_that_wears(trained, name, sensor):
    fitted, features, matrix = trained
    explain = Explainer(_forecast(fitted, name), features, Normals.learn(features, matrix))
    (first, *_), = explain(_riskiest(fitted, name, matrix))
    assert first.sensor == sensor
    assert first.value > first.normal
    assert first.text.endswith("above its normal")


def test_a_short_life_is_explained_by_what_shortens_it(trained):
    fitted, features, matrix = trained
    forecast = _forecast(fitted, "rul")
    assert isinstance(forecast, LifeForecast)
    row = _riskiest(fitted, "rul", matrix)
    (first, *_), = Explainer(forecast, features, Normals.learn(features, matrix))(row)
    values = Contributions(forecast.trees)(row)[0]
    assert first.feature == features.names[int(values.argmin())]
    assert first.push == pytest.approx(-values.min())


def test_reasons_are_different_sensors_in_order_of_their_share(trained):
    fitted, _, matrix = trained
    doubles = tuple(Feature(f"f{at}", "level", f"s{at // 2}", "level", None, "mm/s", "reading", f"Sensor {at}")
                    for at in range(6))
    features = FeaturePlan("fleet", 1, "instant", doubles, ())
    explain = Explainer(_forecast(fitted, "failure"), features, Normals.learn(features, matrix))
    for found in explain(matrix[:50]):
        shares = [reason.share for reason in found]
        assert len({reason.sensor for reason in found}) == len(found) <= 3
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) <= 1 + 1e-12


def test_all_pushes_together_are_the_positive_part_of_the_forecast(trained):
    fitted, features, matrix = trained
    forecast = _forecast(fitted, "failure")
    explain = Explainer(forecast, features, Normals.learn(features, matrix))
    values = Contributions(forecast.trees)(matrix[:20])
    for found, row in zip(explain(matrix[:20], top=99), values, strict=True):
        assert sum(reason.push for reason in found) == pytest.approx(row[row > 0].sum())


def test_a_missing_value_is_said_to_be_missing(trained):
    fitted, features, matrix = trained
    explain = Explainer(_forecast(fitted, "failure"), features, Normals.learn(features, matrix))
    for reason in explain(np.full((1, 6), np.nan, dtype=np.float32))[0]:
        assert reason.value is None
        assert reason.text.endswith("missing")


def _reread(normals: Normals) -> Normals:
    return Normals.read(json.dumps(normals.as_json()).encode(), "normals.json")


def test_normals_are_those_of_the_machine_s_kind():
    features = FeaturePlan(
        "fleet", 1, "instant",
        tuple(Feature(name, "static", name[:5], "code", None, "code", "Model", "Model")
              for name in ("model_code", "x")), (),
        categories=(Category("model", ("A", "B", "C")),),
        fleet=(FleetReference("x", "model", ("A", "B", "C"), (0.0,) * 4, (1.0,) * 4),))
    matrix = np.array([[0.0, 1.0]] * 150 + [[1.0, 5.0]] * 200 + [[2.0, 9.0]] * 3, dtype=np.float32)
    normals = _reread(Normals.learn(features, matrix))
    asked = np.array([[0, np.nan], [1, np.nan], [2, np.nan], [-1, np.nan], [np.nan, 1.0]], dtype=np.float32)
    assert normals.of(asked)[:, 1].tolist() == [1.0, 5.0, 5.0, 5.0, 5.0]     # kinds seen too rarely: all machines


def test_a_feature_never_seen_has_no_normal():
    normals = Normals.learn(plan(2), np.array([[1.0, np.nan], [2.0, np.nan]], dtype=np.float32))
    assert np.isnan(normals.of(np.zeros((1, 2)))[0, 1])
    assert _reread(normals).as_json() == normals.as_json()


def test_a_reason_by_the_health_index_names_the_sensor_that_moved_it(trained):
    fitted = trained[0]
    names = ("health_index", "v", "flow", "w", "x", "y")
    features = FeaturePlan(
        "fleet", 1, "instant",
        tuple(Feature(f"{name}_mean_24h", "trailing", name, "mean", 24.0, "bar", "", name.title(), "mean of last 24 h")
              for name in names), (),
        health=Health(("v", "flow"), ((0.0, 0.0),), ((-1.0, 2.0),), "h", (1.0,)))
    normals = Normals(None, np.zeros((1, 6)))
    explain = Explainer(_forecast(fitted, "failure__bearing"), features, normals)
    row = np.array([[12.0, -3.0, 4.0, 0.0, 0.0, 0.0]], dtype=np.float32)       # parts: 3 and 8
    text = explain(row)[0][0].text
    assert text.endswith("above its normal. Mostly by: Flow, mean of last 24 h: 4 bar, 4 above its normal")


def test_a_logarithmic_deviation_is_said_as_the_share_it_is():
    surface = Surface(("load",), (0.0,), (1.0,), (0.0,), (1.0,), ("flow",), ((0.0, 0.0, 0.0),), (1.0,))
    told = Feature(
        "flow_mean", "trailing", "flow", "mean", 24.0, "%", "", "Flow", "mean of the last 24 h", "expectation")
    plan = FeaturePlan("fleet", 1, "instant", (told,), (), regimes=surface)
    assert sentence(plan, told, 100 * np.log(0.5), 0.0) == (
        "Flow, mean of the last 24 h: 50 % below expectation, normally equal")
