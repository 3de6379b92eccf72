"""Rows about every machine of the fleet: `all_machines` of a table."""

import numpy as np
import pandas as pd

from oilcan.core.ingest.cleaned import Cleaned
from oilcan.ground.columns import MACHINE


def copy_to_all(table: Cleaned, machines: list[str], key: list[str]) -> None:
    """Replace each row about every machine by one row for each machine, sorted by `key` again.

    A copy that has the key of a row of the machine's own is left out: that row says more.

    Parameters
    ----------
    table
        Cleaned and sorted.
    machines
        Those of the telemetry.
    """
    is_general = table.for_all[table.position] if len(table.for_all) else np.zeros(len(table.frame), dtype=bool)
    if not is_general.any():
        return
    general, own = table.frame[is_general], table.frame[~is_general]
    copies = general.loc[general.index.repeat(len(machines))].assign(**{MACHINE: machines * len(general)})
    position = np.r_[table.position[~is_general], np.repeat(table.position[is_general], len(machines))]
    frame = pd.concat([own, copies.astype({MACHINE: own[MACHINE].dtype})], ignore_index=True)
    is_first = ~frame.duplicated(key, keep="first")
    frame, position = frame[is_first], position[is_first.to_numpy()]
    order = frame.reset_index(drop=True).sort_values(key, kind="stable").index.to_numpy()
    table.copies = int(is_first.to_numpy()[len(own):].sum())
    table.frame, table.position = frame.iloc[order].reset_index(drop=True), position[order]
    table.is_test = np.zeros(len(order), dtype=bool)
