"""The tables of a fleet as they were known at a moment of the past."""

from collections.abc import Mapping

import pandas as pd

from oilcan.ground.columns import MACHINE, TIME

_ENDS = ["first_time", "last_time"]


def known_before(tables: Mapping[str, pd.DataFrame], moment: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Canonical tables with nothing from `moment` on; machines without a reading before it are left out.

    First and last reading of each machine are counted again, so that nothing tells how long it went on.

    Parameters
    ----------
    tables
        telemetry, machines and others by name; tables without a time are passed on.

    Examples
    --------
    >>> day = pd.Timestamp("2024-05-01", tz="UTC")
    >>> telemetry = pd.DataFrame({"machine_id": ["a", "a", "b"], "time": pd.date_range(day, periods=3)})
    >>> machines = pd.DataFrame({"machine_id": ["a", "b"]})
    >>> known = known_before({"telemetry": telemetry, "machines": machines}, day + pd.Timedelta(days=1))
    >>> known["machines"].astype(str).values.tolist()
    [['a', '2024-05-01 00:00:00+00:00', '2024-05-01 00:00:00+00:00']]
    """
    cut = {name: frame[frame[TIME] < moment].reset_index(drop=True) if TIME in frame else frame
           for name, frame in tables.items() if name != "machines"}
    ends = cut["telemetry"].groupby(MACHINE)[TIME].agg(first_time="min", last_time="max").reset_index()
    machines = tables["machines"]
    kept = machines.drop(columns=[name for name in _ENDS if name in machines])
    return {**cut, "machines": kept.merge(ends, on=MACHINE, how="inner")}
