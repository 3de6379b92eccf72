"""Are the files that a contract names in place, byte for byte?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from oilcan.contract import Contract, RawFile
from oilcan.ground.errors import DataError, bullet_list
from oilcan.ground.hashing import sha256


@dataclass(frozen=True)
class FileState:
    """A file that a contract names, and what lies in its place."""

    file: RawFile
    state: Literal["right", "missing", "differs"]
    found: str | None = None                        # sha256 of a file that differs

    def __str__(self) -> str:
        if self.state == "differs":
            return f"{self.file.path}: other bytes (found sha256 {self.found}, wanted {self.file.sha256})"
        wanted = f" (wanted sha256 {self.file.sha256})" if self.file.sha256 else ""
        return f"{self.file.path}: {self.state}{wanted if self.state == 'missing' else ''}"


def survey(contract: Contract, folder: Path) -> list[FileState]:
    """The state of every file of `contract.source.files`; a file without sha256 is right if it is there.

    Raises
    ------
    DataError
        If the contract names no files.
    """
    if not contract.source.files:
        raise DataError(
            f"datasets/{contract.name}.yaml: source.files is empty, so nothing can be placed or fetched. List the "
            f"files with their sha256, or put them into data/raw/{contract.name} yourself and run `dvc repro`.")
    return [_state(file, folder / file.path) for file in contract.source.files]


def not_right(states: Sequence[FileState]) -> list[FileState]:
    """Those that are missing or differ."""
    return [state for state in states if state.state != "right"]


def refuse_missing(contract: Contract, states: Sequence[FileState], why: str) -> DataError:
    """The error that lists which file to place where."""
    wrong = not_right(states)
    place = contract.source.homepage or "where you have them from"
    return DataError(bullet_list(
        f"data/raw/{contract.name}: {len(wrong)} of {len(states)} files are not in place, and {why}. Get them from "
        f"{place} and run `oilcan dataset place {contract.name} --from FOLDER`", [str(state) for state in wrong]))


def _state(file: RawFile, path: Path) -> FileState:
    if not path.is_file():
        return FileState(file, "missing")
    found = sha256(path) if file.sha256 else None
    return FileState(file, "right") if found == file.sha256 else FileState(file, "differs", found)
