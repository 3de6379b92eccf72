"""What limits are drawn from: cells of clean windows of the reference, an output of the run beside the model.

It holds counts by machine and slot, and no reading. Of a large fleet it holds some machines of each group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from oilcan.core.bundle.watch_reference import WatchReference, packed, unpacked
from oilcan.ground.errors import IntegrityError
from oilcan.monitoring.limits.drawn_limits import Limits, Source, Terms
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.input_statistics import MachineWindows
from oilcan.monitoring.statistics.machine_steps import StepScale
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.params.operating.monitoring import MonitoringParams

_KEPT: Final = ("n", "total", "histogram", "readings")


@dataclass(frozen=True)
class Material:
    """Cells of the reference, which machine is of which group, and when each was worked on.

    Attributes
    ----------
    is_explained
        Slots with a failure or work on the machine, shape (m, t).
    """

    cells: Cells
    group_of: np.ndarray
    is_explained: np.ndarray

    def source(self, reference: WatchReference, axis: WindowAxis, rules: MonitoringParams) -> Source:
        """Whole windows of the reference, ready to draw from."""
        scale, usual = scales(reference)
        windows = machine_windows(self.cells, self.is_explained, scale, axis, rules)
        return Source(windows, self.group_of, judged(reference), usual, reference.edges, reference.shares)

    def to_bytes(self) -> bytes:
        """One file of plain numbers, for the machines kept."""
        cells = self.cells
        return packed({
            "machines": np.array(cells.machines, dtype=str), "first_slot": np.array([cells.first_slot]),
            "n": cells.n.astype(np.uint32), "total": cells.total, "readings": cells.readings.astype(np.uint32),
            "histogram": np.minimum(cells.histogram, 65_535).astype(np.uint16),
            "group_of": self.group_of.astype(np.int32), "is_explained": self.is_explained,
        })

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> "Material":
        """Read what `to_bytes` wrote; IntegrityError if it is damaged."""
        arrays = unpacked(content, where)
        try:
            shape = arrays["histogram"].shape
            cells = Cells(shape[2], shape[3], [str(name) for name in arrays["machines"]])
            cells.fill(int(arrays["first_slot"][0]), {name: arrays[name] for name in _KEPT})
            return cls(cells, arrays["group_of"].astype(np.int64), arrays["is_explained"].astype(bool))
        except (KeyError, IndexError, ValueError) as err:
            raise IntegrityError(f"{where}: holds no material for limits ({err}). Run `dvc repro reference`.") from err


def kept_machines(group_of: Sequence[int], most: int, seed: int) -> np.ndarray:
    """Positions of the machines that are kept, ascending: of each group its share, at random.

    Examples
    --------
    >>> kept_machines([0, 0, 0, 0, 1, 1], 3, 1).shape
    (3,)
    """
    groups = np.asarray(group_of)
    if len(groups) <= most:
        return np.arange(len(groups))
    order = np.random.default_rng(seed).permutation(len(groups))
    ranked = order[np.argsort(groups[order], kind="stable")]
    return np.sort(ranked[np.linspace(0, len(groups) - 1, most).round().astype(int)])


def machine_windows(cells: Cells, is_explained: np.ndarray, scale: StepScale, axis: WindowAxis,
                    rules: MonitoringParams) -> MachineWindows:
    """All whole windows of the cells, in order."""
    first, last = whole_windows(cells, axis)
    starts = np.array([axis.first_slot(window) for window in range(first, last + 2)], dtype=np.int64)
    return MachineWindows.of(cells, is_explained, scale, starts, fewest=fewest_readings(cells, axis, rules),
                             fewest_slot=fewest_in_slot(cells))


def whole_windows(cells: Cells, axis: WindowAxis) -> tuple[int, int]:
    """First and last window that lie wholly in the cells; the last is before the first if there is none."""
    first = int(axis.window_of(np.array([cells.first_slot]))[0])
    first += int(axis.first_slot(first) < cells.first_slot)
    last = int(axis.window_of(np.array([cells.first_slot + cells.slots]))[0]) - 1
    return first, last


def slots_of_windows(cells: Cells, axis: WindowAxis) -> list[slice]:
    """Slots of each whole window in the cells, in order."""
    first, last = whole_windows(cells, axis)
    return [window_slots(cells, axis, window) for window in range(first, last + 1)]


def window_slots(cells: Any, axis: WindowAxis, window: int) -> slice:
    """Slots of a window in the cells."""
    begin, end = axis.first_slot(window) - cells.first_slot, axis.first_slot(window + 1) - cells.first_slot
    return slice(max(0, begin), max(0, end))


def fewest_readings(cells: Cells, axis: WindowAxis, rules: MonitoringParams) -> int:
    """Readings of a machine in a window below which its mean says little; fewer where readings are rare by nature."""
    usual = cells.readings[cells.readings > 0]
    if not len(usual):
        return rules.inputs.fewest_readings
    in_window = float(np.median(usual)) * (axis.slots or 30)
    return int(max(2, min(rules.inputs.fewest_readings, in_window // 2)))


def fewest_in_slot(cells: Cells) -> int:
    """Half of the usual readings: the mean of the cool hours of a hot day steps, and cuts off how a fault grows on."""
    usual = cells.readings[cells.readings > 0]
    return int(max(1, float(np.median(usual)) // 2)) if len(usual) else 1


def judged(reference: WatchReference) -> np.ndarray:
    """Columns whose level is judged, shape (c,)."""
    return np.array([column.is_judged for column in reference.columns])


def scales(reference: WatchReference) -> tuple[StepScale, np.ndarray]:
    """Usual steps, and the usual deviation of a machine's window, from the facts of the reference."""
    return StepScale.from_json(reference.facts["steps"]), np.array(reference.facts["usual_deviation"])


def terms(rules: MonitoringParams, axis: WindowAxis) -> Terms:
    """How limits are drawn for one window of this length."""
    inputs = rules.inputs
    alpha = rules.false_alerts_per_year * rules.budget.inputs / axis.per_year
    return Terms(alpha, inputs.needed, inputs.of, inputs.draws, inputs.seed)


def limits_as_json(limits: Limits) -> dict[str, Any]:
    """Plain values, for the facts of the reference."""
    return {"middle": limits.middle.round(6).tolist(), "spread": limits.spread.round(6).tolist(),
            "at_once": limits.at_once.round(6).tolist(), "in_a_row": limits.in_a_row.round(6).tolist(),
            "needed": limits.needed, "of": limits.of, "machines": limits.machines, "draws": limits.draws}


def limits_from_json(values: dict[str, Any]) -> Limits:
    """The inverse of `limits_as_json`."""
    return Limits(**(values | {name: np.array(values[name]) for name in ("middle", "spread", "at_once", "in_a_row")}))


def tabled_limits(table: Sequence[dict[str, Any]], machines: int) -> Limits | None:
    """Limits of the nearest smaller fleet: those of fewer machines are wider. None where none is small enough."""
    fitting = [entry for entry in table if entry["machines"] <= machines]
    return limits_from_json(max(fitting, key=lambda entry: entry["machines"])) if fitting else None
