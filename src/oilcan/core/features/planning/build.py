"""Contract, parameters and training facts -> the feature plan.

Families propose features, and rules drop some. Sensors that are constant or almost always missing in training are not
read at all. `screen` drops features that turn out constant, empty or identical to another.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.arrays import codes, sensor_values
from oilcan.core.features.facts import Facts
from oilcan.core.features.families.fleet import learn_reference
from oilcan.core.features.families.registry import FAMILIES
from oilcan.core.features.learning import NUMERIC, Learned, column_types
from oilcan.core.features.plan import Category, FeaturePlan, FleetReference, Sensor
from oilcan.core.features.planning import compound
from oilcan.core.features.planning.compound import spread
from oilcan.core.features.planning.usable import (
    category,
    choose_sensors,
    event_kinds,
    starts_together,
    static_columns,
    text_columns,
)
from oilcan.core.features.planning.wear import learn_wear
from oilcan.core.features.signals.regimes import Clusters, learn_regimes
from oilcan.core.features.signals.surface import Surface
from oilcan.ground.columns import MACHINE
from oilcan.ground.errors import DataError
from oilcan.ground.time_units import plan_time
from oilcan.params.stages.featurize import FeaturizeParams

ARBITRARY_ZERO: Final = frozenset({"degc", "degf", "°c", "°f", "celsius", "fahrenheit"})    # units without per cents
SAYS_NOTHING: Final = 1e-6      # share of a sensor's deviation left within regimes, at or below which it is flat


def build_plan(
    contract: Contract, params: FeaturizeParams, learned: Learned, fleet: dict[str, pd.DataFrame]
) -> FeaturePlan:
    """The plan, before `screen` has seen the values of its features.

    Parameters
    ----------
    learned
        Facts of the training readings of all partitions.
    fleet
        machines (only those with training rows are used), errors, maintenance and failures (only records up to the last
        training row of their machine).

    Raises
    ------
    DataError
        If there is no training reading, or no feature is left.
    """
    if learned.readings == 0:
        raise DataError("featurize: no reading belongs to a training row. Look at `split` in the contract.")
    machines = fleet["machines"]
    machines = machines[machines[MACHINE].isin(learned.until.index)]
    statics = static_columns(contract, machines)
    texts = {name: table[name] for name, table in text_columns(contract, machines, learned.sample, statics).items()}
    categories = tuple(c for c in (category(name, column) for name, column in texts.items()) if c is not None)
    sensors = choose_sensors(contract, params, learned, categories)
    regimes = _regimes(contract, params, learned.sample, sensors)
    if isinstance(regimes, Clusters):
        regimes, sensors = _without_flat(learned.sample, regimes, sensors)
    if isinstance(regimes, Surface):
        sensors = tuple(replace(s, unit="%") if s.name in regimes.relative else s for s in sensors)
    values = _normalised(learned.sample, sensors, regimes)
    conditions = sensor_values(learned.sample, list(regimes.conditions) if regimes else [], ())
    health = compound.learn_index(contract, params, learned.sample, values, conditions, regimes)
    residuals = compound.learn_cross_sensor_residuals(contract, params, learned.sample, values)
    state, drift, without_drift = learn_wear(contract, params, learned, fleet, values, conditions, regimes, health)
    facts = Facts(
        time=plan_time(contract.time.kind, contract.time.unit), params=params,
        windows=tuple(sorted({window.ticks for window in contract.rows.windows})),
        plan_sensors=(*sensors, *compound.as_sensors(sensors, residuals, health)),
        normalised=frozenset(regimes.sensors if regimes else ()),
        statics=statics, kinds=event_kinds(fleet, learned), categories=categories,
        fleet=_fleet(params, learned.sample, machines, values, categories, statics),
        regular_start=starts_together(contract, learned),
        only_life=all(task.kind == "rul" for task in contract.tasks.values()), has_drift=drift is not None,
        has_replaced=bool(contract.replaced_parts),
    )  # fmt: skip
    timed = contract.time.kind != "none"
    proposed = [feature for kind, family in FAMILIES.items() if kind in params.families and (timed or family.timeless)
                for feature in family.propose(facts)]
    if not proposed:
        raise DataError("featurize: no feature is left (every sensor constant or missing in training). "
                        "Look at metrics/detail/data_quality.json, or add families in params.yaml.")
    return FeaturePlan(
        dataset=contract.name, contract_version=contract.version, time=facts.time,
        features=tuple(proposed), sensors=sensors, regimes=regimes, categories=categories, fleet=facts.fleet,
        health=health, residuals=residuals, state=state, drift=drift, without_drift=without_drift,
        reference=max(facts.windows, default=0.0), replaced=contract.replaced_parts,
    )  # fmt: skip


def _regimes(
    contract: Contract, params: FeaturizeParams, sample: pd.DataFrame, sensors: tuple[Sensor, ...]
) -> Clusters | Surface | None:
    names = [name for name, kind in column_types(contract, "condition").items() if kind in NUMERIC]
    plain = [sensor.name for sensor in sensors if sensor.rhythm == "plain"]
    if not params.regimes or contract.time.kind == "none" or not names:
        return None
    return learn_regimes(
        sensor_values(sample, plain, ()), sensor_values(sample, names, ()), pd.factorize(sample[MACHINE], sort=True)[0],
        sensors=plain, names=names, max_regimes=params.max_regimes,
        interval=frozenset(sensor.name for sensor in sensors if sensor.unit.lower() in ARBITRARY_ZERO),
    )  # fmt: skip


def _without_flat(
    sample: pd.DataFrame, regimes: Clusters, sensors: tuple[Sensor, ...]
) -> tuple[Clusters, tuple[Sensor, ...]]:
    """Drops conditions, and sensors that do not vary within regimes: the regime already has their information."""
    flat = {name for name, column in _normalised(sample, sensors, regimes).items()
            if spread(column) <= SAYS_NOTHING * spread(sensor_values(sample, [name], ())[:, 0])}
    return regimes.without(flat), tuple(s for s in sensors if s.rhythm != "condition" and s.name not in flat)


def _normalised(
    sample: pd.DataFrame, sensors: tuple[Sensor, ...], regimes: Clusters | Surface | None
) -> dict[str, np.ndarray]:
    """Plain sensors of the sample, as the families will see them."""
    plain = [sensor.name for sensor in sensors if sensor.rhythm == "plain"]
    values = sensor_values(sample, plain, ())
    if regimes is not None:
        at = [plain.index(name) for name in regimes.sensors]
        values[:, at] = regimes.normalise(values[:, at], sensor_values(sample, list(regimes.conditions), ()))
    return dict(zip(plain, values.T, strict=True))


def _fleet(
    params: FeaturizeParams, sample: pd.DataFrame, machines: pd.DataFrame, values: dict[str, np.ndarray],
    categories: tuple[Category, ...], statics: dict[str, tuple[str, str, str]],
) -> tuple[FleetReference, ...]:  # fmt: skip
    if "fleet" not in params.families:
        return ()
    by_machine = machines.set_index(MACHINE)
    compared = tuple(c for c in categories if c.column in statics and len(c.values) > 1)
    codes_by_column = {}
    for like in compared:
        source = like.column in by_machine
        column = sample[MACHINE].map(by_machine[like.column]) if source else sample[like.column]
        codes_by_column[like.column] = codes(column, like)
    references = (learn_reference(name, column, codes_by_column, compared) for name, column in values.items())
    return tuple(reference for reference in references if reference is not None)


