"""What the numbers in a blob mean, now and in older rows.

Every reading keeps the number of the layout it was written in. A store holds one data set; a contract with other
columns gets a new layout, and older rows are read in the present one by the names of their columns.
"""

import json
from collections.abc import Sequence

import numpy as np

from oilcan.ground.errors import StoreError, bullet_list
from oilcan.io.stores.column_layout import Layout
from oilcan.io.stores.databases.database import Transaction


def enter(tx: Transaction, layout: Layout, where: str, now: int) -> int:
    """Number of a layout, made known to the store if it is new.

    Raises
    ------
    StoreError
        If the store holds another data set, counts time otherwise, or has a column in another unit.
    """
    columns, units = json.dumps(layout.columns), json.dumps(layout.units)
    key = (layout.dataset, layout.contract_version, layout.time, columns, units)
    wanted = "SELECT layout FROM layouts WHERE dataset = ? AND contract_version = ? AND time = ? AND columns = ? " \
             "AND units = ?"
    found = tx.rows(wanted, key)
    if not found:
        _refuse_another(tx, layout, where)
        tx.run("INSERT INTO layouts (dataset, contract_version, time, columns, units, created_at) "
               "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (*key, now))
        found = tx.rows(wanted, key)
    return int(found[0][0])


def _refuse_another(tx: Transaction, layout: Layout, where: str) -> None:
    breaches = set()
    units = dict(zip(layout.columns, layout.units, strict=True))
    for dataset, time, columns, old in tx.rows("SELECT dataset, time, columns, units FROM layouts"):
        if dataset != layout.dataset:
            breaches.add(f"it holds the data set {dataset!r} (wanted {layout.dataset!r})")
        elif time != layout.time:
            breaches.add(f"it counts time by {time!r} (wanted {layout.time!r})")
        breaches |= {f"its column {name!r} is in {unit!r} (wanted {units[name]!r})"
                     for name, unit in zip(json.loads(columns), json.loads(old), strict=True)
                     if units.get(name, unit) != unit}
    if breaches:
        raise StoreError(bullet_list(f"{where}: is the store of other data. Choose another store, or give the column "
                                     f"a new name", sorted(breaches)))


def decode(tx: Transaction, blobs: Sequence[bytes], layouts: np.ndarray, present: int, width: int) -> np.ndarray:
    """Blobs of any layouts as numbers in the present one; NaN where an old row lacks a column.

    Parameters
    ----------
    blobs, layouts
        Packed rows and the number of the layout of each, shape (n,).
    present, width
        Number of the layout wanted and how many columns it has.

    Returns
    -------
    float64, shape (n, width).
    """
    if not blobs or (layouts == present).all():
        return np.frombuffer(b"".join(blobs), dtype="<f8").reshape(len(blobs), width).astype(np.float64)
    names = {number: json.loads(columns) for number, columns in tx.rows("SELECT layout, columns FROM layouts")}
    values = np.full((len(blobs), width), np.nan)
    for number in np.unique(layouts).tolist():
        mine = np.flatnonzero(layouts == number)
        old = np.frombuffer(b"".join(blobs[at] for at in mine.tolist()), dtype="<f8").reshape(len(mine), -1)
        for target, name in enumerate(names[present]):
            if name in names[number]:
                values[mine, target] = old[:, names[number].index(name)]
    return values
