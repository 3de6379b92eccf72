"""Judge the windows of stored tables in order, and report what has changed."""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.timeline.groups import exact
from oilcan.ground.errors import DataError
from oilcan.ground.time_units import ELAPSED_UNITS, MICROSECONDS_PER_HOUR
from oilcan.monitoring.alerts.alert_book import AlertBook
from oilcan.monitoring.watch_report import WatchReport, report_on
from oilcan.monitoring.watching import FleetObservation, WindowJudge, slots_before
from oilcan.operations.watching.source_counts import Counted, count_source, observed
from oilcan.operations.watching.watched_model import Monitor
from oilcan.operations.watching.watched_tables import Source

NO_ROWS: Final = "no rows after the test part: nothing to watch. Set split.until in the contract to end the test part."
NOTHING: Final = {"state": "none", "open_alerts": 0, "alerts": 0, "drifted_sensors": 0,
                  "cost_per_machine_month_eur": None}


def exact_time(text: str, contract: Contract) -> int:
    """The exact time of a text of the contract or of a command."""
    if contract.time.kind == "elapsed":
        return round(float(text) * ELAPSED_UNITS[contract.time.unit])
    return int(text) if contract.time.kind == "cycle" else int(exact(pd.to_datetime(pd.Series([text]), utc=True))[0])


def end_of_test(contract: Contract) -> int | None:
    """Exact time from which rows are watched: `split.until`; None where the test part lasts to the end."""
    return None if contract.split.until is None else exact_time(contract.split.until, contract)


def watch_tables(watch: Monitor, source: Source, *, since: int | None, until: int | None, machines_at_once: int
                 ) -> WatchReport:
    """Judge all whole windows of a source from an exact time on.

    Parameters
    ----------
    since, until
        Exact times; None begins after the data that the model was accepted on, and ends with the last reading.

    Raises
    ------
    DataError
        If there is no whole window in between.
    """
    axis, reference = watch.axis, watch.reference
    begin = reference.last if since is None else since
    first = int(axis.window_of(axis.slot_of(np.array([begin + axis.slot - 1])))[0])
    first += int(axis.start(first) < begin)
    counted = count_source(watch, source, slots_before(axis, first, watch.rules), until, machines_at_once)
    last = axis.last_whole(counted.newest + axis.slot if until is None else until)
    if last < first:
        raise DataError(f"{source.name}: no whole window ({reference.window}) to judge between {axis.name(first)} and "
                        f"the last reading. Wait for more, or move --since or --until.")
    seen = observed(watch, source, counted, until)
    return judge(watch, counted, seen, first, last)


def judge(watch: Monitor, counted: Counted, seen: FleetObservation, first: int, last: int,
          watcher: WindowJudge | None = None) -> WatchReport:
    """Judge windows in order, from one to another.

    Parameters
    ----------
    watcher
        One that has drawn its limits before; made anew where not given.
    """
    book, arrivals = AlertBook(watch.rules.alerts), {window: counted.counts.arrivals.of(window)
                                                     for window in range(first, last + 1)}
    if counted.jumped:
        newest = arrivals[last]
        ahead_h = max(newest.ahead_h, *(each / MICROSECONDS_PER_HOUR for each in counted.jumped.values()))
        arrivals[last] = replace(newest, ahead=tuple(sorted({*newest.ahead, *counted.jumped})), ahead_h=ahead_h)
    watched = (watcher or watch.watcher()).windows(replace(seen, arrivals=arrivals), first, last)
    for each in watched:
        book.enter(each.window, each.findings, each.unknown)
    return report_on(watched, book, watch.reference, seen, watch.bundle.contract, watch.axis)
