"""Section `train` of params.yaml."""

from typing import Literal

import pydantic

from oilcan.ground.section import Section

ModelFamily = Literal["random_forest", "extra_trees", "hist_gradient_boosting", "committee"]
ModelChoice = ModelFamily | Literal["auto"]


class ForestParams(Section):
    """Random forest and extra trees."""

    trees: int = pydantic.Field(ge=1)                            # of the forest
    max_depth: int = pydantic.Field(ge=0)                        # 0 is no limit
    min_samples_leaf: int = pydantic.Field(ge=1)                 # rows in a leaf, at least
    max_features: float = pydantic.Field(gt=0, le=1)             # share tried at a split
    max_samples: float = pydantic.Field(gt=0, le=1)              # share of the rows that each tree sees


class BoostingParams(Section):
    """Histogram gradient boosting."""

    iterations: int = pydantic.Field(ge=1)                       # trees in a row
    learning_rate: float = pydantic.Field(gt=0)                  # weight of each iteration
    max_leaf_nodes: int = pydantic.Field(ge=2)                   # leaves of a tree, at most
    min_samples_leaf: int = pydantic.Field(ge=1)                 # rows in a leaf, at least
    l2: float = pydantic.Field(ge=0)                             # penalty on leaf values
    max_features: float = pydantic.Field(gt=0, le=1)             # share tried at a split, never fewer than ten
    bags: int = pydantic.Field(ge=1)                             # models averaged; each sees another share of the rows


class OutlookParams(Section):
    """The forecast of when: a discrete-time hazard model in addition to the classifier of a `failure_within` task."""

    horizons: list[float]  # shares of the task's horizon; an empty list makes no outlook
    negatives_per_positive: float = pydantic.Field(gt=0)         # of rows and intervals at risk
    iterations: int = pydantic.Field(ge=1)                       # of boosting; forests keep their number of trees

    @pydantic.field_validator("horizons")
    @classmethod
    def _ascending(cls, shares: list[float]) -> list[float]:
        if shares and (shares != sorted(set(shares)) or shares[0] <= 0 or 1.0 not in shares):
            raise ValueError("shares must ascend from above 0, and 1.0, the task's own horizon, be one of them")
        return shares


class TrainParams(Section):
    """The model, its calibration and the choice of threshold."""

    seed: int = pydantic.Field(ge=0)                             # each target derives its own
    model: ModelChoice                                           # of failures in time; auto chooses by cross-validation
    life_model: ModelChoice                                      # of remaining life
    label_model: ModelChoice                                     # of independent rows
    monotone: dict[str, Literal[-1, 1]] | None  # feature or pattern: 1, more of it is never safer; -1, never riskier
    calibration: Literal["none", "sigmoid", "isotonic"]          # of probabilities, on validation rows
    negatives_per_positive: float = pydantic.Field(ge=0)         # 0 keeps all rows; else thin and reweight
    min_rows: int = pydantic.Field(ge=0)                         # thinning of negatives leaves at least so many rows
    max_rows: int = pydantic.Field(ge=0)                         # 0 keeps all; else rare rows first, then others
    class_weight: Literal["none", "balanced"]  # balanced gives both classes the same weight
    min_mode_failures: int = pydantic.Field(ge=1)                # a rarer failure mode gets no forecast of its own
    refit: bool                                                  # in the end, learn events from validation rows too
    early_stopping_share: float = pydantic.Field(ge=0, lt=0.5)   # of machines, held out to stop boosting
    outlook: OutlookParams
    random_forest: ForestParams
    label_forest: ForestParams                                   # of independent rows
    committee_forest: ForestParams                               # extra trees beside boosting in a committee
    hist_gradient_boosting: BoostingParams                       # of events
    life_boosting: BoostingParams                                # of remaining life
