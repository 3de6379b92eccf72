"""Which columns know the label too well? Suspects of a leak, for a person to look at before training."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import stats

from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.core.exploration.pitfalls import Pitfall
from oilcan.core.exploration.warnings.warning_signs import ModeSigns
from oilcan.core.phrasing.quantities import percent
from oilcan.ground.columns import MACHINE

TOO_WELL: Final = 0.98          # area under the ROC curve, or share of machines classified right, by a single column
_FEWEST: Final = 10             # failures, rows or machines on each side
_KNOWN: Final = frozenset({MACHINE, "first_time", "last_time", "is_test"})
_ASK: Final = ("Ask when it is written. If only at or after the failure, give it `role: ignore`, or leave it out of "
               "the contract.")


def sensors_that_jump(fleet: FleetRecord, modes: list[ModeSigns]) -> list[Pitfall]:
    """Sensors that tell failures from matched times almost perfectly in the last bin, and not before."""
    return [
        Pitfall("knows the label too well", f"{fleet.describe(sign.sensor)[0]} ({sign.sensor})",
                f"before {mode.mode} it tells {percent(sign.separation)} of pairs of a failure and a quiet time apart "
                f"in the last {fleet.length(float(mode.aligned.edges[1]))}, and nothing earlier", _ASK)
        for mode in modes if mode.failures >= _FEWEST
        for sign in mode.sensors if sign.separation >= TOO_WELL and sign.lead <= mode.aligned.edges[1]
    ]  # fmt: skip


def columns_of_rows(fleet: FleetRecord, labels: Mapping[str, dict[str, Any]]) -> list[Pitfall]:
    """Columns of independent rows that rank the label almost perfectly, or of which one value always means it."""
    return [
        Pitfall("knows the label too well", f"{fleet.describe(row['column'])[0]} ({row['column']})",
                f"by itself it ranks {percent(max(row['auc'], 1 - row['auc']))} of pairs of rows with and without "
                f"{name} right" if _area(row) >= TOO_WELL else
                f"each of the {row['pure_rows']:,} rows with {row['column']} = {row['pure_value']:g} carries {name}",
                _ASK)
        for name, label in labels.items() for row in label["columns"]
        if _area(row) >= TOO_WELL or row["pure_rows"] >= _FEWEST
    ]  # fmt: skip


def _area(row: Mapping[str, Any]) -> float:
    return float(max(row["auc"], 1 - row["auc"]))


def columns_of_machines(fleet: FleetRecord) -> list[Pitfall]:
    """Columns of the table of machines that tell those that failed from those that did not."""
    machines = fleet.machines[fleet.machines[MACHINE].isin(fleet.known_until.index)]
    fails = machines[MACHINE].isin(fleet.failures[MACHINE]).to_numpy() if len(fleet.failures) else np.zeros(0, bool)
    if min(fails.sum(), (~fails).sum()) < _FEWEST:
        return []
    found = []
    for name in (name for name in machines.columns if name not in _KNOWN):
        share = max(_told_by_value(machines[name], fails), _told_by_value(machines[name].isna(), fails))
        if share >= TOO_WELL:
            found.append(Pitfall("knows the label too well", f"machines: {name}",
                                 f"by itself it tells {percent(share)} of the machines that failed from those that did "
                                 f"not", _ASK))
    return found


def _told_by_value(column: pd.Series, fails: np.ndarray) -> float:
    """Area under the ROC curve of numbers and instants; share classified right by the majority of each of few texts."""
    known = column.notna().to_numpy()
    if min((known & fails).sum(), (known & ~fails).sum()) < _FEWEST:
        return 0.0
    values = column[known]
    if values.dtype.kind in "Mifu":
        ranks = stats.rankdata(values.astype("int64") if values.dtype.kind == "M" else values)
        positive, failed = fails[known], int(fails[known].sum())
        area = (ranks[positive].sum() - failed * (failed + 1) / 2) / (failed * (len(positive) - failed))
        return float(max(area, 1 - area))
    if values.nunique() > len(values) / _FEWEST:
        return 0.0
    by = pd.crosstab(values.astype(str).to_numpy(), fails[known])
    return float(by.max(axis=1).sum() / by.to_numpy().sum()) if by.sum().max() < 0.9 * by.to_numpy().sum() else 0.0
