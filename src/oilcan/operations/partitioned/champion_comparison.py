"""The champion re-scored on a new model's test rows, and compared with it, if that is fair."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oilcan.contract import Contract
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.model.fitted import NUMBER
from oilcan.governance.compare import against_champion
from oilcan.governance.event_comparison import Alarms
from oilcan.governance.fair_comparison import fairness
from oilcan.governance.gate_findings import Check, Comparison, NotCompared
from oilcan.ground.columns import KEY, PART, TARGET
from oilcan.io.batches.split_file import SplitFile
from oilcan.io.stage import table_files
from oilcan.operations.partitioned.champion_forecasts import champion_forecasts
from oilcan.params.compute import ComputeParams
from oilcan.params.operating.gate_policy import GatePolicy
from oilcan.params.stages.review import ReviewParams


@dataclass(frozen=True)
class Compared:
    """Whether champion and challenger may be compared on these rows, and by how much they differ."""

    fairness: Sequence[Check]
    comparisons: Sequence[Comparison | NotCompared]


def compared(contract: Contract, judged: Bundle, champion: Bundle | None, prepared: Path, predictions: Path, *,
             policy: GatePolicy, params: ReviewParams, compute: ComputeParams) -> Compared:
    """Every comparison that the policy asks for; none without a champion, or where it would not be fair.

    Parameters
    ----------
    judged
        The challenger's bundle.
    prepared, predictions
        Folder of the pipeline, and the file of the challenger's forecasts.
    """
    forecasts = SplitFile(predictions)          # a missing or damaged file is named without a champion, too
    if champion is None:
        return Compared((), ())
    test = forecasts.read("test", _compared_columns(contract, forecasts.columns))
    conditions = fairness(champion, contract, test)
    if not all(check.passed for check in conditions):
        return Compared(conditions, ())
    rescored = champion_forecasts(champion, prepared, compute)
    tables = table_files.read_tables(prepared, ("machines", "judged_failures"))
    machines = tables["machines"]
    alarms = Alarms(tables["judged_failures"], machines, judged.fitted.policies(), champion.fitted.policies())
    return Compared(conditions, against_champion(contract, test, machines, rescored, params, policy, alarms))


def _compared_columns(contract: Contract, columns: Sequence[str]) -> list[str]:
    """Key, part, and target and forecasts of each task, without what else predictions say of a row."""
    task = "|".join(map(re.escape, contract.tasks))
    wanted = re.compile(rf"(?:{TARGET}|p_|rul_|{NUMBER})(?:{task})(?:__.*)?")      # of its modes and classes, too
    return [name for name in columns if name in (*KEY, PART) or wanted.fullmatch(name)]
