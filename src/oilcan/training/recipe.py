"""Which trees does a target get? The parameters' answer, the same for training, cross-validation and tuning."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from oilcan.ground.errors import ParamsError, bullet_list
from oilcan.params.train import BoostingParams, Family, ForestParams, ModelChoice, TrainParams
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
    def members(self) -> tuple["Recipe", ...]:
        """What is grown and averaged: of a committee boosting and extra trees, else the recipe alone."""
        if self.family != "committee":
            return (self,)
        return replace(self, family="hist_gradient_boosting"), replace(self, family="extra_trees")

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Those of the family, as plain values; of a committee by member."""
        if self.family == "committee":
            return {member.family: member.hyper_parameters for member in self.members}
        return (self.boosting if self.boosted else self.forest).model_dump()


def choice_of(target: Target, params: TrainParams) -> ModelChoice:
    """The family that params ask for, or `auto`."""
    return {"failure_within": params.model, "rul": params.life_model, "label": params.label_model}[target.kind]


def recipe_of(target: Target, params: TrainParams, family: Family, features: Sequence[str]) -> Recipe:
    """How `family` is grown for `target`; a failure mode is grown by the first member of a committee alone.

    Raises
    ------
    ParamsError
        If a pattern of `train.monotone` names no feature, or two contradict each other.
    """
    signs = monotone_signs(params.monotone or {}, features)
    boosting: BoostingParams = getattr(params, section_of(target, "hist_gradient_boosting"))
    forest: ForestParams = getattr(params, section_of(target, "extra_trees"))
    if family == "committee":
        forest = params.committee_forest
    is_life = target.kind == "rul"
    signs = tuple(-sign for sign in signs) if is_life else signs           # what is never safer never lengthens a life
    recipe = Recipe(family, forest, boosting, is_life, signs)
    return recipe.members[0] if target.mode else recipe


def section_of(target: Target, family: str) -> str:
    """The section of `train` by which `family` is grown for `target`; of a committee that of its first member.

    Examples
    --------
    >>> section_of(Target("rul", "rul"), "hist_gradient_boosting"), section_of(Target("rul", "rul"), "extra_trees")
    ('life_boosting', 'random_forest')
    """
    if family in ("hist_gradient_boosting", "committee"):
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
