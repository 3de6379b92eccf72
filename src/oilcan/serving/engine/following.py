"""The features brought up to date from the store: snapshots first, then the entries of the log that came after."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from oilcan.core.online import LATE, NEW, TOO_LATE
from oilcan.ground.errors import StoreError, StoreUnavailable
from oilcan.io.stores import Store
from oilcan.io.stores.log_entries import Cursor, Entry
from oilcan.io.stores.values import RECORD_TABLES, Machine, Readings
from oilcan.serving.engine.bundle_track import BundleTrack

NOT_TAKEN: Final = 255
_CHANGES: Final = (NEW, LATE)


def restore(track: BundleTrack, store: Store) -> tuple[Cursor, set[str]]:
    """Load the snapshots of a track; up to where all is in its features, and which machines have to be saved again.

    A snapshot that is damaged, of another machine, plan or version counts for nothing: its machine is made again from
    its readings. So is everything if the cursor cannot be read.
    """
    cursor = cursor_of(store, store.settings.get(f"upto {track.engine}")) or Cursor()
    machines = machines_at(store, cursor)
    track.register(machines)
    saved = store.snapshots.load(track.engine)
    doubtful = track.load({name: each.state for name, each in saved.items()})
    if doubtful and cursor.number:
        follow(track, store, Cursor(), until=cursor, only=doubtful)
    track.register(machines)            # once more: their static columns may have changed since the snapshots
    return cursor, doubtful


def cursor_of(store: Store, text: object) -> Cursor | None:
    """The cursor of a text that was kept as a setting; None if it is not one of this log."""
    try:
        cursor = Cursor.from_text(text)
        store.changes(cursor, limit=1)
    except StoreUnavailable:
        raise
    except StoreError:
        return None
    return cursor


def machines_at(store: Store, cursor: Cursor) -> list[Machine]:
    """Machines with the static columns that they had at an entry; later ones come with the entries after it."""
    return [each if each.changed <= cursor.number else replace(each, static={}) for each in store.machines()]


def follow(track: BundleTrack, store: Store, cursor: Cursor, *, until: Cursor | None = None,
           only: set[str] | None = None) -> tuple[Cursor, set[str]]:
    """Take entries after a cursor into the features; the last entry taken, and its machines.

    Parameters
    ----------
    until
        The last entry to be taken; the last of the log where not given.
    only
        Machines; all where not given.
    """
    met: set[str] = set()
    while True:
        page = store.changes(cursor)
        entries = [each for each in page.entries if until is None or each.cursor.number <= until.number]
        for entry in in_runs(entries):
            take_in(track, entry if only is None else entry_of(entry, only))
            met |= machines_of(entry)
        if not entries:
            return cursor, met
        cursor = entries[-1].cursor
        if len(entries) < len(page.entries) or not page.more:
            return cursor, met


def take_in(track: BundleTrack, entry: Entry) -> np.ndarray:
    """Take an entry into the features; what became of each reading.

    The records come first: a repair that arrives together with later readings begins a new life.
    """
    if entry.machines:
        track.register([Machine(name, dict(columns), 0, None) for name, columns in entry.machines.items()])
    for table in RECORD_TABLES:
        rows = [record for record in entry.records if getattr(record, "table", None) == table]
        if rows:
            track.note(table, rows)
    return track.take(entry.readings)


def brought_to(track: BundleTrack, running: Sequence[BundleTrack | None], store: Store, cursor: Cursor, until: Cursor
               ) -> BundleTrack:
    """A track at an entry of the log: with the features of one that runs and wants the same, else after following.

    Parameters
    ----------
    running
        Tracks that are at `until`.
    cursor
        Up to where the track's own features are.
    """
    for other in running:
        if other is not None and other.shares(track.served):
            return track.afresh(other.features)
    follow(track, store, cursor, until=until)
    return track


def begun_again(track: BundleTrack | None, active: BundleTrack, store: Store, until: Cursor) -> BundleTrack | None:
    """A challenger made anew from the store, at the entry where `active` is; None for none."""
    if track is None:
        return None
    if track.shares(active.served):
        return track.afresh(active.features)
    track = track.afresh()
    follow(track, store, restore(track, store)[0], until=until)
    return track


def in_runs(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The same entries, neighbours joined where that makes no difference to the features.

    It makes none while there are readings alone, each newer than all of its machine before it in the run.
    """
    run: list[Entry] = []
    newest: dict[str, int] = {}
    for entry in entries:
        oldest, latest = _extent(entry.readings)
        if entry.records or entry.machines or any(oldest[name] <= newest[name] for name in oldest.keys() & newest):
            yield from _joined(run)
            run, newest = [], {}
        run.append(entry)
        newest |= latest
        if entry.records or entry.machines:
            yield from _joined(run)
            run, newest = [], {}
    yield from _joined(run)


def machines_of(entry: Entry) -> set[str]:
    """Machines of its readings and records, and those that it describes."""
    return {*entry.readings.machine_ids, *(record.machine_id for record in entry.records), *entry.machines}


def entry_of(entry: Entry, names: set[str]) -> Entry:
    """The part of an entry about some machines."""
    readings = entry.readings
    rows = [at for at, name in enumerate(readings.machine_ids) if name in names]
    return Entry(entry.cursor, entry.before, {name: each for name, each in entry.machines.items() if name in names},
                 [record for record in entry.records if record.machine_id in names],
                 Readings([readings.machine_ids[at] for at in rows], readings.times[rows], readings.values[rows]),
                 entry.received_at)


def changed(status: np.ndarray) -> np.ndarray:
    """Which readings changed the features of their machine, bool."""
    return np.isin(status, _CHANGES)


def too_late(status: np.ndarray) -> np.ndarray:
    """Which readings came too late for the features, bool."""
    return status == TOO_LATE


def _extent(readings: Readings) -> tuple[dict[str, int], dict[str, int]]:
    """Oldest and newest reading of each machine."""
    oldest: dict[str, int] = {}
    newest: dict[str, int] = {}
    for name, time in zip(readings.machine_ids, readings.times.tolist(), strict=True):
        oldest[name] = min(time, oldest.get(name, time))
        newest[name] = max(time, newest.get(name, time))
    return oldest, newest


def _joined(run: list[Entry]) -> Iterator[Entry]:
    if len(run) < 2:
        yield from run
        return
    parts = [entry.readings for entry in run]
    yield Entry(run[-1].cursor, run[0].before, {}, [], Readings(
        [name for part in parts for name in part.machine_ids], np.concatenate([part.times for part in parts]),
        np.concatenate([part.values for part in parts])), run[-1].received_at)
