"""Which columns are worth reading? Decided by their values in training rows, not by their names."""

from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.learning import NUMERIC, Learned, column_types
from oilcan.core.features.plan import Category, Sensor
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import EVENT_KEYS, MACHINE, TIME
from oilcan.ground.time_units import MICROSECONDS_PER_HOUR
from oilcan.params.stages.featurize import FeaturizeParams

ALMOST_NEVER: Final = 0.001     # a sensor there in a smaller share of training readings is not read
RESTS: Final = 0.99             # a sensor unchanged in this share of steps is sparse
RISES: Final = 0.999            # a sensor that falls in less than the rest of its steps is a counter
MAX_VALUES: Final = 64          # values of a category that get a code, the most frequent
MAX_KINDS: Final = 32           # error codes, components, modes that get features, the most frequent
LATE_START: Final = 0.1         # share of machines that must start late for elapsed time to mean something


def static_columns(contract: Contract, machines: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """Static columns of the machines table and of telemetry, without personal ones: type, unit, description."""
    tables = contract.tables
    columns = dict(tables["machines"].columns) if "machines" in tables else {}
    columns = {name: column for name, column in columns.items() if name in machines.columns}
    columns |= {name: tables["telemetry"].columns[name] for name in contract.telemetry_columns("static")}
    return {
        name: (column.type, column.unit, column.description)
        for name, column in columns.items()
        if name != MACHINE and column.personal is None and column.role not in {"label", "ignore"}
    }


def text_columns(
    contract: Contract, machines: pd.DataFrame, sample: pd.DataFrame, statics: dict[str, tuple[str, str, str]]
) -> dict[str, pd.DataFrame]:
    """Text columns, each with the table that holds its training values."""
    columns = {name: machines if name in machines.columns else sample for name, (kind, _, _) in statics.items()
             if kind == "text"}
    return columns | {name: sample for name, kind in column_types(contract, "sensor").items() if kind == "text"}


def category(name: str, column: pd.Series) -> Category | None:
    """Its most frequent values; None for an identifier, which has nearly as many values as machines or rows.

    Examples
    --------
    >>> category("model", pd.Series(["B", "A", "B", None, "A", "B"]))
    Category(column='model', values=('A', 'B'))
    >>> category("serial", pd.Series([f"SN{n}" for n in range(500)])) is None
    True
    """
    counts = column.dropna().astype(str).value_counts()
    if len(counts) == 0 or (len(counts) > MAX_VALUES // 2 and len(counts) > len(column) / 2):
        return None
    frequent = sorted(counts.index, key=lambda value: (-counts[value], value))[:MAX_VALUES]
    return Category(name, tuple(sorted(frequent)))


def choose_sensors(
    contract: Contract, params: FeaturizeParams, learned: Learned, categories: tuple[Category, ...]
) -> tuple[Sensor, ...]:
    """Sensors and conditions worth reading, in the order of the contract."""
    columns = contract.tables["telemetry"].columns | contract.derived
    conditions = set(contract.telemetry_columns("condition"))
    known = {category.column for category in categories}
    chosen = []
    for name, kind in column_types(contract, "sensor", "condition").items():
        if kind in NUMERIC and not (params.drop_constant and _is_useless(learned, name)):
            rhythm = "condition" if name in conditions else _rhythm(learned.numbers[name])
        elif kind == "text" and name in known:
            rhythm = "text"
        else:
            continue
        chosen.append(Sensor(name, columns[name].unit, columns[name].description, rhythm))  # type: ignore[arg-type]
    return tuple(chosen)


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


def event_kinds(fleet: dict[str, pd.DataFrame], learned: Learned) -> dict[str, tuple[str, ...]]:
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


def starts_together(contract: Contract, learned: Learned) -> bool:
    """Whether nearly all machines begin with the data. Then elapsed time is the same for all, and so only a date."""
    if contract.time.kind not in {"instant", "elapsed"} or len(learned.since) == 0:
        return False
    late = learned.since - learned.since.min() > max(w.ticks for w in contract.rows.windows) * MICROSECONDS_PER_HOUR
    return bool(late.mean() < LATE_START)
