"""Which trees does a target get, by the parameters? The same for training, cross-validation and tuning."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from oilcan.ground.errors import ParamsError, bullet_list
from oilcan.params.stages.train import ModelChoice, ModelFamily, OutlookParams, TrainParams
from oilcan.training.ensembles.ensemble import Ensemble
from oilcan.training.ensembles.known_ensembles import COMMITTEE, ENSEMBLES
from oilcan.training.targets import Target
from oilcan.training.thinning import Thinning


@dataclass(frozen=True)
class Recipe:
    """How the trees of one target are grown.

    Attributes
    ----------
    ensembles
        Grown independently and averaged; one, or the members of a committee.
    regression
        Whether the outcome is a number; else it is one of two classes.
    thinning
        Which rows are left out.
    seed
        Base of the seed of every target.
    early_stopping_share
        Share of the machines held out from boosting to decide when to stop; 0 never stops early.
    monotone
        Sign of the effect of each feature on the outcome, 0 where free; empty where all are free.
    """

    ensembles: tuple[Ensemble, ...]
    regression: bool
    thinning: Thinning
    seed: int
    early_stopping_share: float = 0.0
    monotone: tuple[int, ...] = ()

    @property
    def first(self) -> Ensemble:
        """The only ensemble, or the first of a committee."""
        return self.ensembles[0]

    @property
    def family(self) -> str:
        """The word in params.yaml."""
        return "committee" if len(self.ensembles) > 1 else self.first.name

    @property
    def members(self) -> tuple["Recipe", ...]:
        """A recipe for each ensemble."""
        return tuple(replace(self, ensembles=(ensemble,)) for ensemble in self.ensembles)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Plain values; those of a committee by member."""
        if len(self.ensembles) > 1:
            return {ensemble.name: ensemble.hyper_parameters() for ensemble in self.ensembles}
        return self.first.hyper_parameters()

    def of_hazards(self, params: OutlookParams) -> "Recipe":
        """For the hazards of the same task: its first ensemble, other iterations, and one more feature, the interval.

        The interval has no monotone sign.
        """
        thinning = self.thinning.of_hazards(params.negatives_per_positive)
        return replace(self, ensembles=(self.first.with_iterations(params.iterations),), thinning=thinning,
                       monotone=(*self.monotone, 0) if self.monotone else ())


def choice_of(target: Target, params: TrainParams) -> ModelChoice:
    """The family that the parameters name, or `auto`."""
    return {"failure_within": params.model, "rul": params.life_model, "label": params.label_model,
            "class": params.label_model, "number": params.life_model}[target.kind]


def candidates(target: Target, params: TrainParams, features: Sequence[str]) -> dict[ModelFamily, Recipe]:
    """The recipe of the family that the parameters name; of every family for `auto`."""
    choice = choice_of(target, params)
    return {family: recipe_of(target, params, family, features)
            for family in (ENSEMBLES if choice == "auto" else (choice,))}


def recipe_of(target: Target, params: TrainParams, family: ModelFamily, features: Sequence[str]) -> Recipe:
    """How `family` is grown for `target`; a failure mode is grown by the first member of a committee alone.

    Raises
    ------
    ParamsError
        If a pattern of `train.monotone` names no feature, or two contradict each other.
    """
    signs = monotone_signs(params.monotone or {}, features)
    if target.kind == "rul":                        # a feature that adds risk shortens the life
        signs = tuple(-sign for sign in signs)
    ensembles = _committee(target, params) if family == "committee" else (_ensemble(target, params, family),)
    if target.mode:
        ensembles = ensembles[:1]
    return Recipe(ensembles, target.is_number, Thinning.of(params), params.seed, params.early_stopping_share, signs)


def _ensemble(target: Target, params: TrainParams, family: ModelFamily) -> Ensemble:
    return ENSEMBLES[family].make(getattr(params, section_of(target, family)))


def _committee(target: Target, params: TrainParams) -> tuple[Ensemble, ...]:
    """Its first member is grown as it would be alone, the others by `committee_forest`."""
    first, *others = COMMITTEE
    return (_ensemble(target, params, first), *(ENSEMBLES[each].make(params.committee_forest) for each in others))


def section_of(target: Target, family: ModelFamily) -> str:
    """The section of `train` by which `family` is grown for `target`; of a committee that of its first member.

    Examples
    --------
    >>> section_of(Target("rul", "rul"), "hist_gradient_boosting"), section_of(Target("rul", "rul"), "extra_trees")
    ('life_boosting', 'random_forest')
    """
    return ENSEMBLES[COMMITTEE[0] if family == "committee" else family].sections[target.kind]


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
        raise ParamsError(bullet_list("params.yaml: train.monotone is not valid. models/model.json and "
                                      "data/features/plan.json list the names of features", broken))
    return tuple(signs.get(name, 0) for name in features) if signs else ()
