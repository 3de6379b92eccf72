"""Contract, parameters and training facts -> the feature plan.

Families propose; rules drop: sensors that are constant or (almost) never there in training are not
read at all, and `screen` drops features that turn out constant, empty or doubled.
"""

from typing import Final

import numpy as np
import pandas as pd

from oilcan.columns import EVENT_KEYS, MACHINE, TIME
from oilcan.contract import Contract
from oilcan.core.features.arrays import codes, sensor_values
from oilcan.core.features.facts import Facts
from oilcan.core.features.families import FAMILIES
from oilcan.core.features.fleet import learn_reference
from oilcan.core.features.health import NAME, Health, learn_health, regime_of
from oilcan.core.features.learn import NUMERIC, TARGET, TICKS, Learned, column_types
from oilcan.core.features.plan import Category, FeaturePlan, FleetReference, Sensor
from oilcan.core.features.regimes import Clusters, Surface, learn_regimes
from oilcan.core.groups import exact
from oilcan.errors import DataError
from oilcan.params import FeaturizeParams

ALMOST_NEVER: Final = 0.001     # a sensor there in a smaller share of training readings is not read
RESTS: Final = 0.99             # a sensor unchanged in this share of steps is sparse
RISES: Final = 0.999            # a sensor that falls in less than the rest of its steps is a counter
SAYS_NOTHING: Final = 1e-6      # share of a sensor's deviation left within regimes, at or below which it is flat
MAX_VALUES: Final = 64          # values of a category that get a code, the most frequent
MAX_KINDS: Final = 32           # error codes, components, modes that get features, the most frequent
LATE_START: Final = 0.1         # share of machines that must start late for elapsed time to mean something


def build_plan(
    contract: Contract, params: FeaturizeParams, learned: Learned, fleet: dict[str, pd.DataFrame]
) -> FeaturePlan:
    """The plan, before `screen` has seen what its features come to.

    Parameters
    ----------
    learned
        Facts of the training readings of all partitions.
    fleet
        machines, of which only those with training rows are looked at; errors, maintenance and failures,
        of which only records up to the last training row of their machine are.

    Raises
    ------
    DataError
        If there is no training reading, or nothing is left to compute.
    """
    if learned.readings == 0:
        raise DataError("featurize: no reading belongs to a training row. Look at `split` in the contract.")
    machines = fleet["machines"]
    machines = machines[machines[MACHINE].isin(learned.until.index)]
    statics = _statics(contract, machines)
    texts = {name: table[name] for name, table in _text_columns(contract, machines, learned.sample, statics).items()}
    categories = tuple(c for c in (_category(name, column) for name, column in texts.items()) if c is not None)
    sensors = _sensors(contract, params, learned, categories)
    regimes = _regimes(contract, params, learned.sample, sensors)
    if isinstance(regimes, Clusters):   # the regime says all that such conditions, and flat sensors, say
        gone = {name for name, column in _normalised(learned.sample, sensors, regimes).items()
                if np.nanstd(column) <= SAYS_NOTHING * np.nanstd(learned.sample[name])}
        regimes = regimes.without(gone)
        sensors = tuple(sensor for sensor in sensors if sensor.rhythm != "condition" and sensor.name not in gone)
    values = _normalised(learned.sample, sensors, regimes)
    health = _health(contract, params, learned.sample, sensors, values, regimes)
    facts = Facts(
        time=contract.time.kind, params=params,
        windows=tuple(sorted({window.ticks for window in contract.rows.windows})),
        plan_sensors=(*sensors, *_as_sensor(health)), normalised=frozenset(regimes.sensors if regimes else ()), statics=statics,
        kinds=_kinds(fleet, learned), categories=categories,
        fleet=_fleet(params, learned.sample, machines, values, categories, statics),
        regular_start=_starts_together(contract, learned),
    )  # fmt: skip
    timed = contract.time.kind != "none"
    proposed = [feature for kind, family in FAMILIES.items() if kind in params.families and (timed or family.timeless)
                for feature in family.propose(facts)]
    if not proposed:
        raise DataError("featurize: no feature is left (every sensor constant or missing in training). "
                        "Look at metrics/data_quality.json, or add families in params.yaml.")
    return FeaturePlan(
        dataset=contract.name, contract_version=contract.version, time=contract.time.kind,
        features=tuple(proposed), sensors=sensors, regimes=regimes, categories=categories, fleet=facts.fleet,
        health=health, reference=max(facts.windows, default=0.0),
    )  # fmt: skip


def _statics(contract: Contract, machines: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """Static columns of the machines table and of telemetry: type, unit, description; nothing personal."""
    tables = contract.tables
    found = dict(tables["machines"].columns) if "machines" in tables else {}
    found = {name: column for name, column in found.items() if name in machines.columns}
    found |= {name: tables["telemetry"].columns[name] for name in contract.telemetry_columns("static")}
    return {
        name: (column.type, column.unit, column.description)
        for name, column in found.items()
        if name != MACHINE and column.personal is None and column.role not in {"label", "ignore"}
    }


def _text_columns(
    contract: Contract, machines: pd.DataFrame, sample: pd.DataFrame, statics: dict[str, tuple[str, str, str]]
) -> dict[str, pd.DataFrame]:
    """Text columns and the table in which their training values stand."""
    found = {name: machines if name in machines.columns else sample for name, (kind, _, _) in statics.items()
             if kind == "text"}
    return found | {name: sample for name, kind in column_types(contract, "sensor").items() if kind == "text"}


def _category(name: str, column: pd.Series) -> Category | None:
    """Its most frequent values; None for an identifier, nearly as many values as machines or rows."""
    counts = column.dropna().astype(str).value_counts()
    if len(counts) == 0 or (len(counts) > MAX_VALUES // 2 and len(counts) > len(column) / 2):
        return None
    frequent = sorted(counts.index, key=lambda value: (-counts[value], value))[:MAX_VALUES]
    return Category(name, tuple(sorted(frequent)))


def _sensors(
    contract: Contract, params: FeaturizeParams, learned: Learned, categories: tuple[Category, ...]
) -> tuple[Sensor, ...]:
    """Sensors and conditions worth reading, in the order of the contract."""
    columns = contract.tables["telemetry"].columns | contract.derived
    conditions = set(contract.telemetry_columns("condition"))
    known = {category.column for category in categories}
    found = []
    for name, kind in column_types(contract, "sensor", "condition").items():
        if kind in NUMERIC and not (params.drop_constant and _is_useless(learned, name)):
            rhythm = "condition" if name in conditions else _rhythm(learned.numbers[name])
        elif kind == "text" and name in known:
            rhythm = "text"
        else:
            continue
        found.append(Sensor(name, columns[name].unit, columns[name].description, rhythm))  # type: ignore[arg-type]
    return tuple(found)


def _is_useless(learned: Learned, name: str) -> bool:
    facts = learned.numbers[name]
    return bool(facts["present"] < ALMOST_NEVER * learned.readings or facts["low"] >= facts["high"])


def _rhythm(facts: pd.Series) -> str:
    steps = facts["steps"]
    if steps == 0:
        return "plain"
    if facts["changes"] < (1 - RESTS) * steps:
        return "sparse"
    return "counter" if facts["falls"] <= (1 - RISES) * steps else "plain"


def _regimes(
    contract: Contract, params: FeaturizeParams, sample: pd.DataFrame, sensors: tuple[Sensor, ...]
) -> Clusters | Surface | None:
    names = [name for name, kind in column_types(contract, "condition").items() if kind in NUMERIC]
    plain = [sensor.name for sensor in sensors if sensor.rhythm == "plain"]
    if not params.regimes or contract.time.kind == "none" or not names:
        return None
    return learn_regimes(sensor_values(sample, plain, ()), sensor_values(sample, names, ()),
                         sensors=plain, names=names, max_regimes=params.max_regimes)


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


def _health(
    contract: Contract, params: FeaturizeParams, sample: pd.DataFrame, sensors: tuple[Sensor, ...],
    values: dict[str, np.ndarray], regimes: Clusters | Surface | None,
) -> Health | None:  # fmt: skip
    if "health" not in params.families or not values or sample[TARGET].isna().all():
        return None
    cap = next(task.cap for task in contract.tasks.values() if task.kind == "rul")
    windows = sorted(window.ticks for window in contract.rows.windows)
    step = sample[TICKS].diff().to_numpy()
    goes_on = (sample[MACHINE] == sample[MACHINE].shift()).to_numpy(dtype=bool)
    decay = np.where(goes_on, np.exp2(-np.where(goes_on, step, 0.0) / (windows[len(windows) // 2] / 2)), 0.0)
    conditions = sensor_values(sample, list(regimes.conditions) if regimes else [], ())
    return learn_health(
        np.column_stack(list(values.values())), regime_of(regimes, conditions),
        sample[TARGET].clip(upper=cap.ticks if cap else None).to_numpy(), decay,
        sensors=list(values), unit="cycles" if contract.time.kind == "cycle" else "h",
    )  # fmt: skip


def _as_sensor(health: Health | None) -> tuple[Sensor, ...]:
    return () if health is None else (Sensor(NAME, health.unit, "Health index: life left that the sensors tell", "plain"),)


def _fleet(
    params: FeaturizeParams, sample: pd.DataFrame, machines: pd.DataFrame, values: dict[str, np.ndarray],
    categories: tuple[Category, ...], statics: dict[str, tuple[str, str, str]],
) -> tuple[FleetReference, ...]:  # fmt: skip
    if "fleet" not in params.families:
        return ()
    by_machine = machines.set_index(MACHINE)
    compared = tuple(c for c in categories if c.column in statics and len(c.values) > 1)
    found = {}
    for category in compared:
        source = category.column in by_machine
        column = sample[MACHINE].map(by_machine[category.column]) if source else sample[category.column]
        found[category.column] = codes(column, category)
    references = (learn_reference(name, column, found, compared) for name, column in values.items())
    return tuple(reference for reference in references if reference is not None)


def _kinds(fleet: dict[str, pd.DataFrame], learned: Learned) -> dict[str, tuple[str, ...]]:
    """Codes, components and modes recorded in training, the most frequent first cut, in order of name."""
    kinds: dict[str, tuple[str, ...]] = {}
    for name in ("errors", "maintenance", "failures"):
        table = fleet[name]
        if TIME not in table or len(table) == 0:
            kinds[name] = ()
            continue
        last = learned.until.reindex(pd.Index(table[MACHINE]), fill_value=np.iinfo(np.int64).min).to_numpy()
        counts = table.loc[exact(table[TIME]) <= last, EVENT_KEYS[name][-1]].astype(str).value_counts()
        frequent = sorted(counts.index, key=lambda value: (-counts[value], value))[:MAX_KINDS]
        kinds[name] = tuple(sorted(frequent))
    return kinds


def _starts_together(contract: Contract, learned: Learned) -> bool:
    """True where nearly all machines begin with the data, so that elapsed time only tells the date."""
    if contract.time.kind != "instant" or len(learned.since) == 0:
        return False
    late = learned.since - learned.since.min() > max(w.ticks for w in contract.rows.windows) * 3.6e9
    return bool(late.mean() < LATE_START)
