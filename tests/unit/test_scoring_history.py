"""What the batch door of scoring fixes before it forecasts."""

from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.core.quality.readings import checked_sensors
from oilcan.io.stage import stage_inputs
from oilcan.scoring.history import within_range

CONTRACT = stage_inputs.read_contract(Path(__file__).parents[2] / "datasets/demo_fleet.yaml")


def test_readings_outside_the_physical_range_are_missing_and_counted():
    low, high = CONTRACT.tables["telemetry"].columns["vibration_mm_s"].range
    given = [low, low - 1, np.nan, high, high + 1]
    telemetry = pd.DataFrame({"machine_id": "M1", "time": pd.date_range("2025", periods=5, freq="h", tz="UTC")})
    telemetry = telemetry.assign(**(dict.fromkeys(checked_sensors(CONTRACT), np.nan) | {"vibration_mm_s": given}))
    kept, count = within_range(telemetry, CONTRACT)
    assert count == 2
    np.testing.assert_array_equal(kept["vibration_mm_s"], [low, np.nan, np.nan, high, np.nan])
    np.testing.assert_array_equal(telemetry["vibration_mm_s"], given)
