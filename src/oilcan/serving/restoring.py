"""A track brought up to date: snapshots first, then every reading and record since, from the store."""

from typing import Final

from oilcan.errors import IntegrityError
from oilcan.io.stores import Store
from oilcan.io.stores.base import RECORD_TABLES, Changes, Cursor
from oilcan.serving.track import Track

_PAGE: Final = 20_000           # readings and records replayed at a time


def restore(track: Track, store: Store) -> Cursor:
    """Load the snapshots of a track and replay what came after; up to where it was read."""
    track.register(store.machines())
    saved = store.snapshots.load(track.engine)
    told = store.settings.get(f"upto {track.engine}")
    cursor = Cursor() if told is None else Cursor.from_text(told)
    if saved:
        try:
            track.features.load_many(track.features.register(list(saved)), [each.state for each in saved.values()])
        except IntegrityError:          # written by another version: all of it is derived again
            cursor = Cursor()
    return follow(track, store, cursor)


def follow(track: Track, store: Store, cursor: Cursor) -> Cursor:
    """Take in everything committed after a cursor; rows met again change nothing."""
    more = True
    while more:
        page = store.changes(cursor, limit=_PAGE)
        take_in(track, page)
        cursor, more = page.cursor, page.more
    return cursor


def take_in(track: Track, page: Changes) -> None:
    """Take in what was stored: the records first, for a repair that is told long after it begins no new life."""
    for table in RECORD_TABLES:
        rows = [record for record in page.records if record.table == table]
        if rows:
            track.note(table, rows)
    track.take(page.readings)
