"""The whole of params.yaml, checked. A stage reads its own section only (`io.stage.stage_inputs`)."""

from pathlib import Path

from oilcan.ground.section import section
from oilcan.io.stage.stage_inputs import read_yaml
from oilcan.params.whole import Params


def read_all_params(path: Path) -> Params:
    """Every section of params.yaml; ParamsError lists all that is invalid."""
    return section(Params, read_yaml(path), str(path))
