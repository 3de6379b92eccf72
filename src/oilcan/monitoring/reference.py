"""What the model was accepted on: levels, spreads and shares of every column, typed and versioned.

It is an output of the run that made the model and part of its bundle. It holds no reading, no personal column and
nothing about a machine but its levels. What the limits of rules are drawn from is larger and stands beside it
(`calibration_material`).
"""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from oilcan.contract import Contract
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.signals.readings_to_signals import processed
from oilcan.ground.errors import IntegrityError
from oilcan.monitoring.cells import Signals

VERSION: Final = 1
BINS: Final = 14
_REMEDY: Final = "Run `dvc repro reference`"
_ARRAYS: Final = ("centre", "raw_centre", "group_centre", "scale", "raw_scale", "edges", "shares", "support")


@dataclass(frozen=True)
class Column:
    """One column that is watched.

    Attributes
    ----------
    kind
        `sensor`, `condition` (how the machine is run: context, not drift), or `computed` from several sensors.
    low, high
        Physical range of the contract; None where it states none.
    is_judged
        Whether its level is compared with the reference; counters and texts are checked for quality alone.
    is_slow
        Whether it rests by nature, so that resting is no fault.
    """

    name: str
    unit: str
    description: str
    kind: Literal["sensor", "condition", "computed"]
    low: float | None
    high: float | None
    is_judged: bool
    is_slow: bool = False


@dataclass(frozen=True)
class Reference:
    """Levels, spreads and shares of the data that a model was accepted on.

    Attributes
    ----------
    dataset, contract_version, plan_hash
        What it belongs to; `check` compares them.
    made_from
        Input -> md5 as DVC records it.
    first, last
        Exact times of the first and last reading.
    window
        The window that `rates` and `limits` are about.
    columns
        What is watched, in the order of all arrays.
    conditions
        Operating conditions that are taken out of the readings.
    machines, group_of
        Machines with levels of their own, and the position of each one's group.
    groups
        Values of the first slice of the contract (usually the machine model), last one for all.
    known
        Slice column -> values seen, for example the models and sites.
    centre, raw_centre
        Level of each machine: as the features see it, and as it was read; shape (m, c).
    group_centre
        The same by group, shape (g, c).
    scale, raw_scale
        Standard deviation within a machine, of both, shape (c,).
    edges, shares
        Inner edges of the bins of deviations, shape (c, BINS - 1), and the share of readings in each, (c, BINS).
    support
        Operating conditions that were seen: the middle 99 %, shape (conditions, 2).
    facts
        Numbers of the rules: rates of events, forecasts, limits; plain values.
    """

    dataset: str
    contract_version: int
    plan_hash: str
    made_from: Mapping[str, str]
    first: int
    last: int
    window: str
    columns: tuple[Column, ...]
    conditions: tuple[str, ...]
    machines: tuple[str, ...]
    group_of: tuple[int, ...]
    groups: tuple[str, ...]
    known: Mapping[str, tuple[str, ...]]
    centre: np.ndarray
    raw_centre: np.ndarray
    group_centre: np.ndarray
    scale: np.ndarray
    raw_scale: np.ndarray
    edges: np.ndarray
    shares: np.ndarray
    support: np.ndarray
    facts: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def check(self, contract: Contract, plan_hash: str, where: str) -> None:
        """Refuse a reference of another data set, contract or model.

        Raises
        ------
        IntegrityError
            If it is not the one of this contract and plan.
        """
        mine = (self.dataset, self.contract_version, self.plan_hash[:12])
        wanted = (contract.name, contract.version, plan_hash[:12])
        if mine != wanted:
            raise IntegrityError(f"{where}: the reference is of {mine[0]} v{mine[1]}, plan {mine[2]} (wanted "
                                 f"{wanted[0]} v{wanted[1]}, plan {wanted[2]}). {_REMEDY}.")

    def signals(self, plan: FeaturePlan, readings: Mapping[str, np.ndarray], centre: np.ndarray) -> Signals:
        """Readings as deviations from a level.

        Parameters
        ----------
        readings
            Column -> numbers, shape (n,), NaN where missing: the sensors and conditions of the plan, as they came.
        centre
            Level that each reading is compared with, shape (n, c).
        """
        raw, outside = self._raw(readings)
        seen = np.column_stack([readings[name] for name in self.conditions]) if self.conditions else np.zeros(
            (len(raw), 0))
        level = signal_values(plan, readings, dict(zip(self.names, outside.T, strict=True)))
        is_aside = (~((seen >= self.support[:, 0]) & (seen <= self.support[:, 1]))).any(axis=1)
        deviation = (self._in_order(plan, level, len(raw)) - centre) / self.scale
        is_judged = np.array([column.is_judged for column in self.columns])
        deviation[is_aside] = np.nan
        deviation[:, ~is_judged] = np.nan
        return Signals(raw, deviation, outside, is_aside, self.raw_scale, self.edges)

    def _raw(self, readings: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        n = len(next(iter(readings.values())))
        raw, outside = np.full((n, len(self.columns)), np.nan), np.zeros((n, len(self.columns)), dtype=bool)
        for at, column in enumerate(self.columns):
            if column.name in readings:
                raw[:, at] = readings[column.name]
                low, high = (-np.inf if column.low is None else column.low,
                             np.inf if column.high is None else column.high)
                outside[:, at] = (raw[:, at] < low) | (raw[:, at] > high)
        return raw, outside

    def _in_order(self, plan: FeaturePlan, level: np.ndarray, n: int) -> np.ndarray:
        place = {name: at for at, name in enumerate(plan.columns)}
        out = np.full((n, len(self.columns)), np.nan)
        for at, name in enumerate(self.names):
            if name in place:
                out[:, at] = level[:, place[name]]
        return out

    def to_bytes(self) -> bytes:
        """One file: a header of JSON and plain numbers of NumPy; nothing in it can run code."""
        header = {name: value for name, value in vars(self).items() if name not in _ARRAYS}
        header |= {"version": VERSION, "columns": [asdict(column) for column in self.columns]}
        arrays = {name: getattr(self, name).astype(np.float32) for name in _ARRAYS}
        text = json.dumps(header, sort_keys=True, allow_nan=False).encode()
        return packed(arrays | {"header": np.frombuffer(text, dtype=np.uint8)})

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> "Reference":
        """Read what `to_bytes` wrote.

        Raises
        ------
        IntegrityError
            If the bytes are damaged, or of another version.
        """
        arrays = unpacked(content, where)
        try:
            header = json.loads(arrays.pop("header").tobytes())
            version = header.pop("version")
            if version != VERSION:
                raise IntegrityError(f"{where}: version of the reference is {version!r} (wanted {VERSION}). {_REMEDY}.")
            columns = tuple(Column(**entry) for entry in header.pop("columns"))
            lists = {name: tuple(header.pop(name)) for name in ("conditions", "machines", "group_of", "groups")}
            known = {name: tuple(values) for name, values in header.pop("known").items()}
            numbers = {name: arrays[name].astype(np.float64) for name in _ARRAYS}
            return cls(columns=columns, known=known, **lists, **header, **numbers)
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise IntegrityError(f"{where}: holds no reference ({err}). {_REMEDY}.") from err


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays in one file, the same bytes for the same numbers."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def unpacked(content: bytes, where: str) -> dict[str, np.ndarray]:
    """Arrays of `packed`; IntegrityError if the bytes are damaged."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files}
    except Exception as err:
        raise IntegrityError(f"{where}: not readable ({' '.join(str(err).split())[:200]}). {_REMEDY}.") from err


def signal_values(plan: FeaturePlan, readings: Mapping[str, np.ndarray], outside: Mapping[str, np.ndarray]
                  ) -> np.ndarray:
    """Readings as the families see them, shape (n, columns of the plan); what is outside the range is missing."""
    n = len(next(iter(readings.values())))

    def number(name: str) -> np.ndarray:
        values = np.asarray(readings[name], dtype=np.float64) if name in readings else np.full(n, np.nan)
        return np.where(outside[name], np.nan, values) if name in outside else values

    raw = np.column_stack([number(sensor.name) for sensor in plan.sensors])
    names = plan.regimes.conditions if plan.regimes else ()
    conditions = np.column_stack([number(name) for name in names]) if names else np.zeros((n, 0))
    return processed(plan, raw, conditions)


def watched_columns(contract: Contract, plan: FeaturePlan) -> tuple[Column, ...]:
    """What is watched: the columns that features are computed from, and the operating conditions."""
    of_contract = contract.tables["telemetry"].columns
    conditions = plan.regimes.conditions if plan.regimes else ()
    sensors = {sensor.name: sensor for sensor in plan.sensors}
    found = []
    for name in dict.fromkeys([*plan.columns, *conditions]):
        column, sensor = of_contract.get(name), sensors.get(name)
        low, high = (column.range if column is not None and column.range else None) or (None, None)
        is_condition = name in conditions or (sensor is not None and sensor.rhythm == "condition")
        kind: Literal["sensor", "condition", "computed"] = (
            "condition" if is_condition else "sensor" if column is not None else "computed")
        rhythm = sensor.rhythm if sensor else "plain"
        unit = column.unit if column is not None else sensor.unit if sensor else ""
        words = column.description if column is not None else sensor.description if sensor else name.replace("_", " ")
        found.append(Column(name, unit, words, kind, low, high,
                            is_judged=kind != "condition" and rhythm in ("plain", "residual")))
    return tuple(found)
