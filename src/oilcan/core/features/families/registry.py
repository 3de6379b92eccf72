"""The families of features, in the order of their columns.

A family is two functions: `propose` says which features the training facts call for, `compute`
fills their columns. Registering one here puts it under every check of `tests/property/test_features.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.features.arrays import Arrays
from oilcan.core.features.facts import Facts
from oilcan.core.features.families import drift, early_life, events, ewm, fleet, level, slope, static, trailing
from oilcan.core.features.plan import Feature


@dataclass(frozen=True)
class FeatureFamily:
    """How one kind of feature is proposed and computed; `timeless` ones also suit independent rows."""

    propose: Callable[[Facts], Iterator[Feature]]
    compute: Callable[[Arrays, list[Feature]], np.ndarray]
    timeless: bool = False


FAMILIES: Final[dict[str, FeatureFamily]] = {
    "level": FeatureFamily(level.propose, level.compute, timeless=True),
    "trailing": FeatureFamily(trailing.propose, trailing.compute),
    "ewm": FeatureFamily(ewm.propose, ewm.compute),
    "slope": FeatureFamily(slope.propose, slope.compute),
    "early_life": FeatureFamily(early_life.propose, early_life.compute),
    "drift": FeatureFamily(drift.propose, drift.compute),
    "fleet": FeatureFamily(fleet.propose, fleet.compute),
    "events": FeatureFamily(events.propose, events.compute),
    "static": FeatureFamily(static.propose, static.compute, timeless=True),
}
