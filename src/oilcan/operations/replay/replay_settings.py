"""Everything that a replay is configured by, read once: the files of the repository and the flags of the command."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from oilcan.contract import Contract
from oilcan.ground.errors import DataError, ParamsError
from oilcan.ground.section import section
from oilcan.ground.time_units import MICROSECONDS_PER_HOUR
from oilcan.io.repository.whole_params import read_all_params
from oilcan.io.stage.stage_inputs import read_contract, read_yaml
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.params.operating.gate_policy import GatePolicy
from oilcan.params.operating.monitoring import MonitoringParams
from oilcan.params.operating.replay_rules import DataSetReplay, ReplayRules
from oilcan.params.operating.retrain_rules import RetrainRules
from oilcan.params.whole import Params


@dataclass(frozen=True)
class ReplaySettings:
    """What a replay is configured by.

    Attributes
    ----------
    params
        The whole of params.yaml, with the changes that replay.yaml states for this data set.
    until
        End of operation; None is the end of the record.
    """

    contract: Contract
    params: Params
    monitoring: MonitoringParams
    gate: GatePolicy
    retrain: RetrainRules
    replay: DataSetReplay
    begins: pd.Timestamp
    until: pd.Timestamp | None = None

    @property
    def axis(self) -> WindowAxis:
        """Slots and windows of the monitoring."""
        return WindowAxis.of(self.monitoring.window, self.contract.time)

    @property
    def labels_late_us(self) -> int:
        """From a failure until its cause is recorded [us]."""
        return round(self.replay.labels_late_days * 24 * MICROSECONDS_PER_HOUR)


def read_settings(root: Path, name: str, *, begins: str | None = None, until: str | None = None,
                  as_pipeline: bool = False) -> ReplaySettings:
    """Read the files of a clone.

    Parameters
    ----------
    begins, until
        Of the operation, as ISO 8601; None as replay.yaml has it, and the end of the record.
    as_pipeline
        Train exactly as params.yaml has it, without the changes of replay.yaml.

    Raises
    ------
    ParamsError, ContractError
        If a file is not valid, or replay.yaml does not know the data set.
    DataError
        If the data set has no calendar or forecasts no failure in time, or a day cannot be read.
    """
    contract = read_contract(root / "datasets" / f"{name}.yaml")
    _check(contract)
    rules = section(ReplayRules, read_yaml(root / "replay.yaml"), "replay.yaml")
    if name not in rules.data_sets:
        raise ParamsError(f"replay.yaml: says nothing about {name!r} (it knows {', '.join(sorted(rules.data_sets))}). "
                          f"Add an entry under data_sets.")
    of_set = rules.data_sets[name]
    if as_pipeline:
        of_set = of_set.model_copy(update={"params": {}})
    monitoring = section(MonitoringParams, read_yaml(root / "monitoring.yaml"), "monitoring.yaml")
    return ReplaySettings(
        contract, with_changes(read_all_params(root / "params.yaml"), of_set.params),
        monitoring.fitting(contract.time.kind, contract.shortest_look_back()),
        section(GatePolicy, read_yaml(root / "gate.yaml"), "gate.yaml"),
        section(RetrainRules, read_yaml(root / "retrain.yaml"), "retrain.yaml"), of_set,
        day(begins or of_set.begins, "--from" if begins else f"replay.yaml: data_sets.{name}.begins"),
        None if until is None else day(until, "--until"))


def with_changes(params: Params, changes: Mapping[str, Any]) -> Params:
    """params.yaml with some values changed, by dotted names; ParamsError if a name does not exist."""
    if not changes:
        return params
    values = params.model_dump(by_alias=True)
    for dotted, value in changes.items():
        *path, last = dotted.split(".")
        place = values
        for step in path:
            place = place.get(step, {})
        if last not in place:
            raise ParamsError(f"replay.yaml: params: params.yaml has no {dotted!r}. Use a name that stands there.")
        place[last] = value
    return section(Params, values, "replay.yaml: params")


def day(text: str, where: str) -> pd.Timestamp:
    """An instant from ISO 8601, UTC unless it says otherwise; DataError if it is not one.

    Examples
    --------
    >>> day("2024-12-30", "--from").isoformat()
    '2024-12-30T00:00:00+00:00'
    """
    moment = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    if pd.isna(moment):
        raise DataError(f"{where}: is not a day (found {text!r}, wanted like 2024-12-30). Give it so.")
    return pd.Timestamp(moment).as_unit("us")


def _check(contract: Contract) -> None:
    name, task = contract.headline()
    if contract.time.kind != "instant":
        raise DataError(f"datasets/{contract.name}.yaml: has no calendar (time.kind is {contract.time.kind!r}, wanted "
                        f"'instant'), so there is no year to replay. Replay a fleet with time stamps.")
    if task.kind != "failure_within":
        raise DataError(f"datasets/{contract.name}.yaml: task {name!r} is of kind {task.kind!r} (wanted "
                        f"'failure_within'), so there are no alarms to replay.")
