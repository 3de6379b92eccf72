"""The feature plan: which features are computed for every row. It is data, with a version and a hash.

Both engines read the same plan: `batch` computes it for tables, the online engine for one reading at a time. A plan
holds no label and no code, but all constants learned from training rows. The model records its hash.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from oilcan.core.features.drift.drift_model import DriftModel
from oilcan.core.features.signals.health_index import NAME, Health
from oilcan.core.features.signals.hidden_state import HiddenState
from oilcan.core.features.signals.regimes import Clusters
from oilcan.core.features.signals.residuals import Residuals
from oilcan.core.features.signals.surface import Surface
from oilcan.ground.errors import IntegrityError

VERSION: Final = 5            # 4 had no hidden state


@dataclass(frozen=True)
class Feature:
    """One column of the feature matrix.

    Parameters
    ----------
    name
        `<sensor>_<statistic>_<window>`.
    kind
        The family that computes it.
    sensor
        Telemetry column, event table or static column that it reads.
    statistic
        What is taken of it, e.g. `mean`, `slope`, `since`.
    window
        Look-back, half-life or reference period [ticks]; None if it has none.
    unit
        Of the feature.
    description
        In full, for documents. Nothing reads words out of it; sentences are made of the next three.
    subject
        What is measured, in the words of the contract: a sensor, a static column, an event.
    measure
        What is taken of the subject: `mean of the last 24 h`. Empty if the subject itself is the feature.
    reference
        What the feature is a difference from: `the machine's first 168 h`. None if it is not a difference.
    value
        Error code, component or failure mode of an event feature; None means any.
    """

    name: str
    kind: str
    sensor: str
    statistic: str
    window: float | None
    unit: str
    description: str
    subject: str
    measure: str = ""
    reference: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Sensor:
    """One telemetry column that the plan reads.

    `rhythm` decides which families apply: a `counter` never falls, a `sparse` sensor hardly ever
    changes, a `condition` describes how the machine is run, `text` is a category, a `residual` is computed from
    several sensors, the rest is `plain`. `explanation` is added to descriptions of features, not to sentences.
    """

    name: str
    unit: str
    description: str
    rhythm: Literal["plain", "counter", "sparse", "condition", "text", "residual"]
    explanation: str = ""


@dataclass(frozen=True)
class Category:
    """The values of a text column seen on training rows; code = position, -1 = unseen."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class FleetReference:
    """Mean and standard deviation of a sensor on training rows, per value of one machine category.

    `mean` and `std` hold one number per value and last the one for all machines, which also stands
    for values not seen, or seen too rarely.
    """

    sensor: str
    column: str
    values: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class FeaturePlan:
    """Features in order, and the constants they need.

    Parameters
    ----------
    time
        `instant` (ticks are hours), `cycle` (ticks are cycles), running time with its unit (`elapsed s`; ticks are
        hours) or `none`.
    reference
        Length of the early-life reference period [ticks].
    regimes
        How sensors are normalised before anything else is computed; None for not at all.
    health
        How the normalised sensors become the health index, itself a sensor to all families; None for not at all.
    residuals
        Differences between normalised sensors and their prediction from the others, as further sensors; None for not
        at all.
    state, drift
        How the normalised sensors become the hidden state, and what its drift says about the remaining life; None
        where `without_drift` says why not.
    replaced
        Components whose maintenance record says that a part was replaced: from then on the machine's own normal is that
        of the readings since. Not written where there are none, so that older plans keep their hash.
    """

    dataset: str
    contract_version: int
    time: str
    features: tuple[Feature, ...]
    sensors: tuple[Sensor, ...]
    regimes: Clusters | Surface | None = None
    categories: tuple[Category, ...] = ()
    fleet: tuple[FleetReference, ...] = ()
    health: Health | None = None
    residuals: Residuals | None = None
    state: HiddenState | None = None
    drift: DriftModel | None = None
    without_drift: str = ""
    reference: float = 0.0
    replaced: tuple[str, ...] = ()
    version: int = VERSION

    @property
    def names(self) -> list[str]:
        """Names of the features in order."""
        return [feature.name for feature in self.features]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the sensors that families see: those read, residuals, the hidden state, last the health index."""
        residuals = self.residuals.names if self.residuals else ()
        states = self.state.names if self.state else ()
        return (*(sensor.name for sensor in self.sensors), *residuals, *states, *([NAME] if self.health else []))

    @cached_property
    def hash(self) -> str:
        """sha256 of the canonical JSON: sorted keys, no blanks, shortest exact numbers."""
        text = json.dumps(self._values(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def select(self, names: Iterable[str]) -> "FeaturePlan":
        """The same plan with only the features named, in the old order."""
        wanted = set(names)
        return dataclasses.replace(self, features=tuple(f for f in self.features if f.name in wanted))

    def to_json(self) -> dict[str, Any]:
        """Plain values for plan.json, with the hash."""
        return {**json.loads(json.dumps(self._values(), allow_nan=False)), "hash": self.hash}

    def _values(self) -> dict[str, Any]:
        values = dataclasses.asdict(self)
        return values if self.replaced else {name: value for name, value in values.items() if name != "replaced"}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "FeaturePlan":
        """Read plan.json.

        Raises
        ------
        IntegrityError
            If the version is unknown or the hash is not that of the content.
        """
        return _read(values)


def _read(values: Any) -> FeaturePlan:
    if not isinstance(values, dict):
        raise IntegrityError(f"plan.json: is not a feature plan (found {type(values).__name__}). Run `dvc repro "
                             f"featurize`.")
    if values.get("version") != VERSION:
        raise IntegrityError(f"plan.json: unknown version (found {values.get('version')!r}, wanted {VERSION}). "
                             f"Run `dvc repro featurize`.")
    kinds = {"clusters": Clusters, "surface": Surface}
    regimes = values["regimes"]
    plan = FeaturePlan(
        dataset=values["dataset"], contract_version=values["contract_version"], time=values["time"],
        features=tuple(Feature(**entry) for entry in values["features"]),
        sensors=tuple(Sensor(**entry) for entry in values["sensors"]),
        regimes=None if regimes is None else kinds[regimes["kind"]](**_frozen(regimes)),
        categories=tuple(Category(**_frozen(entry)) for entry in values["categories"]),
        fleet=tuple(FleetReference(**_frozen(entry)) for entry in values["fleet"]),
        health=None if values["health"] is None else Health(**_frozen(values["health"])),
        residuals=None if values["residuals"] is None else Residuals(**_frozen(values["residuals"])),
        state=None if values["state"] is None else HiddenState(**_frozen(values["state"])),
        drift=_drift_model(values["drift"]),
        without_drift=values["without_drift"],
        reference=values["reference"],
        replaced=tuple(values.get("replaced", ())),
    )  # fmt: skip
    if plan.hash != values.get("hash"):
        raise IntegrityError(f"plan.json: content and hash disagree (found {values.get('hash')!r}, "
                             f"wanted {plan.hash!r}). Run `dvc repro featurize`.")
    return plan


def _drift_model(values: Any) -> DriftModel | None:
    if values is None:
        return None
    wanted = {field.name for field in dataclasses.fields(DriftModel)}
    if set(values) != wanted:
        raise IntegrityError(f"plan.json: its drift model is of another release (found {sorted(values)}, wanted "
                             f"{sorted(wanted)}). Run `dvc repro featurize`.")
    return DriftModel(**_frozen(values))


def _frozen(value: Any) -> Any:
    """JSON lists as tuples, all the way down."""
    if isinstance(value, dict):
        return {key: _frozen(entry) for key, entry in value.items()}
    return tuple(_frozen(entry) for entry in value) if isinstance(value, list) else value
