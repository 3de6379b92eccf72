"""The two texts every stage begins with: a section of params.yaml and the data-set contract."""

import pkgutil
from pathlib import Path
from typing import Any, TypeVar

import yaml

from oilcan.contract import Contract, parse_contract
from oilcan.ground.errors import ContractError, ParamsError
from oilcan.ground.section import Section, section
from oilcan.params import stages

S = TypeVar("S", bound=Section)


def read_params(kind: type[S], path: Path, name: str) -> S:
    """One section of params.yaml.

    Sections are known by the names of the modules in `oilcan.params.stages`, so a stage depends on the module of the
    section that it reads and on no other.

    Raises
    ------
    ParamsError
        If the file or the section is missing, or a value is invalid.
    """
    values = read_yaml(path)
    known = {module.name for module in pkgutil.iter_modules(stages.__path__)} | {"compute", "dataset"}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ParamsError(f"{path}: unknown sections {unknown} (wanted some of {sorted(known)}). Fix the spelling.")
    if name not in values:
        raise ParamsError(f"{path}: section {name!r} is missing (found {sorted(values)}). Add it.")
    return section(kind, values[name], f"{path}: {name}")


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; ParamsError if it is missing or holds something else."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise ParamsError(f"{path}: does not exist. Run from the root of the repository.") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ParamsError(f"{path}: not readable as YAML ({' '.join(str(err).split())}). Fix the file.") from err
    if not isinstance(values, dict):
        raise ParamsError(f"{path}: is not a mapping (found {type(values).__name__}). Fix the file.")
    return values


def read_contract_text(path: Path) -> str:
    """The text of a data-set contract.

    Raises
    ------
    ContractError
        If there is no such contract, or it is no UTF-8 text.
    """
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml"))) or "none"
        raise ContractError(
            f"{path}: no such data set (found {path.stem!r}, known: {known}). Check `dataset` in params.yaml, "
            f"or draft one with `oilcan dataset new {path.stem} FILES...`."
        )
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as err:
        raise ContractError(f"{path}: not readable as UTF-8 text ({err}). Save it as UTF-8.") from err


def read_contract(path: Path) -> Contract:
    """A data-set contract whose name is that of its file.

    Raises
    ------
    ContractError
        If there is no such contract, or it is not valid.
    """
    contract = parse_contract(read_contract_text(path), str(path))
    if contract.name != path.stem:
        raise ContractError(f"{path}: name is {contract.name!r}, wanted {path.stem!r}. Make them the same.")
    return contract
