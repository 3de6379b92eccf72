"""Reading and writing files, atomically: what a later run finds is whole or absent."""

import json
import os
import pickle
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import joblib
import pandas as pd
import pyarrow
import yaml

from oilcan.contract import Contract, parse_contract
from oilcan.errors import ContractError, DataError, ParamsError
from oilcan.params import Params, Section, section

S = TypeVar("S", bound=Section)


def read_params(kind: type[S], path: Path, name: str) -> S:
    """One section of params.yaml.

    Raises
    ------
    ParamsError
        If the file or the section is missing, or a value is not as the section wants it.
    """
    values = _read_yaml(path)
    known = {field.alias or key for key, field in Params.model_fields.items()}
    strangers = sorted(set(values) - known)
    if strangers:
        raise ParamsError(f"{path}: unknown sections {strangers} (wanted some of {sorted(known)}). Mend the spelling.")
    if name not in values:
        raise ParamsError(f"{path}: section {name!r} is missing (found {sorted(values)}). Add it.")
    return section(kind, values[name], f"{path}: {name}")


def read_all_params(path: Path) -> Params:
    """The whole of params.yaml, checked."""
    return section(Params, _read_yaml(path), str(path))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise ParamsError(f"{path}: does not exist. Run from the root of the repository.") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ParamsError(f"{path}: not readable as YAML ({' '.join(str(err).split())}). Mend the file.") from err
    if not isinstance(values, dict):
        raise ParamsError(f"{path}: holds no mapping (found {type(values).__name__}). Mend the file.")
    return values


def read_contract(path: Path) -> Contract:
    """A data-set contract whose name is that of its file.

    Raises
    ------
    ContractError
        If there is no such contract, or it is not valid.
    """
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml"))) or "none"
        raise ContractError(
            f"{path}: no such data set (known: {known}). Check `dataset` in params.yaml, "
            f"or draft one with `oilcan dataset new {path.stem} FILES...`."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as err:
        raise ContractError(f"{path}: not readable as UTF-8 text ({err}). Save it as UTF-8.") from err
    contract = parse_contract(text, str(path))
    if contract.name != path.stem:
        raise ContractError(f"{path}: name is {contract.name!r}, wanted {path.stem!r}. Make them the same.")
    return contract


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A Parquet table written by a stage.

    Raises
    ------
    DataError
        If the file is missing, truncated or lacks a column.
    """
    try:
        return pd.read_parquet(path, columns=columns)
    except FileNotFoundError as err:
        raise DataError(f"{path}: does not exist. Run `dvc repro`.") from err
    except (pyarrow.ArrowInvalid, pyarrow.ArrowKeyError, KeyError, OSError) as err:
        reason = " ".join(str(err).split())
        raise DataError(f"{path}: not readable as Parquet ({reason}). Delete it and run `dvc repro`.") from err


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a Parquet table; its index is not kept."""
    with fresh_file(path) as draft:
        table.to_parquet(draft, index=False, compression="zstd")


def partitions(folder: Path) -> list[Path]:
    """The part files of a partitioned table, in order.

    Raises
    ------
    DataError
        If there are none.
    """
    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        raise DataError(f"{folder}: holds no part-*.parquet. Run `dvc repro`.")
    return parts


def partition_name(number: int) -> str:
    """File name of a partition."""
    return f"part-{number:04d}.parquet"


def read_json(path: Path) -> Any:
    """A JSON file written by a stage; DataError if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise DataError(f"{path}: does not exist. Run `dvc repro`.") from err
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise DataError(f"{path}: not readable as JSON ({err}). Delete it and run `dvc repro`.") from err


def write_json(values: Any, path: Path) -> None:
    """Write JSON with sorted keys and no NaN, ending in a line feed."""
    write_text(json.dumps(values, indent=2, sort_keys=True, allow_nan=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write text as UTF-8 with line feeds."""
    with fresh_file(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a small table as CSV, floats to six significant digits."""
    with fresh_file(path) as draft:
        table.to_csv(draft, index=False, float_format="%.6g", lineterminator="\n")


def write_model(model: Any, path: Path) -> None:
    """Write a fitted model for the next stage of this repository; the bundle has its own, safe form."""
    with fresh_file(path) as draft:
        joblib.dump(model, draft, compress=("zlib", 1))


def read_model(path: Path) -> Any:
    """Read a model that a stage of this repository wrote.

    The stage wrapper has compared its digest with dvc.lock before; nothing else may call this.
    """
    if not path.is_file():
        raise DataError(f"{path}: does not exist. Run `dvc repro`.")
    try:
        return joblib.load(path)
    except (EOFError, ValueError, KeyError, IndexError, pickle.UnpicklingError, zlib.error) as err:
        reason = " ".join(str(err).split()) or type(err).__name__
        raise DataError(f"{path}: not readable as a model ({reason}). Delete it and run `dvc repro`.") from err


@contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """A draft beside `path` that takes its name only when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    try:
        yield draft
        _sync(draft)
        draft.replace(path)
    except OSError as err:
        _name(err, path, draft)
        raise
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """A draft folder beside `path` that takes its name only when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        yield draft
        for file in draft.rglob("*"):
            if file.is_file():
                _sync(file)
        shutil.rmtree(path, ignore_errors=True)
        draft.replace(path)
    except OSError as err:
        _name(err, path, draft)
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _name(err: OSError, path: Path, draft: Path) -> None:
    """Let an error speak of the file a person knows; pyarrow names none, Python the draft."""
    if err.filename is None or Path(err.filename).is_relative_to(draft):
        err.filename = str(path)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
