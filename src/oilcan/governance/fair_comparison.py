"""May champion and challenger be compared on these rows at all?

Not on rows that the champion has learned from: it knows their outcomes. Not where columns that it reads have changed
their type or unit: it would read other numbers than it learned.
"""

from collections.abc import Iterator
from typing import Protocol

import pandas as pd

from oilcan.contract import Contract
from oilcan.core.bundle.learned_rows import LearnedRows
from oilcan.core.features.plan import FeaturePlan
from oilcan.governance.gate_findings import Check
from oilcan.ground.columns import PART


class Reigning(Protocol):
    """What must be known of a champion: a bundle has all of it."""

    @property
    def contract(self) -> Contract:
        """The contract that it was made by."""

    @property
    def plan(self) -> FeaturePlan:
        """The features that it reads."""

    @property
    def learned(self) -> LearnedRows:
        """The rows that it has learned from."""


def fairness(champion: Reigning, contract: Contract, rows: pd.DataFrame) -> list[Check]:
    """The conditions of a fair comparison; the comparison may be made if all of them passed.

    Parameters
    ----------
    rows
        Key and part of all rows of the challenger's data, as in data/predictions.
    """
    test = rows[rows[PART] == "test"]
    seen = int(champion.learned.cover(test).sum())
    return [
        Check("champion, rows it has not learned from", seen == 0,
              f"it has learned from {seen:,} of {len(test):,} test rows, or from later ones of their machines",
              "none of them: choose a later test part (split.test)", "hold"),
        Check("champion, same data set", champion.contract.name == contract.name, champion.contract.name,
              contract.name, "hold"),
        *_same_columns(champion, contract),
    ]


def _same_columns(champion: Reigning, contract: Contract) -> Iterator[Check]:
    """Type and unit of every telemetry column that the champion reads; asked where the contract has a new version."""
    before, now = champion.contract, contract
    if (before.name, before.version) == (now.name, now.version):
        return
    read = {feature.sensor for feature in champion.plan.features}
    units = [{name: (column.type, column.unit) for name, column in each.tables["telemetry"].columns.items()}
             if "telemetry" in each.tables else {} for each in (before, now)]
    changed = sorted(name for name in read & units[0].keys() if units[0][name] != units[1].get(name))
    yield Check(f"champion, contract version {before.version} against {now.version}", not changed,
                f"changed or gone: {', '.join(changed) or 'no column that it reads'}",
                "the type and unit of every column that the champion reads", "hold")
