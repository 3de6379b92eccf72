"""Of a machine younger than its reference period the service says what the pipeline says, to the last bit."""

import numpy as np
import pandas as pd
from tests import online_frames as frames

from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.scoring.scorer import columns

DAYS, STEP = 20, 1.25                   # the reference period of the demo fleet is seven days


def test_forecasts_are_those_of_batch_while_window_and_normal_hold_the_same_readings(bundle, fleet):
    telemetry = fleet["telemetry"]
    days = (telemetry["time"] - telemetry.groupby("machine_id")["time"].transform("min")) / pd.Timedelta(days=1)
    young, days = telemetry[days < DAYS].reset_index(drop=True), days[days < DAYS].to_numpy()
    tables = Tables(telemetry=young, rows=young[["machine_id", "time"]],
                    **{name: fleet[name] for name in FLEET_TABLES})
    live = frames.Stream(bundle.plan, tables, bundle.contract, bundle.fill_periods, None)
    for table in frames.RECORDS:
        live.tell(table, np.arange(len(getattr(tables, table))))
    for day in np.arange(0, DAYS, STEP):
        live.send(np.flatnonzero((days >= day) & (days < day + STEP)))
        wanted = columns(bundle.fitted.forecasts, live.expected(0.0, live.records).astype(np.float32))
        found = columns(bundle.fitted.forecasts, live.engine.features(live.slots))
        for name, forecast in wanted.items():
            np.testing.assert_array_equal(found[name], forecast, err_msg=f"{name} after {day + STEP} days")
