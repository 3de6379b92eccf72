"""Champion and challenger by what their alarms would have done on the same rows: failures announced, alarms, cost.

Each model's own alarm policy reads its own probabilities. Both are counted against the same failures by the protocol of
`oilcan.core.judging.event_matching`, and resampled by the same machines.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms import crews
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import bootstrap, costs
from oilcan.core.judging.event_matching import Tally, WarningWindows, end_of_observation, lay_out
from oilcan.governance.gains import gain
from oilcan.governance.gate_findings import Comparison
from oilcan.ground import columns
from oilcan.ground.columns import MACHINE, PART, TARGET, TIME
from oilcan.params.operating.gate_policy import GatePolicy, MetricName
from oilcan.params.stages.review import ReviewParams


@dataclass(frozen=True)
class Alarms:
    """What is needed to replay both models' alarms.

    Attributes
    ----------
    failures, machines
        Canonical tables.
    challenger, champion
        Alarm policy by task, of each model.
    """

    failures: pd.DataFrame
    machines: pd.DataFrame
    challenger: dict[str, AlarmPolicy]
    champion: dict[str, AlarmPolicy]


def of_alarms(contract: Contract, task: str, predictions: pd.DataFrame, champion: pd.DataFrame, alarms: Alarms,
              policy: GatePolicy, params: ReviewParams) -> Iterator[Comparison]:
    """Comparisons of the events and the cost of one task; nothing where a model has no alarm policy for it.

    Parameters
    ----------
    predictions, champion
        Forecasts of the challenger for all rows, and of the champion for the test rows, as in `compare`.
    """
    spec = contract.tasks[task]
    if (spec.kind != "failure_within" or task not in alarms.challenger or task not in alarms.champion
            or spec.lead_time is None or spec.horizon is None):
        return
    test = predictions[predictions[PART] == "test"].reset_index(drop=True)
    windows = lay_out(test[MACHINE], columns.ticks(test[TIME]), alarms.failures, float(spec.lead_time.ticks),
                      float(spec.horizon.ticks), end_of_observation(alarms.machines, test[MACHINE]))
    windows = windows.judged_where(test[f"{TARGET}{task}"].notna().to_numpy())
    crew = crews.crews(contract, alarms.machines, test[MACHINE])
    new = _tally(windows, alarms.challenger[task], test[f"p_{task}"], crew)
    old = _tally(windows, alarms.champion[task], champion[f"p_{task}"], crew)
    machines = len(windows.machines)
    weights = np.vstack([np.ones(machines), bootstrap.multiplicities(machines, params.bootstrap, params.seed)])
    found: dict[MetricName, tuple[np.ndarray, np.ndarray]] = {
        "detected_share": (_detected(new, weights), _detected(old, weights)),
        "false_alarms": (_false(new, weights), _false(old, weights)),
        "cost": (_cost(new, contract, weights), _cost(old, contract, weights)),
    }
    for metric, (challenger, reigning) in found.items():
        line = policy.line(metric)
        if line is not None and line.tolerated is not None and np.isfinite([challenger[0], reigning[0]]).all():
            yield gain(line, challenger, reigning, "test part")


def _tally(windows: WarningWindows, policy: AlarmPolicy, p: pd.Series, crew: np.ndarray | None) -> Tally:
    return windows.tally(windows.alarms(policy, p.to_numpy(np.float64), crew).onset)


def _detected(tally: Tally, weights: np.ndarray) -> np.ndarray:
    return bootstrap.ratio(weights @ tally.detected, weights @ tally.n_failures)


def _false(tally: Tally, weights: np.ndarray) -> np.ndarray:
    return bootstrap.ratio(weights @ tally.false_alarms, weights @ tally.exposure)


def _cost(tally: Tally, contract: Contract, weights: np.ndarray) -> np.ndarray:
    return np.asarray(weights @ costs.cost_by_machine(tally, contract.costs))
