"""What may a sweep change, and how good is a set of hyper-parameters on machines it has not seen?

The search itself is Optuna's; here stand the ranges, the parameters a trial means, and its score: cross-validated
on training rows alone, whole machines together. Neither validation nor test part is looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pydantic

from oilcan.core.judging import row_metrics
from oilcan.ground.errors import ParamsError, bullet_list
from oilcan.params.section import Section, section
from oilcan.params.train import BoostingParams, Family, ForestParams, TrainParams
from oilcan.training.cross import fold_rows
from oilcan.training.growing import grow
from oilcan.training.recipe import recipe_of, section_of
from oilcan.training.targets import Target
from oilcan.training.training_data import Part, machine_codes

FOLDS: Final = 3


class Range(Section):
    """Lowest and highest value of a parameter; `log` searches orders of magnitude alike."""

    low: float
    high: float
    log: bool

    @pydantic.model_validator(mode="after")
    def _rises(self) -> "Range":
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low must lie below high, and above 0 where log is true")
        return self


class Space(Section):
    """tune.yaml: ranges by section of `train`."""

    hist_gradient_boosting: dict[str, Range]
    life_boosting: dict[str, Range]
    random_forest: dict[str, Range]
    label_forest: dict[str, Range]


@dataclass(frozen=True)
class Search:
    """What is searched for one target: a section of `train`, and the ranges in it."""

    target: Target
    family: Family
    section: str
    ranges: Mapping[str, Range]
    params: TrainParams

    @classmethod
    def of(cls, target: Target, family: Family, space: Space, params: TrainParams) -> "Search":
        """The search of `family` for `target`.

        Raises
        ------
        ParamsError
            If a range names no parameter, or an end of it is not allowed.
        """
        name = section_of(target, family)
        search = cls(target, family, name, getattr(space, name), params)
        unknown = sorted(set(search.ranges) - set(type(search._current).model_fields))
        if unknown or not search.ranges:
            raise ParamsError(bullet_list(
                f"tune.yaml: {name} is not valid (wanted parameters of train.{name} in params.yaml)",
                [f"{word}: no such parameter" for word in unknown] or ["no parameter to search"]))
        for end in ("low", "high"):
            values = {word: search.typed(word, getattr(found, end)) for word, found in search.ranges.items()}
            section(type(search._current), search._current.model_dump() | values, f"tune.yaml: {name}: {end}")
        return search

    @property
    def _current(self) -> ForestParams | BoostingParams:
        current: ForestParams | BoostingParams = getattr(self.params, self.section)
        return current

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Average precision is to rise, the error of remaining life to fall."""
        return "minimize" if self.target.kind == "rul" else "maximize"

    @property
    def metric(self) -> str:
        """Name of the score."""
        return "rmse" if self.target.kind == "rul" else "pr_auc"

    def typed(self, word: str, value: float) -> float | int:
        """A value of the parameter's own type."""
        return round(value) if type(self._current).model_fields[word].annotation is int else float(value)

    def present(self) -> dict[str, float | int]:
        """The values of params.yaml, brought into their ranges: the first trial."""
        values = self._current.model_dump()
        if values.get("max_depth") == 0:        # no limit
            values["max_depth"] = np.inf
        return {word: self.typed(word, min(max(values[word], found.low), found.high))
                for word, found in self.ranges.items()}

    def suggest(self, trial: Any) -> dict[str, float | int]:
        """Values of an Optuna trial."""
        return {
            word: trial.suggest_int(word, round(found.low), round(found.high), log=found.log)
            if isinstance(self.typed(word, found.low), int)
            else trial.suggest_float(word, found.low, found.high, log=found.log)
            for word, found in self.ranges.items()
        }

    def with_values(self, values: Mapping[str, float | int]) -> TrainParams:
        """`train` with a trial's values."""
        return self.params.model_copy(update={self.section: self._current.model_copy(update=dict(values))})


@dataclass(frozen=True)
class Score:
    """Mean of the folds, and each."""

    mean: float
    folds: tuple[float, ...]


def judge(search: Search, values: Mapping[str, float | int], part: Part, features: Sequence[str], *, seed: int,
          jobs: int = 1) -> Score:
    """Cross-validated score of a trial's values on training rows; a fold of one class is left out.

    Parameters
    ----------
    values
        From `Search.suggest`.
    part
        The training part.
    seed
        Of the deal into folds.
    """
    params = search.with_values(values)
    target, outcome, machines = search.target, search.target.values(part.rows), machine_codes(part.rows)
    is_seen = target.seen(part.rows)
    recipe = recipe_of(target, params, search.family, features)
    quality = row_metrics.rmse if target.kind == "rul" else row_metrics.pr_auc
    scores = []
    for learnt, judged in fold_rows(target, outcome, machines, folds=FOLDS, seed=seed):
        if target.kind != "rul" and min(np.ptp(outcome[learnt]), np.ptp(outcome[judged])) == 0:
            continue
        trees, _ = grow(target, outcome[learnt], machines[learnt], part.matrix[learnt], params, recipe, jobs)
        judged = judged[is_seen[judged]]
        score = quality(outcome[judged], trees.predict(part.matrix[judged], jobs))
        scores.append(float(score) if score is not None else np.nan)
    if not scores:
        raise ParamsError(f"tune: no fold of the training rows holds both classes of {target.name!r}. Tune another "
                          f"task with --task.")
    return Score(float(np.mean(scores)), tuple(scores))
