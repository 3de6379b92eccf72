"""A large fleet: facts about columns are learned from some machines, all else from every machine."""

import numpy as np
import pandas as pd
import pytest
from tests import monitoring_frames as frames

from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.monitoring.limits.limit_material import Material
from oilcan.monitoring.reference import reference_assembling
from oilcan.monitoring.reference.reference_assembling import Accepted, assemble

MACHINES, A_PART = 24, 5


def _telemetry() -> pd.DataFrame:
    """One sensor counts up, at a pace of each machine; that of one stands still, and three machines pause."""
    readings = frames.telemetry(frames.WEEKS, machines=MACHINES)
    machine = readings[MACHINE].str[1:].astype(int).to_numpy()
    hours = readings.groupby(MACHINE).cumcount().to_numpy()
    readings["flow"] = np.where(machine == 7, 40.0, 1_000.0 + (machine + 1.0) * hours)
    paused = np.isin(machine, (3, 11, 19)) & (hours // 168 == 5)
    return readings[~paused].reset_index(drop=True)


def _assembled(monkeypatch: pytest.MonkeyPatch, most: int) -> tuple[WatchReference, Material]:
    monkeypatch.setattr(reference_assembling, "MOST_MACHINES", most)
    readings, machines = _telemetry(), frames.machine_table(MACHINES)
    ids = machines[MACHINE].to_numpy()
    parts = [readings[readings[MACHINE].isin(ids[at:at + A_PART])] for at in range(0, MACHINES, A_PART)]
    accepted = Accepted(lambda: parts, len(readings), machines, frames.no_events(), None,
                        int(exact(readings[TIME]).min()), int(exact(readings[TIME]).max()) + 1)
    return assemble(frames.contract(), frames.plan(), accepted, frames.rules(), {"data/canonical": "0" * 32})


def test_what_belongs_to_one_machine_comes_from_every_machine(monkeypatch):
    whole, _ = _assembled(monkeypatch, MACHINES)
    some, material = _assembled(monkeypatch, 8)
    assert some.machines == whole.machines
    assert len(some.machines) == MACHINES
    assert sorted(np.array(some.group_of)[[some.machines.index(name) for name in material.cells.machines]]) == \
        [0] * 4 + [1] * 4                                       # half of the sample from each model
    for name in ("centre", "raw_centre", "scale", "still", "pace", "edges"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name), err_msg=name)
    assert np.argwhere(some.still).tolist() == [[7, 1]]
    expected = 24.0 * (np.arange(MACHINES) + 1)
    expected[7] = 0.0
    np.testing.assert_allclose(some.pace[:, 1], expected)
    assert some.facts["silent"] == whole.facts["silent"] == 3
    assert some.facts["windows"] == whole.facts["windows"]


def test_what_describes_a_column_hardly_depends_on_the_machines_that_were_drawn(monkeypatch):
    whole, _ = _assembled(monkeypatch, MACHINES)
    some, _ = _assembled(monkeypatch, 12)
    assert [column.is_counter for column in some.columns] == [False, True]
    assert [column.is_counter for column in whole.columns] == [False, True]
    np.testing.assert_allclose(some.facts["usual_deviation"][0], whole.facts["usual_deviation"][0], rtol=0.3)
    assert [limits["machines"] for limits in some.facts["limits"]] == \
        [limits["machines"] for limits in whole.facts["limits"]]
