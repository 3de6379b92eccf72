"""A track brought up to date: snapshots first, then every reading and record since, from the store."""

from collections.abc import Sequence
from typing import Final

from oilcan.errors import IntegrityError
from oilcan.io.stores import Store
from oilcan.io.stores.base import RECORD_TABLES, Cursor, StoredRecord
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
        if len(page.readings):
            track.take(page.readings)
        note_all(track, page.records)
        cursor, more = page.cursor, page.more
    return cursor


def note_all(track: Track, records: Sequence[StoredRecord]) -> None:
    """Take in records of all tables."""
    for table in RECORD_TABLES:
        rows = [record for record in records if record.table == table]
        if rows:
            track.note(table, rows)
