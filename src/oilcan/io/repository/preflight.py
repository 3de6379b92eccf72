"""Whether a run can begin, found without reading a table: parameters, the chosen contract, its raw files."""

from pathlib import Path
from typing import Any

import yaml

from oilcan.contract import Contract, parse_contract
from oilcan.ground.errors import ContractError, DataError, ParamsError, bullet_list
from oilcan.io.stage.dvc_files import PIPELINES, find_stage
from oilcan.params.section import section
from oilcan.params.whole import Params


def check(root: Path) -> str:
    """Name of the data set that `dvc repro` would run on.

    Raises
    ------
    ParamsError, ContractError
        If params.yaml or the contract it chooses is not valid, or there is no such contract.
    DataError
        If a raw file is missing that no stage makes.
    """
    name = section(Params, _mapping(root / "params.yaml"), "params.yaml").dataset
    where = root / "datasets" / f"{name}.yaml"
    if not where.is_file():
        known = ", ".join(sorted(file.stem for file in where.parent.glob("*.yaml"))) or "none"
        raise ContractError(f"params.yaml: dataset: no such data set (found {name!r}, known: {known}). Fix it, or "
                            f"draft the contract with `oilcan dataset new {name} FILES...`.")
    contract = parse_contract(where.read_text(encoding="utf-8"), f"datasets/{name}.yaml")
    if f"data/raw/{name}" not in _made(root):
        _check_raw(contract, root / "data/raw" / name)
    return name


def _mapping(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ParamsError(f"params.yaml: not readable as YAML ({' '.join(str(err).split())}). Fix the file.") from err


def _made(root: Path) -> set[str]:
    """Raw folders that stages of data/dvc.yaml make."""
    fetched = _mapping(root / "data/fetched.yaml")["fetched"]
    names = ["simulate", *(f"fetch@{name}" for name in fetched)]
    return {out for name in names for out in find_stage(root, f"{PIPELINES[1]}:{name}").outs}


def _check_raw(contract: Contract, folder: Path) -> None:
    missing = [
        f"tables.{name}: no file {pattern!r}"
        for name, table in contract.tables.items()
        for pattern in [*table.files, *table.test_files]
        if not any(path.is_file() for path in folder.glob(pattern))
    ]
    if missing:
        raise DataError(bullet_list(
            f"data/raw/{contract.name}: raw files are not in place. Place them with `oilcan dataset place "
            f"{contract.name} --from FOLDER`, fetch them with `oilcan dataset fetch {contract.name}`, or see "
            f"datasets/{contract.name}.yaml: source", missing))
