"""Behaviour of models: real ones pass; each way to misbehave is found by its name."""

from dataclasses import replace

import numpy as np
import pytest
from tests.stages.running import run_stage
from tests.training_frames import fleet, write

from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.operations.partitioned import behaviour as module
from oilcan.operations.partitioned.behaviour import behaviour
from oilcan.scoring import scorer


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    from pathlib import Path

    paths = write(tmp_path_factory.mktemp("fleet"), fleet())
    for stage, names in (("train", ("contract", "prepared", "features", "model", "description", "metrics")),
                         ("package", ("contract", "prepared", "features", "model", "description", "reference",
                                      "bundle"))):
        run_stage(stage, *(Path(paths[name]) for name in names), params=Path(paths["params"]))
    return load_bundle(Path(paths["bundle"]))


def failed(bundle, monotone=None):
    return {check.name for check in behaviour(bundle, monotone or {}) if not check.passed}


def test_a_trained_model_behaves(bundle):
    assert failed(bundle) == set()
    assert all(check.severity == "reject" for check in behaviour(bundle, {}))


@pytest.mark.parametrize(("name", "spoil"), [
    ("behaviour, another order of the rows", lambda values, _: values + np.arange(len(values)) * 1e-9),
    ("behaviour, a sensor is missing", lambda values, rows: np.where(np.isnan(rows[:, 3]), np.nan, values)),
])
def test_a_model_that_misbehaves_is_found(bundle, monkeypatch, name, spoil):
    def columns(forecasts, matrix):
        return {each: spoil(values, matrix) for each, values in scorer.columns(forecasts, matrix).items()}

    whole = replace(bundle, check_rows={key: np.nan_to_num(values) for key, values in bundle.check_rows.items()})
    monkeypatch.setattr(module, "columns", columns)
    assert name in failed(whole)


def test_the_direction_is_asked_where_it_was_promised(bundle):
    features = [check for check in behaviour(bundle, {"s*": 1}) if check.name == "behaviour, direction"]
    assert len(features) == 1
    assert not features[0].passed            # trained without a sign: noise goes both ways somewhere
    assert "s" in features[0].found
