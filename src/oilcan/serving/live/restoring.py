"""A track brought up to date: snapshots first, then every reading and record since, from the store."""

from typing import Final

from oilcan.ground.errors import IntegrityError
from oilcan.io.stores import Store
from oilcan.io.stores.values import RECORD_TABLES, Changes, Cursor
from oilcan.serving.live.bundle_track import Track

_PAGE: Final = 20_000           # readings and records replayed at a time


def restore(track: Track, store: Store) -> tuple[Cursor, set[str]]:
    """Load the snapshots of a track and replay what came after; up to where, and which machines a snapshot lacks."""
    machines = store.machines()
    track.register(machines)
    saved = store.snapshots.load(track.engine)
    told = store.settings.get(f"upto {track.engine}")
    cursor = Cursor() if told is None else Cursor.from_text(told)
    refused: set[str] = set()
    if saved:
        try:
            track.features.load_many(track.features.register(list(saved)), [each.state for each in saved.values()])
        except IntegrityError:          # written by another version: all of it is derived again
            cursor, refused = Cursor(), set(saved)
        track.register(machines)        # once more: static columns may be newer than the snapshots
    del saved                           # before rows are replayed: both are large
    cursor, met = follow(track, store, cursor)
    return cursor, met | refused


def follow(track: Track, store: Store, cursor: Cursor) -> tuple[Cursor, set[str]]:
    """Take in everything committed after a cursor: up to where, and of which machines.

    Rows met again change nothing.
    """
    met: set[str] = set()
    more = True
    while more:
        page = store.changes(cursor, limit=_PAGE)
        take_in(track, page)
        met |= machines_of(page)
        cursor, more = page.cursor, page.more
    return cursor, met


def machines_of(page: Changes) -> set[str]:
    """Machines of readings and records."""
    return {*page.readings.machine_ids, *(record.machine_id for record in page.records)}


def take_in(track: Track, page: Changes) -> None:
    """Take in what was stored: the records first, for a repair that is told long after it begins no new life."""
    for table in RECORD_TABLES:
        rows = [record for record in page.records if record.table == table]
        if rows:
            track.note(table, rows)
    track.take(page.readings)
