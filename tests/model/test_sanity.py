"""Can the models learn at all, and do they learn nothing where there is nothing?"""

import numpy as np
import pytest
from tests.training_frames import COMPUTE, INDEPENDENT, contract, ensemble, independent, train_params, training_data

from oilcan.core.judging import row_metrics
from oilcan.params.stages.train import BoostingParams, ForestParams
from oilcan.training.ensembles.ensemble import Learning, LearningRows
from oilcan.training.ensembles.known_ensembles import ENSEMBLES
from oilcan.training.fit import train
from oilcan.training.leaks import suspicious_features

MODELS = [*ENSEMBLES]
FREE = {
    "random_forest": ForestParams(trees=50, max_depth=20, min_samples_leaf=1, max_features=1.0, max_samples=1.0),
    "hist_gradient_boosting": BoostingParams(iterations=100, learning_rate=0.3, max_leaf_nodes=8, min_samples_leaf=1,
                               l2=0.0, max_features=1.0, bags=1),
}


@pytest.mark.parametrize("model", MODELS)
def test_twenty_rows_are_learnt_by_heart(model):
    rng = np.random.default_rng(0)
    rows = LearningRows(rng.normal(size=(20, 4)).astype(np.float32), rng.permutation(np.repeat([0.0, 1.0], 10)))
    trees = ensemble(model, **FREE).fit(rows, Learning(regression=False))
    assert ((trees.predict(rows.matrix) > 0.5) == (rows.target == 1)).all()


@pytest.mark.parametrize("model", MODELS)
def test_shuffled_labels_give_chance(model):
    frames = independent(n=3000)
    rng = np.random.default_rng(1)
    frames[0]["target_broken"] = rng.permutation(frames[0]["target_broken"])
    training = train(contract(INDEPENDENT), training_data(frames), train_params(label_model=model), COMPUTE)
    assert training.as_json()["targets"]["broken"]["validation"]["roc_auc"] == pytest.approx(0.5, abs=0.08)


def test_a_planted_leak_is_named_and_the_forecast_flagged():
    rows, matrix, failures = independent()
    matrix[:, 3] = -rows["target_broken"] + 0.01 * matrix[:, 3]
    training = train(contract(INDEPENDENT), training_data((rows, matrix, failures)), train_params(), COMPUTE)
    assert [found.feature for found in training.suspicions()] == ["s3"]
    assert any("too good to be true" in line for line in training.warnings())


def test_a_feature_that_is_only_there_with_the_event_is_a_leak():
    rng = np.random.default_rng(0)
    target = np.repeat([0.0, 1.0], 50)
    matrix = np.where(target == 1, rng.normal(size=100), np.nan)[:, None].astype(np.float32)
    assert suspicious_features(matrix, target, ("after",), "broken")[0].auc == pytest.approx(1.0)


def test_honest_features_are_not_suspected():
    data = training_data(independent())
    target = data.validation.rows["target_broken"].to_numpy()
    assert suspicious_features(data.validation.matrix, target, data.features, "broken") == []
    assert row_metrics.roc_auc(target, data.validation.matrix[:, 0]) > 0.8
