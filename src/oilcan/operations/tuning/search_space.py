"""What may a sweep change, and how good is a set of hyper-parameters on machines that the trees have not seen?

Optuna searches. This module has the ranges, the parameters of a trial, and its score by cross-validation on training
rows alone, with all rows of a machine in one fold. Validation and test part are not used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pydantic

from oilcan.core.judging import row_metrics
from oilcan.ground.errors import ParamsError, bullet_list
from oilcan.ground.section import Section, section
from oilcan.params.stages.train import ModelFamily, TrainParams
from oilcan.training.cross import fold_rows
from oilcan.training.ensembles.known_ensembles import ENSEMBLES
from oilcan.training.growing import grow
from oilcan.training.recipe import recipe_of, section_of
from oilcan.training.sample import Sample
from oilcan.training.targets import Target

FOLDS: Final = 3


class Range(Section):
    """Lowest and highest value of a parameter; `log` searches on a logarithmic scale."""

    low: float
    high: float
    log: bool

    @pydantic.model_validator(mode="after")
    def _rises(self) -> "Range":
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low must lie below high, and above 0 where log is true")
        return self


class Space(Section):
    """tune.yaml: parameter -> range, by section of `train`."""

    model_config = pydantic.ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Range]]

    @pydantic.model_validator(mode="after")
    def _are_sections(self) -> "Space":
        known = {entry.sections[kind] for entry in ENSEMBLES.values() for kind in entry.sections}
        unknown = sorted(set(self.__pydantic_extra__) - known)
        if unknown:
            raise ValueError(f"no such sections of `train`: {unknown} (wanted some of {sorted(known)})")
        return self

    def ranges(self, name: str) -> dict[str, Range]:
        """Ranges of a section; empty if tune.yaml does not have it."""
        return self.__pydantic_extra__.get(name, {})


@dataclass(frozen=True)
class Search:
    """What is searched for one target: a section of `train`, and the ranges in it."""

    target: Target
    family: ModelFamily
    section: str
    ranges: Mapping[str, Range]
    params: TrainParams
    features: tuple[str, ...]

    @classmethod
    def of(cls, target: Target, family: ModelFamily, space: Space, params: TrainParams, features: Sequence[str],
           ) -> "Search":
        """The search of `family` for `target`.

        Raises
        ------
        ParamsError
            If a range names no parameter, or an end of it is not allowed.
        """
        name = section_of(target, family)
        search = cls(target, family, name, space.ranges(name), params, tuple(features))
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
    def _current(self) -> Section:
        current: Section = getattr(self.params, self.section)
        return current

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Average precision is maximised, the error of remaining life is minimised."""
        return "minimize" if self.target.is_number else "maximize"

    @property
    def metric(self) -> str:
        """Name of the score."""
        return "rmse" if self.target.is_number else "pr_auc"

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


def judge(search: Search, values: Mapping[str, float | int], sample: Sample, *, seed: int, jobs: int = 1) -> Score:
    """Cross-validated score of the values of a trial; a fold of one class is left out.

    Parameters
    ----------
    values
        From `Search.suggest`.
    sample
        Training rows of the search's target.
    seed
        Of the deal into folds.
    """
    recipe = recipe_of(search.target, search.with_values(values), search.family, search.features)
    is_life = search.target.is_number
    quality = row_metrics.rmse if is_life else row_metrics.pr_auc
    scores = []
    for learned, judged in fold_rows(sample, folds=FOLDS, seed=seed):
        if not is_life and min(np.ptp(sample.values[learned]), np.ptp(sample.values[judged])) == 0:
            continue
        trees, _ = grow(sample.take(learned), recipe, jobs=jobs)
        seen = sample.take(judged[sample.is_seen[judged]])
        score = quality(seen.values, trees.predict(seen.features(), jobs))
        scores.append(float(score) if score is not None else np.nan)
    if not scores:
        raise ParamsError(f"tune: no fold of the training rows holds both classes of {search.target.name!r}. Tune "
                          f"another task with --task.")
    return Score(float(np.mean(scores)), tuple(scores))
