"""The contract that a command about a data set works on."""

from pathlib import Path

from oilcan.contract import Contract
from oilcan.io.repository.whole_params import read_all_params
from oilcan.io.stage import stage_inputs


def chosen_contract(root: Path, name: str | None) -> Contract:
    """The contract of a data set; of the one that params.yaml chooses if none is named."""
    dataset = name or read_all_params(root / "params.yaml").dataset
    return stage_inputs.read_contract(root / "datasets" / f"{dataset}.yaml")
