"""Section `train` of params.yaml."""

from typing import Literal

import pydantic

from oilcan.params.section import Section

ModelFamily = Literal["random_forest", "extra_trees", "hist_gradient_boosting", "committee"]
ModelChoice = ModelFamily | Literal["auto"]


class ForestParams(Section):
    """Random forest and extra trees."""

    trees: int = pydantic.Field(ge=1)
    max_depth: int = pydantic.Field(ge=0)                        # 0 is no limit
    min_samples_leaf: int = pydantic.Field(ge=1)
    max_features: float = pydantic.Field(gt=0, le=1)
    max_samples: float = pydantic.Field(gt=0, le=1)


class BoostingParams(Section):
    """Histogram gradient boosting."""

    iterations: int = pydantic.Field(ge=1)
    learning_rate: float = pydantic.Field(gt=0)
    max_leaf_nodes: int = pydantic.Field(ge=2)
    min_samples_leaf: int = pydantic.Field(ge=1)
    l2: float = pydantic.Field(ge=0)
    max_features: float = pydantic.Field(gt=0, le=1)             # share tried at a split, never fewer than ten
    bags: int = pydantic.Field(ge=1)                             # models averaged, on rows dealt out in turn


class OutlookParams(Section):
    """The forecast of when: a discrete-time hazard model beside the classifier of a `failure_within` task."""

    horizons: list[float]                                        # shares of the task's horizon; empty is no outlook
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

    seed: int = pydantic.Field(ge=0)
    model: ModelChoice                                           # of failures in time; auto: by cross-validation
    life_model: ModelChoice                                      # of remaining life
    label_model: ModelChoice                                     # of independent rows
    monotone: dict[str, Literal[-1, 1]] | None                   # feature or pattern: 1 if more of it is never safer
    calibration: Literal["none", "sigmoid", "isotonic"]
    negatives_per_positive: float = pydantic.Field(ge=0)         # 0 keeps all rows; else thin and reweight
    min_rows: int = pydantic.Field(ge=0)                         # thinning negatives leaves at least so many rows
    max_rows: int = pydantic.Field(ge=0)                         # 0 keeps all; else every k-th row of each machine
    class_weight: Literal["none", "balanced"]
    min_mode_failures: int = pydantic.Field(ge=1)                # a rarer failure mode gets no forecast of its own
    refit: bool                                                  # events: learn from validation rows too, in the end
    early_stopping_share: float = pydantic.Field(ge=0, lt=0.5)   # of the training machines, held out; 0 is none
    outlook: OutlookParams
    random_forest: ForestParams
    label_forest: ForestParams                                   # of independent rows: no neighbours to overfit
    committee_forest: ForestParams                               # extra trees beside boosting in a committee
    hist_gradient_boosting: BoostingParams                       # of events: few positives, so held back
    life_boosting: BoostingParams                                # of remaining life: every row tells much
