"""Which sensors of a machine its forecast cannot rest on right now."""

import numpy as np
import pandas as pd
from tests import monitoring_frames as frames

from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.serving.watch.machine_faults import faults_now

END = frames.MONDAY + pd.Timedelta(weeks=2)


def test_a_sensor_is_named_with_the_day_since_which_it_gives_nothing_or_stands_still() -> None:
    readings = frames.telemetry(2, seed=3)

    def spoil(machine: str, column: str, value: float, *, last: float, until: float = 0.0) -> None:
        """Readings of the last days, up to so many days before the end."""
        age = (END - readings[TIME]) / pd.Timedelta(days=1)
        readings.loc[(readings[MACHINE] == machine) & (age <= last) & (age > until), column] = value

    spoil("m01", "heat", np.nan, last=3)
    spoil("m02", "flow", 50.0, last=2)
    spoil("m03", "flow", 50.0, last=4, until=1)         # moves again
    spoil("m04", "heat", np.nan, last=0.5)              # not a whole day
    spoil("m05", "flow", 50.0, last=1)                  # one day at rest is none
    spoil("m06", "heat", np.nan, last=6)                # then the machine itself is silent
    readings = readings[(readings[MACHINE] != "m06") | (readings[TIME] < END - pd.Timedelta(days=4))]
    spoil("m07", "heat", np.nan, last=30)               # since it first reported
    spoil("m07", "flow", 50.0, last=3)
    reference = frames.learned().reference
    found = faults_now(frames.observe(readings).cells, reference, WindowAxis.parse(reference.window))

    assert {name: [(each.sensor, each.fault, _days_before(each.since)) for each in faults]
            for name, faults in found.items()} == {
        "m01": [("heat", "silent", 3)], "m02": [("flow", "stuck", 2)], "m06": [("heat", "silent", 6)],
        "m07": [("heat", "silent", 14), ("flow", "stuck", 3)]}
    assert list(found) == sorted(found)


def _days_before(since: int) -> int:
    return int((exact(pd.Series([END]))[0] - since) / 86_400_000_000)
