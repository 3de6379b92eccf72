"""Does each part of the split have enough outcomes for its tasks? Told from counts of its rows."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.prepare.outcomes import STATED
from oilcan.core.prepare.splits import PARTS
from oilcan.ground.columns import MACHINE, PART, TARGET
from oilcan.ground.errors import DataError, bullet_list


@dataclass(frozen=True)
class PartCounts:
    """Counts of labelled rows by part, added up over partitions of machines.

    Attributes
    ----------
    counts
        Part -> rows, machines, and censored and positive targets by column, as `prepare.json` has them.
    ends
        Lowest and highest known target by part and task; tasks without a known one are missing.
    """

    contract: Contract
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {part: Counter() for part in PARTS})
    ends: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def add(self, rows: pd.DataFrame) -> None:
        """Count all rows of some machines more, as `label_rows` gives them."""
        for part, counts in self.counts.items():
            of_part = rows[rows[PART] == part]
            counts |= {name: counts[name] + more for name, more in (("rows", len(of_part)),
                                                                    ("machines", int(of_part[MACHINE].nunique())))}
            for column in (name for name in of_part if str(name).startswith(TARGET)):
                name = column.removeprefix(TARGET)
                task = name.partition("__")[0]
                counts[f"censored_{column}"] += int(of_part[column].isna().sum())
                if self.contract.tasks[task].kind in {"failure_within", "label"} or "__" in name:
                    counts[f"positive_{column}"] += int((of_part[column] == 1).sum())
                known = of_part[column].to_numpy(dtype=np.float64)
                known = known[~np.isnan(known)]
                if name == task and len(known):
                    low, high = self.ends.get((part, task), (np.inf, -np.inf))
                    self.ends[part, task] = min(low, float(known.min())), max(high, float(known.max()))

    def as_json(self) -> dict[str, dict[str, int]]:
        """Rows, machines and known, positive and censored targets of each part."""
        return {part: dict(counts) for part, counts in self.counts.items()}

    def check(self) -> None:
        """Refuse parts that cannot carry a task: no rows, one class only, no life that ended.

        Raises
        ------
        DataError
            All such parts at once, with counts and what to change.
        """
        faults = [fault for part in PARTS for fault in self._faults(part)]
        if faults:
            raise DataError(bullet_list("split: parts cannot carry the tasks", faults))

    def _faults(self, part: str) -> list[str]:
        counts, remedy = self.counts[part], _remedy(self.contract, part)
        if not counts["rows"]:
            return [f"{part}: no rows. {remedy}"]
        faults = []
        for name, task in self.contract.tasks.items():
            low, high = self.ends.get((part, name), (np.inf, -np.inf))
            censored = counts[f"censored_{TARGET}{name}"]
            known, hits = counts["rows"] - censored, counts[f"positive_{TARGET}{name}"]
            if task.kind == "rul" and not known:
                faults.append(f"{part}: no life that ended for task {name!r} (found 0 of {counts['rows']:,} rows with "
                              f"a known remaining life). {remedy}")
            elif task.kind in STATED and not low < high:
                faults.append(f"{part}: one {task.kind} only for task {name!r} (found {min(known, 1)} different "
                              f"values in {known:,} rows with a known outcome). {remedy}")
            elif task.kind not in {"rul", *STATED} and not low < high:
                faults.append(f"{part}: one class only for task {name!r} (found {hits:,} positive and "
                              f"{known - hits:,} negative rows, {censored:,} censored; wanted both). {remedy}")
        return faults


def _remedy(contract: Contract, part: str) -> str:
    if contract.split.by == "time":
        return "Move split.validation or split.test in the contract so that failures fall into this part."
    if part == "test" and contract.split.by == "given":
        return "Check tables.telemetry.test_files and failures.test_rul_files in the contract."
    return (f"Raise split.{part if part != 'train' else 'validation'} in the contract (lower it for train), "
            f"or change prepare.seed in params.yaml.")
