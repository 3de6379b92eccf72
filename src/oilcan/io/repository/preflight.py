"""Whether a run can begin, found without reading a table: parameters, the chosen contract, its raw files."""

import os
import sys
from pathlib import Path

from oilcan.contract import Contract
from oilcan.ground.errors import DataError, bullet_list
from oilcan.io.repository.repository_root import short
from oilcan.io.repository.whole_params import read_all_params
from oilcan.io.stage.dvc_files import PIPELINES, find_stage, tracked_raw
from oilcan.io.stage.stage_inputs import read_contract, read_yaml


def check(root: Path) -> str:
    """Name of the data set that `dvc repro` would run on.

    Raises
    ------
    ParamsError, ContractError
        If params.yaml or the contract it chooses is not valid, or there is no such contract.
    DataError
        If a raw file is missing that no stage makes.
    """
    name = read_all_params(Path(short(root / "params.yaml"))).dataset
    contract = read_contract(Path(short(root / "datasets" / f"{name}.yaml")))
    if f"data/raw/{name}" not in _made(root):
        _check_raw(contract, root / "data/raw" / name, recorded=name in tracked_raw(root))
    return name


def limits(root: Path) -> list[str]:
    """What will not work in this checkout although a run can begin: a path that is not ASCII is too much for DVC."""
    if str(root).isascii():
        return []
    lines = [f"{root}: the path is not ASCII, and DVC's queue cannot work there: `dvc exp run --queue` ends as Failed. "
             f"Move the checkout to a path of plain letters if you need the queue."]
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        lines.append(f"PYTHONUTF8: Python reads paths as {encoding} here, and `dvc` cannot work in {root} "
                     f"(found PYTHONUTF8={os.environ.get('PYTHONUTF8')}, wanted 1). Set it, or use `make`, which does.")
    return lines


def _made(root: Path) -> set[str]:
    """Raw folders that stages of data/dvc.yaml make."""
    fetched = read_yaml(root / "data/fetched.yaml")["fetched"]
    names = ["simulate", *(f"fetch@{name}" for name in fetched)]
    return {out for name in names for out in find_stage(root, f"{PIPELINES[1]}:{name}").outs}


def _check_raw(contract: Contract, folder: Path, *, recorded: bool) -> None:
    missing = [
        f"tables.{name}: no file {pattern!r}"
        for name, table in contract.tables.items()
        for pattern in [*table.files, *table.test_files]
        if not any(path.is_file() for path in folder.glob(pattern))
    ]
    if missing:
        pull = f"Pull them with `dvc pull data/raw/{contract.name}`, place" if recorded else "Place"
        raise DataError(bullet_list(
            f"data/raw/{contract.name}: raw files are not in place. {pull} them with `oilcan dataset place "
            f"{contract.name} --from FOLDER`, fetch them with `oilcan dataset fetch {contract.name}`, or see "
            f"datasets/{contract.name}.yaml: source", missing))
