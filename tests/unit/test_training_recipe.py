import numpy as np
import pytest
from tests.training_frames import COMPUTE, OUTLOOK, contract, fleet, train_params, training_data

from oilcan.ground.errors import ParamsError
from oilcan.scoring.scorer import columns
from oilcan.training.fit import train
from oilcan.training.recipe import monotone_signs, recipe_of
from oilcan.training.targets import Target

MODELS = ["random_forest", "extra_trees", "hist_gradient_boosting", "committee"]


def _moved(matrix: np.ndarray, feature: int) -> np.ndarray:
    """The same rows at twenty rising values of a feature, shape (20, n, n_features)."""
    moved = np.repeat(matrix[None], 20, axis=0)
    moved[:, :, feature] = np.linspace(-4, 16, 20, dtype=np.float32)[:, None]
    return moved


@pytest.mark.parametrize("model", MODELS)
def test_monotone_features_never_lower_the_risk_nor_lengthen_the_life(model):
    data = training_data(fleet())
    fitted = train(contract(), data, train_params(model=model, monotone={"s0": 1, "s[45]": -1}, outlook=OUTLOOK),
                   COMPUTE).trained.judged
    for feature, sign in ((0, 1), (4, -1)):
        moved = _moved(data.validation.matrix[:200], feature)
        said = columns(fitted.forecasts, moved.reshape(-1, 6))
        steps = {name: sign * np.diff(values.reshape(20, -1), axis=0) for name, values in said.items()}
        assert min(steps["score_failure"].min(), steps["p_failure__seal"].min()) >= -1e-12
        assert steps["rul_rul"].max() <= 1e-9


def test_free_features_may_turn():
    data = training_data(fleet())
    fitted = train(contract(), data, train_params(), COMPUTE).trained.judged
    said = columns(fitted.forecasts, _moved(data.validation.matrix[:200], 4).reshape(-1, 6))
    assert np.diff(said["score_failure"].reshape(20, -1), axis=0).min() < -1e-6


def test_a_pattern_that_fits_no_feature_is_refused():
    with pytest.raises(ParamsError, match=r"train\.monotone(?s:.*)'vibration\*': fits none of 6 features"):
        train(contract(), training_data(fleet()), train_params(monotone={"vibration*": 1}), COMPUTE)


def test_patterns_that_contradict_each_other_are_refused():
    with pytest.raises(ParamsError, match="'s1': 's1' has the opposite sign"):
        monotone_signs({"s*": 1, "s1": -1}, ("s0", "s1"))


def test_a_committee_is_boosting_and_extra_trees_for_the_task_and_boosting_for_its_modes():
    training = train(contract(), training_data(fleet()), train_params(model="committee", outlook=OUTLOOK), COMPUTE)
    kinds = {forecast.name: len(forecast.trees.members) for forecast in training.trained.served.forecasts}
    assert kinds == {"failure": 2, "failure__bearing": 1, "failure__seal": 1, "rul": 1, "by_failure": 1}
    alone = train(contract(), training_data(fleet()), train_params(outlook=OUTLOOK), COMPUTE).trained.served
    assert alone.forecasts[1:] == training.trained.served.forecasts[1:]
    assert training.trained.served.forecasts[0].trees.checkpoints[0] == alone.forecasts[0].trees.checkpoints[0]


def test_each_kind_of_task_has_its_family():
    params = train_params(model="committee", label_model="random_forest")
    recipes = [recipe_of(Target("x", kind), params, "committee", ()) for kind in ("failure_within", "rul", "label")]
    assert [recipe.ensembles[1].params for recipe in recipes] == [params.committee_forest] * 3
    assert recipes[1].first.params == params.life_boosting


def test_the_forecast_of_when_thins_its_rows_as_boosting_does_beside_a_committee_too():
    told = {model: train(contract(), training_data(fleet()), train_params(
        model=model, outlook=OUTLOOK.model_copy(update={"negatives_per_positive": 1.0})), COMPUTE).trained.judged
        for model in ("committee", "hist_gradient_boosting")}
    assert told["committee"].forecasts[-1].trees == told["hist_gradient_boosting"].forecasts[-1].trees
