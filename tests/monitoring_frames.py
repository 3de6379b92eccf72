"""A small fleet with two plain sensors, and its reference, for the tests of monitoring."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.bundle.watch_reference import BINS, WatchReference
from oilcan.core.features.plan import FeaturePlan, Sensor
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.section import section
from oilcan.io.stage import stage_inputs
from oilcan.monitoring.limits.limit_material import Material
from oilcan.monitoring.reference.partition_passes import ReadingRows, count_readings, numbers
from oilcan.monitoring.reference.reference_assembling import Accepted, assemble, machine_kinds
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.counts_by_window import FleetEvents
from oilcan.monitoring.watching import FleetObservation, WindowJudge
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.params.operating.monitoring import MonitoringParams
from tests.canonical_frames import FLEET, fleet_contract

ROOT = Path(__file__).parents[1]
MONDAY = pd.Timestamp("2024-01-01", tz="UTC")
WEEKS = 14                  # of the reference
MACHINES = 10
_MACHINES_TABLE = """  machines:
    grain: one row per machine
    files: [machines.csv]
    columns:
      machine_id: {type: text, unit: none, description: Machine}
      model: {type: text, unit: none, role: static, description: Model}
failures:"""


def contract() -> Contract:
    """The toy contract with a table of machines and two numbers that can be derived from none."""
    text = FLEET.replace("derived:\n  ratio: {expression: heat / 100, unit: \"1\", description: A ratio}\nfailures:",
                         _MACHINES_TABLE)
    return fleet_contract(text.replace("costs:", "slices: [model]\ncosts:"))


def plan() -> FeaturePlan:
    """Sensors as they are; no feature is needed to watch."""
    sensors = (Sensor("heat", "K", "Heat", "plain"), Sensor("flow", "m3/h", "Flow", "plain"))
    return FeaturePlan("toy", 1, "instant", (), sensors)


def rules(**changes: object) -> MonitoringParams:
    """monitoring.yaml, with fewer draws."""
    values = stage_inputs.read_yaml(ROOT / "monitoring.yaml")
    values["inputs"] |= {"draws": 400}
    return section(MonitoringParams, values | changes, "monitoring.yaml")


def telemetry(weeks: int, *, machines: int = MACHINES, seed: int = 1, first: pd.Timestamp = MONDAY) -> pd.DataFrame:
    """Hourly readings; each machine has a level of its own."""
    rng, hours = np.random.default_rng(seed), weeks * 168
    time = pd.date_range(first, periods=hours, freq="h").as_unit("us")
    level = np.repeat(np.random.default_rng(0).normal(0, 3, machines), hours)
    return pd.DataFrame({
        MACHINE: np.repeat([f"m{number:02d}" for number in range(machines)], hours), TIME: np.tile(time, machines),
        "heat": 300 + level + rng.normal(0, 5, machines * hours), "flow": 50 + rng.normal(0, 1, machines * hours),
    }).astype({MACHINE: "str"})


def machine_table(machines: int = MACHINES) -> pd.DataFrame:
    """Two models."""
    ids = [f"m{number:02d}" for number in range(machines)]
    return pd.DataFrame({MACHINE: ids, "model": ["A" if at % 2 else "B" for at in range(machines)]})


def no_events() -> FleetEvents:
    """Empty event tables."""
    def empty(kind: str) -> pd.DataFrame:
        table = pd.DataFrame({MACHINE: pd.Series(dtype="str"), TIME: pd.Series(dtype="datetime64[us, UTC]")})
        return table.assign(**{kind: pd.Series(dtype="str")})

    return FleetEvents(empty("mode"), empty("component"), empty("code"))


@dataclass(frozen=True)
class Learned:
    """A reference and what limits are drawn from."""

    reference: WatchReference
    material: Material


@cache
def learned() -> Learned:
    """The reference of clean weeks."""
    readings = telemetry(WEEKS)
    until = int(exact(readings[TIME]).max()) + 3_600_000_000
    accepted = Accepted(lambda: [readings], len(readings), machine_table(), no_events(), None,
                        int(exact(readings[TIME]).min()), until)
    return Learned(*assemble(contract(), plan(), accepted, rules(), {"data/canonical": "0" * 32}))


def watcher(with_material: bool = False, **changes: object) -> WindowJudge:
    """Judges by the reference."""
    found = learned()
    return WindowJudge(contract(), found.reference, DriftReference(0, (), {}, {}), rules(**changes),
                   found.material if with_material else None)


def observe(readings: pd.DataFrame, machines: pd.DataFrame | None = None, events: FleetEvents | None = None
            ) -> FleetObservation:
    """Readings as they are watched, in the order given."""
    reference = learned().reference
    cells, axis = Cells(len(reference.columns), BINS), WindowAxis.parse(reference.window)
    rows = ReadingRows.of(readings[MACHINE].tolist(), exact(readings[TIME]), numbers(readings, contract()))
    count_readings(cells, rows, reference, plan(), axis, {})
    return FleetObservation(cells, events or no_events(), machine_kinds(contract(), machine_table() if machines is None
                                                                else machines))


def week(number: int) -> int:
    """Number of the window of a week after the first Monday."""
    axis = WindowAxis.parse("week")
    return int(axis.window_of(axis.slot_of(np.array([MONDAY.value // 1000])))[0]) + number
