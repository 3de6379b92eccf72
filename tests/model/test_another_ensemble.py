"""Another ensemble that treelite reads needs the protocol and an entry in the register: all the rest follows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from tests.training_frames import COMPUTE, OUTLOOK, contract, fleet, train_params, training_data, write

from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.bundle.learned_rows import LearnedRows
from oilcan.core.bundle.normals import Normals
from oilcan.core.model.trees import TreeModel
from oilcan.core.reasons.contributions import Contributions
from oilcan.io.bundle import bundle_folder
from oilcan.params.stages.train import BoostingParams
from oilcan.scoring.check import check, check_rows
from oilcan.scoring.scorer import columns, score
from oilcan.training.ensembles import known_ensembles
from oilcan.training.ensembles.ensemble import SAMPLE, Learning, LearningRows
from oilcan.training.fit import Training, train


@dataclass(frozen=True)
class GradientBoosting:
    """Scikit-learn's exact gradient boosting. It knows no missing values, so they become lower than all others."""

    params: BoostingParams

    name: ClassVar[str] = "gradient_boosting"
    boosted: ClassVar[bool] = False         # rows that were left out are made up for by weights, not by a shift
    bags: ClassVar[int] = 1

    def hyper_parameters(self) -> dict[str, Any]:
        return self.params.model_dump(include={"iterations", "learning_rate", "max_leaf_nodes"})

    def with_iterations(self, iterations: int) -> "GradientBoosting":
        return GradientBoosting(self.params.model_copy(update={"iterations": iterations}))

    def fit(self, rows: LearningRows, learning: Learning, held_out: LearningRows | None = None) -> TreeModel:
        assert held_out is None
        rows = rows.without_empty()
        matrix = np.where(np.isnan(rows.matrix), np.nanmin(rows.matrix, axis=0) - 1, rows.matrix)
        kind = GradientBoostingRegressor if learning.regression else GradientBoostingClassifier
        estimator = kind(n_estimators=self.params.iterations, learning_rate=self.params.learning_rate,
                         max_leaf_nodes=self.params.max_leaf_nodes, random_state=learning.seed)
        estimator.fit(matrix, rows.target, sample_weight=rows.weight)
        return TreeModel.from_sklearn(estimator, matrix[:SAMPLE])


@pytest.fixture(scope="module")
def training() -> Training:
    sections = known_ensembles.ENSEMBLES["hist_gradient_boosting"].sections
    family = known_ensembles.EnsembleFamily(GradientBoosting, sections)
    params = train_params(outlook=OUTLOOK, negatives_per_positive=5.0).model_copy(
        update={"model": "gradient_boosting", "life_model": "gradient_boosting"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(known_ensembles.ENSEMBLES, "gradient_boosting", family)
        return train(contract(), training_data(fleet()), params, COMPUTE)


def test_it_trains_every_kind_of_forecast(training):
    assert [forecast.name for forecast in training.trained.served.forecasts] == [
        "failure", "failure__bearing", "failure__seal", "rul", "by_failure"]
    assert {recipe.family for recipe in training.recipes.values()} == {"gradient_boosting"}
    targets = training.as_json()["targets"]
    assert targets["failure"]["validation"]["roc_auc"] > 0.85
    assert targets["rul"]["validation"]["rmse"] < 90


def test_its_reasons_add_up_and_missing_values_have_a_side(training):
    matrix = training_data(fleet()).validation.matrix[:200]
    assert np.isnan(matrix).any()
    for forecast in training.trained.served.forecasts[:-1]:
        contributions = Contributions(forecast.trees)
        total = contributions.base + contributions(matrix).sum(axis=1)
        np.testing.assert_allclose(total, forecast.trees.raw(matrix), atol=1e-9)


def test_it_is_packaged_and_repeats_its_forecasts(training, tmp_path):
    paths, data, fitted = write(tmp_path, fleet(machines=2)), training_data(fleet()), training.trained.served
    folder = tmp_path / "packaged"
    folder.mkdir()
    bundle_folder.write_bundle(
        folder, contract=Path(paths["contract"]), plan=Path(paths["features"]) / "plan.json", fitted=fitted,
        drift_reference=DriftReference.learn(fitted.features, data.validation.matrix,
                                             columns(fitted.forecasts, data.validation.matrix)),
        normals=Normals(None, np.ones((1, len(fitted.features)))),
        learned=LearnedRows.of(data.rows),
        check_rows=check_rows(fitted, data.validation.rows, data.validation.matrix, 20),
        facts={"dataset": "fleet", "lineage": {}, "libraries": {}, "review": {}, "prepare": {"fill_gap_periods": 2}})
    loaded = bundle_folder.load_bundle(folder)
    check(loaded.fitted, loaded.check_rows, "here")
    assert score(loaded.fitted, data.validation.matrix).equals(score(fitted, data.validation.matrix))
