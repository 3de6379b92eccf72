"""Random forest and extra trees: the average of many trees grown independently."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

from oilcan.core.model.trees import TreeModel
from oilcan.params.stages.train import ForestParams
from oilcan.training.ensembles.ensemble import SAMPLE, Learning, LearningRows


@dataclass(frozen=True)
class Forest:
    """Trees grown apart; see `Ensemble`."""

    name: Literal["random_forest", "extra_trees"]
    params: ForestParams

    boosted: ClassVar[bool] = False
    bags: ClassVar[int] = 1

    def hyper_parameters(self) -> dict[str, Any]:
        """Plain values for models/model.json."""
        return self.params.model_dump()

    def with_iterations(self, iterations: int) -> "Forest":  # noqa: ARG002  the protocol's word; a forest has none
        """Itself: a forest has no iterations."""
        return self

    def estimator(self, learning: Learning) -> Any:
        """The unfitted estimator of scikit-learn.

        Examples
        --------
        >>> params = ForestParams(trees=5, max_depth=3, min_samples_leaf=1, max_features=0.5, max_samples=1.0)
        >>> Forest("extra_trees", params).estimator(Learning(regression=False)).n_estimators
        5
        """
        forest = self.name == "random_forest"
        if learning.regression:
            kind = RandomForestRegressor if forest else ExtraTreesRegressor
        else:
            kind = RandomForestClassifier if forest else ExtraTreesClassifier
        values = self.params.model_dump()
        values["n_estimators"] = values.pop("trees")
        values["max_depth"] = values["max_depth"] or None
        share = values.pop("max_samples")
        sampling = {"bootstrap": True, "max_samples": share} if share < 1 or forest else {}
        return kind(**values, **sampling, random_state=learning.seed, n_jobs=learning.jobs,
                    monotonic_cst=list(learning.monotone) or None)

    def fit(self, rows: LearningRows, learning: Learning, held_out: LearningRows | None = None) -> TreeModel:  # noqa: ARG002  a forest does not stop early
        """Learn, and keep the trees alone."""
        rows, estimator = rows.without_empty(), self.estimator(learning)
        estimator.fit(rows.matrix, rows.target, sample_weight=rows.weight)
        estimator.set_params(n_jobs=None)       # threads would add the trees in random order
        return TreeModel.from_sklearn(estimator, rows.matrix[:SAMPLE])
