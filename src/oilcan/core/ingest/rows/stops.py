"""Telemetry rows of a stopped machine: those inside a failure or a maintenance job that has an end (`until`)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from oilcan.ground.columns import MACHINE, TIME, UNTIL

INSIDE = "inside a stop"


def inside_stops(
    telemetry: pd.DataFrame, failures: pd.DataFrame | None, maintenance: pd.DataFrame | None
) -> np.ndarray:
    """Rows strictly between the time of an event and its `until`, as a mask.

    A failure whose `until` is missing has not ended: its stop lasts to the machine's next failure,
    or to the end of its record. A maintenance job without `until` is an event, no stop.

    Parameters
    ----------
    telemetry
        Canonical, sorted by machine and time.
    failures, maintenance
        Canonical events, with or without a column `until`.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": ["a"] * 5, "time": [1, 2, 3, 4, 5]})
    >>> failed = pd.DataFrame({"machine_id": ["a", "a"], "time": [1, 4], "until": [3, None]})
    >>> inside_stops(rows, failed, None).tolist()
    [False, True, False, False, True]
    """
    spans = [_spans(failures, open_ended=True), _spans(maintenance, open_ended=False)]
    return _between(telemetry, [span for span in spans if span is not None])


def _spans(events: pd.DataFrame | None, *, open_ended: bool) -> pd.DataFrame | None:
    """Machine, first and last exact time of each stop; the last is open where it is unknown."""
    if events is None or UNTIL not in events or events.empty:
        return None
    first = _exact(events[TIME])
    known = events[UNTIL].notna().to_numpy()
    last = np.where(known, _exact(events[UNTIL].where(known, events[TIME])), np.iinfo(np.int64).max)
    spans = pd.DataFrame({"machine": events[MACHINE].to_numpy(dtype=object), "first": first, "last": last})
    if not open_ended:
        return spans[known]
    spans = spans.sort_values(["machine", "first"], kind="stable")
    following = spans.groupby("machine", sort=False)["first"].shift(-1)
    is_open = spans["last"] == np.iinfo(np.int64).max
    spans.loc[is_open & following.notna(), "last"] = following[is_open & following.notna()].astype("int64")
    return spans


def _between(telemetry: pd.DataFrame, spans: Sequence[pd.DataFrame]) -> np.ndarray:
    mask = np.zeros(len(telemetry), dtype=bool)
    if not spans:
        return mask
    machine, time = telemetry[MACHINE], _exact(telemetry[TIME])
    codes = pd.factorize(machine)[0]
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    bounds = dict(zip(machine.iloc[starts], zip(starts, [*starts[1:], len(machine)], strict=True), strict=True))
    for span in pd.concat(spans).itertuples():
        first, last = bounds.get(span.machine, (0, 0))
        low = first + np.searchsorted(time[first:last], span.first, side="right")
        high = first + np.searchsorted(time[first:last], span.last, side="left")
        mask[low:high] = True
    return mask


def _exact(time: pd.Series) -> np.ndarray:
    if isinstance(time.dtype, pd.DatetimeTZDtype):
        return time.dt.as_unit("us").astype("int64").to_numpy()
    return time.to_numpy(dtype="float64").round().astype("int64")
