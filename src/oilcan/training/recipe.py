"""Which trees does a target get? The parameters' answer, the same for training, cross-validation and tuning."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oilcan.errors import ParamsError, bullet_list
from oilcan.params import BoostingParams, Family, ForestParams, TrainParams
from oilcan.training.targets import Target

FAMILIES: tuple[Family, ...] = ("hist_gradient_boosting", "random_forest", "extra_trees")


@dataclass(frozen=True)
class Recipe:
    """A family of trees and how they are grown.

    Attributes
    ----------
    regression
        Whether a number is learnt, not a class.
    monotone
        Sign of each feature's effect on what is learnt, 0 where free; empty where all are.
    """

    family: Family
    forest: ForestParams
    boosting: BoostingParams
    regression: bool
    monotone: tuple[int, ...] = ()

    @property
    def boosted(self) -> bool:
        """Whether trees are grown one after the other."""
        return self.family == "hist_gradient_boosting"

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Those of the family, as plain values."""
        return (self.boosting if self.boosted else self.forest).model_dump()


def recipe_of(target: Target, params: TrainParams, family: Family, features: Sequence[str]) -> Recipe:
    """How `family` is grown for `target`.

    Raises
    ------
    ParamsError
        If a pattern of `train.monotone` names no feature, or two contradict each other.
    """
    signs = monotone_signs(params.monotone or {}, features)
    forest, boosting = (getattr(params, section_of(target, kind))
                        for kind in ("random_forest", "hist_gradient_boosting"))
    is_life = target.kind == "rul"
    return Recipe(family, forest, boosting, is_life,
                  tuple(-sign for sign in signs) if is_life else signs)    # what is never safer never lengthens a life


def section_of(target: Target, family: str) -> str:
    """The section of `train` by which `family` is grown for `target`.

    Examples
    --------
    >>> section_of(Target("rul", "rul"), "hist_gradient_boosting"), section_of(Target("rul", "rul"), "extra_trees")
    ('life_boosting', 'random_forest')
    """
    if family == "hist_gradient_boosting":
        return "life_boosting" if target.kind == "rul" else "hist_gradient_boosting"
    return "label_forest" if target.kind == "label" else "random_forest"


def monotone_signs(patterns: Mapping[str, int], features: Sequence[str]) -> tuple[int, ...]:
    """Sign of each feature by patterns of names (`*`, `?`), 0 where none fits; empty without patterns.

    Raises
    ------
    ParamsError
        Listing every pattern that fits no feature, and every feature that two patterns contradict each other on.

    Examples
    --------
    >>> monotone_signs({"wear*": 1}, ("load", "wear_mean_24h"))
    (0, 1)
    """
    fits = {pattern: fnmatch.filter(features, pattern) for pattern in patterns}
    broken = [f"{pattern!r}: fits none of {len(features)} features" for pattern, names in fits.items() if not names]
    signs: dict[str, int] = {}
    for pattern, names in fits.items():
        broken += [f"{pattern!r}: {name!r} has the opposite sign by another pattern" for name in names
                   if signs.get(name, patterns[pattern]) != patterns[pattern]]
        signs |= dict.fromkeys(names, patterns[pattern])
    if broken:
        raise ParamsError(bullet_list("params.yaml: train.monotone is not valid. Names of features stand in "
                                      "models/model.json and data/features/plan.json", broken))
    return tuple(signs.get(name, 0) for name in features) if signs else ()
