"""A store against a dictionary: whatever is sent, in whatever batches, both say the same."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oilcan.io.stores import open_store
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.log_entries import Cursor
from oilcan.io.stores.values import Readings

PLAIN = Layout("press_line", 1, "cycle", ("load",), ("%",), period=2)
rows = st.tuples(st.sampled_from("abc"), st.one_of(st.integers(-5, 40), st.integers(-(2**63), 2**63 - 1)),
                 st.sampled_from([0.0, 1.0, float("nan")]))
batches = st.lists(st.lists(rows, max_size=12), max_size=5)


def told(model: dict[tuple[str, int], float | None], batch: list[tuple[str, int, float]]) -> list[str]:
    """What becomes of each row, by the dictionary."""
    said = []
    for machine, time, value in batch:
        there = model.setdefault((machine, time), None)
        said.append("new" if there is None else "same" if repr(there) == repr(value) else "conflict")
        model[machine, time] = value if there is None else there
    return said


@settings(max_examples=60, deadline=None)
@given(batches, st.integers(1, 9))
def test_a_store_is_a_dictionary_by_machine_and_time(batches, limit):
    model: dict[tuple[str, int], float | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'service.db'}")
        store.use_layout(PLAIN, 0)
        for batch in batches:
            said = store.append(Readings([row[0] for row in batch], np.array([row[1] for row in batch], dtype=np.int64),
                                         np.array([[row[2]] for row in batch]).reshape(len(batch), 1)), 0)
            assert told(model, batch) == ["new" if new else "conflict" if conflict else "same"
                                          for new, conflict in zip(said.is_new, said.is_conflict, strict=True)]
        for machine in "abc":
            wanted = sorted((time, repr(value)) for (name, time), value in model.items() if name == machine)
            found = store.readings(machine)
            assert list(zip(found.times.tolist(), map(repr, found.values[:, 0].tolist()), strict=True)) == wanted
            assert store.readings(machine, limit=limit).times.tolist() == [time for time, _ in wanted[-limit:]]
            between = store.readings(machine, since=0, until=20).times.tolist()
            assert between == [time for time, _ in wanted if 0 <= time < 20]
        assert followed(store, limit) == sorted(model)
        store.close()


def followed(store, limit: int) -> list[tuple[str, int]]:
    """Keys of all changes, page by page; a repetition would show."""
    keys, cursor = [], Cursor()
    while (page := store.changes(cursor, limit)).cursor != cursor:
        cursor = page.cursor
        keys += zip(page.readings.machine_ids, page.readings.times.tolist(), strict=True)
    return sorted(keys)
