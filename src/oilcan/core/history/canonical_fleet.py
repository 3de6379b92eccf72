"""A drawn fleet as canonical tables, without the detour over files."""

import pandas as pd

from oilcan.core.simulate.partition import Fleet
from oilcan.ground.columns import ALARMS, MACHINE, MODE, TIME

_INSTANTS = (TIME, "commissioned")
_ORDER = [MACHINE, TIME]


def canonical_tables(fleet: Fleet) -> dict[str, pd.DataFrame]:
    """telemetry, errors, maintenance, failures, machines and an empty table of alarms, as `ingest` leaves them.

    Of readings that were sent twice the first one is kept. Personal columns are dropped.

    Examples
    --------
    >>> from oilcan.core.simulate import draw_fleet
    >>> fleet = draw_fleet(machines=2, days=3, seed=1, start="2024-01-01", horizon_h=72, lead_time_h=12)
    >>> sorted(canonical_tables(fleet))
    ['alarms', 'errors', 'failures', 'machines', 'maintenance', 'telemetry']
    """
    telemetry = _in_utc(fleet.telemetry).sort_values(_ORDER, kind="stable")
    telemetry = telemetry.drop_duplicates(_ORDER).reset_index(drop=True)
    ends = telemetry.groupby(MACHINE)[TIME].agg(first_time="min", last_time="max").reset_index()
    machines = _in_utc(fleet.machines.drop(columns="operator_name")).merge(ends, on=MACHINE).assign(is_test=False)
    events = {"errors": fleet.errors, "maintenance": fleet.maintenance,
              "failures": fleet.failures.rename(columns={"component": MODE})}
    ordered = {name: _in_utc(frame).sort_values(_ORDER, kind="stable", ignore_index=True)
               for name, frame in events.items()}
    return {"telemetry": telemetry, **ordered, "machines": machines,
            ALARMS: pd.DataFrame({MACHINE: pd.Series([], dtype="str"), TIME: telemetry[TIME].iloc[:0]})}


def _in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].dt.tz_localize("UTC").astype("datetime64[us, UTC]")
                           for name in _INSTANTS if name in frame})
