"""The drift reference and the normals of a bundle are read strictly: every breach at once, nothing guessed."""

import json

import numpy as np
import pytest

from oilcan.core.bundle.drift_reference import Distribution, DriftReference
from oilcan.core.bundle.normals import Normals
from oilcan.core.features.plan import FeaturePlan
from oilcan.ground.errors import IntegrityError

REFERENCE = DriftReference.learn(("x", "y"), np.array([[1.0, np.nan], [2.0, np.nan]]), {"p": np.array([0.1, 0.9])})
NORMALS = Normals.learn(FeaturePlan("pumps", 1, "cycle", (), ()), np.array([[1.0, np.nan], [2.0, 5.0]]))


def _bytes(values: object) -> bytes:
    return json.dumps(values).encode()


def test_what_is_written_is_read():
    assert DriftReference.read(_bytes(REFERENCE.as_json()), "here") == REFERENCE
    assert Normals.read(_bytes(NORMALS.as_json()), "here").as_json() == NORMALS.as_json()


def test_a_column_without_known_values_has_no_quantiles():
    assert REFERENCE.features["y"] == Distribution((), 1.0)


@pytest.mark.parametrize(("changes", "message"), [
    ({"n": "2"}, r"n: Input should be a valid integer"),
    ({"shares": None}, r"shares: Input should be a valid array"),
    ({"normals": {}}, r"normals: Unexpected keyword"),
    ({"features": {"x": {"quantiles": [1.0]}}}, r"features.x.missing_share: "),
    ({"features": {"x": {"quantiles": [1.0], "missing_share": 0.0}}}, r"without one quantile a share: \['x'\]"),
    ({"features": {"x": {"quantiles": [2.0, 1.0], "missing_share": 0.0}}}, r"quantiles do not ascend"),
    ({"forecasts": {"p": {"quantiles": [], "missing_share": 1.5}}}, r"missing_share is not a share"),
    ({"forecasts": {"p": {"quantiles": [float("nan")], "missing_share": 0.0}}}, r"should be a finite number"),
])
def test_a_drift_reference_that_is_not_one_is_refused(changes, message):
    with pytest.raises(IntegrityError, match=rf"(?s)b: drift_reference.json: is not valid.*{message}"):
        DriftReference.read(_bytes(REFERENCE.as_json() | changes), "b: drift_reference.json")


@pytest.mark.parametrize(("changes", "message"), [
    ({"column": 7}, "column is not the position of a feature"),
    ({"column": "0"}, "column: Input should be a valid integer"),
    ({"medians": [[1.0], [1.0, 2.0]]}, "rows of medians have different lengths"),
    ({"medians": []}, "rows of medians have different lengths"),
    ({"medians": [[1.0], [2.0]]}, "medians are of 2 kinds, but no column holds the kind"),
    ({"other": 1}, "other: Unexpected keyword"),
])
def test_invalid_normals_are_refused(changes, message):
    with pytest.raises(IntegrityError, match=rf"(?s)b: normals.json: is not valid.*{message}"):
        Normals.read(_bytes(NORMALS.as_json() | changes), "b: normals.json")


def test_all_breaches_are_listed_at_once():
    with pytest.raises(IntegrityError, match=r"(?s)n: .*forecasts: "):
        DriftReference.read(_bytes(REFERENCE.as_json() | {"n": 1.5, "forecasts": 3}), "here")
