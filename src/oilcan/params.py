"""params.yaml as typed, immutable sections, one per stage.

The YAML is the only source of values: nothing that changes results has a default here.
"""

import datetime
from typing import Annotated, Literal, TypeVar

import pydantic

from oilcan.errors import ParamsError, bullet_list


class Section(pydantic.BaseModel):
    """Immutable, no coercion, no unknown keys."""

    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")


S = TypeVar("S", bound=Section)


def _day(text: str) -> str:
    datetime.date.fromisoformat(text)
    return text


class SimulateParams(Section):
    """The simulated fleet."""

    seed: int = pydantic.Field(ge=0)
    machines: int = pydantic.Field(ge=1)
    days: int = pydantic.Field(ge=30)
    start: Annotated[str, pydantic.AfterValidator(_day)]         # first day, UTC, e.g. '2024-01-01'
    scenario: Literal["none", "sensor_drift", "new_model", "changed_mechanism", "maintenance_policy"]


class IngestParams(Section):
    """How raw files become canonical tables."""

    max_rejected_share: float = pydantic.Field(ge=0, le=1)      # of the rows of any one table
    machines_per_partition: int = pydantic.Field(ge=1)


class ValidateParams(Section):
    """Sensor semantics, and the shares above which the stage fails closed."""

    stuck_periods: int = pydantic.Field(ge=2)                    # same reading this many periods in a row
    spike_sigmas: float = pydantic.Field(gt=0)                   # robust z-score of a step there and back
    max_quarantined_share: float = pydantic.Field(ge=0, le=1)    # of the readings of any one sensor
    max_gap_share: float = pydantic.Field(ge=0, le=1)            # of the expected rows
    max_missing_share: float = pydantic.Field(ge=0, le=1)        # of the readings of any one sensor


class PrepareParams(Section):
    """Cleaning, and the draw of machines or rows into parts."""

    seed: int = pydantic.Field(ge=0)
    fill_gap_periods: int = pydantic.Field(ge=0)                 # hold the last reading over at most this many


class FeaturizeParams(Section):
    """Which families of features are computed."""

    families: list[
        Literal["level", "trailing", "ewm", "slope", "early_life", "fleet", "events", "static", "health", "residual"]
    ] = pydantic.Field(min_length=1)                             # health, residual: not features, but further sensors
    stats: list[Literal["mean", "std", "min", "max"]] = pydantic.Field(min_length=1)
    regimes: bool                                                # normalise by operating regime
    max_regimes: int = pydantic.Field(ge=1)
    lean: bool                                                   # life left the only forecast: index, few of sensors
    drop_constant: bool


Family = Literal["random_forest", "extra_trees", "hist_gradient_boosting", "committee"]
ModelChoice = Literal["random_forest", "extra_trees", "hist_gradient_boosting", "committee", "auto"]


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


class PredictParams(Section):
    """Scoring of the validation and test parts."""

    rows_per_batch: int = pydantic.Field(ge=1)


class ExplainParams(Section):
    """Importance of sensors and features."""

    seed: int = pydantic.Field(ge=0)
    rows: int = pydantic.Field(ge=100)                           # at most, evenly spread; a third for lives
    repeats: int = pydantic.Field(ge=2)                          # times a sensor is shuffled


class EvaluateParams(Section):
    """Intervals and slices."""

    seed: int = pydantic.Field(ge=0)
    bootstrap: int = pydantic.Field(ge=20)                       # resamples of machines
    min_slice_machines: int = pydantic.Field(ge=1)


class ReviewParams(Section):
    """The gate between challenger and champion."""

    seed: int = pydantic.Field(ge=0)
    bootstrap: int = pydantic.Field(ge=20)                       # resamples of machines
    tolerance_share: float = pydantic.Field(ge=0)                # worse than the champion by this share still passes
    slice_tolerance_share: float = pydantic.Field(ge=0)          # the same for any one slice
    min_slice_machines: int = pydantic.Field(ge=1)               # smaller slices are not compared
    max_ece: float = pydantic.Field(gt=0, le=1)                  # expected calibration error on the test part


class PackageParams(Section):
    """The serving bundle."""

    check_rows: int = pydantic.Field(ge=1)                       # real rows kept to check a loaded bundle


class ComputeParams(Section):
    """Where the work runs."""

    backend: Literal["loky", "threading"]
    jobs: int = pydantic.Field(ge=1)

    def workers(self, pieces: int) -> int:
        """Workers for light pieces of work: starting one costs as much as about thirty pieces.

        Examples
        --------
        >>> ComputeParams(backend="loky", jobs=2).workers(4), ComputeParams(backend="loky", jobs=2).workers(900)
        (1, 2)
        """
        return min(self.jobs, max(1, pieces // 30))


class Params(Section):
    """The whole of params.yaml."""

    dataset: str = pydantic.Field(min_length=1)
    compute: ComputeParams
    simulate: SimulateParams
    ingest: IngestParams
    validate_: ValidateParams = pydantic.Field(alias="validate")  # pydantic has a method of that name
    prepare: PrepareParams
    featurize: FeaturizeParams
    train: TrainParams
    predict: PredictParams
    explain: ExplainParams
    evaluate: EvaluateParams
    review: ReviewParams
    package: PackageParams


def section(kind: type[S], values: object, where: str) -> S:
    """Values of one section, checked; every breach is listed at once.

    Raises
    ------
    ParamsError
        If a key is missing, unknown, of the wrong type or out of range.
    """
    try:
        return kind.model_validate(values)
    except pydantic.ValidationError as err:
        raise ParamsError(bullet_list(f"{where} is not valid", breaches(err))) from None


def breaches(err: pydantic.ValidationError, prefix: str = "") -> list[str]:
    """One line per breach: where it stands, what is wrong, what was found."""
    lines = []
    for item in err.errors(include_url=False):
        path = ".".join(str(step) for step in item["loc"])
        lines.append(f"{prefix}{path}: {_said(item['type'], item['msg'], item['input'])}")
    return lines


def _said(kind: str, message: str, found: object) -> str:
    """What is wrong, in words for people where pydantic's are for programmers."""
    if kind == "missing":
        return "Field required, but missing. Write it down"
    if kind == "extra_forbidden":
        return f"no such word (found {found!r}). Mend the spelling, or take it out"
    return f"{message} (found {found!r})"
