"""plants.yaml, with the parameters and the contract of each plant checked before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oilcan.ground.errors import OilcanError, ParamsError, bullet_list
from oilcan.ground.section import section
from oilcan.io.stage import stage_inputs
from oilcan.params.operating.plants import Plants
from oilcan.params.whole import Params

LIST: Final = "plants.yaml"


@dataclass(frozen=True)
class Plant:
    """One plant: its data set, and its parameters where they differ from params.yaml."""

    name: str
    changes: Mapping[str, Any]

    @property
    def branch(self) -> str:
        """The branch that its results are committed to."""
        return f"plant/{self.name}"


def read_plants(root: Path, wanted: Sequence[str] = ()) -> list[Plant]:
    """The plants of a repository.

    Parameters
    ----------
    wanted
        Names; all if there are none.

    Raises
    ------
    ParamsError
        Listing every name that has no contract, and every parameter that is not valid.
    """
    listed = section(Plants, stage_inputs.read_yaml(root / LIST), LIST).plants
    faults = [f"{name}: is not listed (found {', '.join(listed)})" for name in wanted if name not in listed]
    params = stage_inputs.read_yaml(root / "params.yaml")
    chosen = [Plant(name, plant.params) for name, plant in listed.items() if not wanted or name in wanted]
    for plant in chosen:
        faults += _faults(root, plant, params)
    if faults:
        raise ParamsError(bullet_list(f"{LIST} is not valid", faults))
    return chosen


def changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values with changes put in; a mapping changes only the keys that it names.

    Examples
    --------
    >>> changed({"train": {"seed": 1, "model": "committee"}}, {"train": {"seed": 2}})
    {'train': {'seed': 2, 'model': 'committee'}}
    """
    return {**values, **{
        key: changed(values[key], new) if isinstance(new, Mapping) and isinstance(values.get(key), Mapping) else new
        for key, new in changes.items()}}


def _faults(root: Path, plant: Plant, params: Mapping[str, Any]) -> list[str]:
    faults = []
    if "dataset" in plant.changes:
        faults.append(f"plants.{plant.name}.params.dataset: the name of a plant is its data set. Remove it")
    for check in (lambda: stage_inputs.read_contract(root / f"datasets/{plant.name}.yaml"),
                  lambda: section(Params, changed(params, plant.changes), f"plants.{plant.name}.params")):
        try:
            check()
        except OilcanError as err:
            faults.append(" ".join(str(err).split()))
    return faults
