"""Histogram gradient boosting: trees that correct each other."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import threadpoolctl
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from oilcan.core.model.trees import TreeModel
from oilcan.params.stages.train import BoostingParams
from oilcan.training.ensembles.ensemble import SAMPLE, Learning, LearningRows

_PATIENCE: Final = 15           # iterations without gain on held-out machines after which boosting stops
_FEWEST_PER_SPLIT: Final = 10   # features tried at a split: a share of few features would leave one
_WORTH_THREADS: Final = 50_000  # rows below which threads wait for each other longer than they work


@dataclass(frozen=True)
class Boosting:
    """Trees that correct each other; see `Ensemble`."""

    params: BoostingParams

    name: ClassVar[str] = "hist_gradient_boosting"
    boosted: ClassVar[bool] = True

    @property
    def bags(self) -> int:
        """How many ensembles share the rows."""
        return self.params.bags

    def hyper_parameters(self) -> dict[str, Any]:
        """Plain values for models/model.json."""
        return self.params.model_dump()

    def with_iterations(self, iterations: int) -> "Boosting":
        """The same with another number of iterations."""
        return replace(self, params=self.params.model_copy(update={"iterations": iterations}))

    def estimator(self, learning: Learning, n_features: int, *, early_stopping: bool = False) -> Any:
        """The unfitted estimator of scikit-learn: of two classes, or of a number on squared error.

        Examples
        --------
        >>> params = BoostingParams(iterations=5, learning_rate=0.1, max_leaf_nodes=4, min_samples_leaf=1, l2=0.0,
        ...                         max_features=0.2, bags=1)
        >>> estimator = Boosting(params).estimator(Learning(regression=False), n_features=20)
        >>> estimator.max_iter, estimator.max_features
        (5, 0.5)
        """
        kind = HistGradientBoostingRegressor if learning.regression else HistGradientBoostingClassifier
        values = self.params.model_dump(exclude={"bags"})
        values["max_iter"] = values.pop("iterations")
        values["l2_regularization"] = values.pop("l2")
        values["max_features"] = max(values["max_features"], min(1.0, _FEWEST_PER_SPLIT / n_features))
        return kind(**values, early_stopping=early_stopping, n_iter_no_change=_PATIENCE, random_state=learning.seed,
                    categorical_features=None, monotonic_cst=list(learning.monotone) or None)

    def fit(self, rows: LearningRows, learning: Learning, held_out: LearningRows | None = None) -> TreeModel:
        """Learn, and keep the trees alone."""
        rows = rows.without_empty()
        estimator = self.estimator(learning, rows.matrix.shape[1], early_stopping=held_out is not None)
        watched: dict[str, Any] = {}
        if held_out is not None:
            watched = {"X_val": held_out.matrix, "y_val": held_out.target, "sample_weight_val": held_out.weight}
        threads = learning.jobs if len(rows) >= _WORTH_THREADS else 1
        with threadpoolctl.threadpool_limits(limits=threads, user_api="openmp"):
            estimator.fit(rows.matrix, rows.target, sample_weight=rows.weight, **watched)
            if learning.shift:
                estimator._baseline_prediction = estimator._baseline_prediction + learning.shift   # no public way
            return TreeModel.from_sklearn(estimator, rows.matrix[:SAMPLE])
