"""What a contract says about alarms: how long a machine is silent, which crew it belongs to, what a crew can follow."""

import numpy as np
import pandas as pd

from oilcan.contract import Contract, Task
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.ground.columns import MACHINE, UNKNOWN_CREW


def refractory_ticks(contract: Contract, task: Task) -> float:
    """Ticks for which a machine that has alarmed stays silent: the contract's, else lead time + horizon."""
    if contract.refractory:
        return contract.refractory.ticks
    return (task.lead_time.ticks if task.lead_time else 0.0) + (task.horizon.ticks if task.horizon else 0.0)


def plain_policy(contract: Contract, task: Task, threshold: float) -> AlarmPolicy:
    """Alarm while p >= threshold, with the silence and the budget of the contract."""
    return AlarmPolicy.plain(threshold, refractory_ticks(contract, task),
                             contract.alarms.per_week if contract.alarms else None)


def crews(contract: Contract, machines: pd.DataFrame, machine_id: pd.Series) -> np.ndarray | None:
    """Crew of each row as text, shape (n,); None where the contract names no crews, and all rows are one crew's.

    A machine without an entry belongs to the crew `UNKNOWN_CREW`.

    Parameters
    ----------
    machines
        Canonical machines table.
    machine_id
        Machine of each row, shape (n,).
    """
    if contract.alarms is None or contract.alarms.crew is None:
        return None
    code, ids = pd.factorize(machine_id)
    of_machine = machines.set_index(MACHINE)[contract.alarms.crew].reindex(np.asarray(ids))
    return of_machine.astype("object").fillna(UNKNOWN_CREW).astype(str).to_numpy(dtype=object)[code]
