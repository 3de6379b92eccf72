"""Copies files from any folder to data/raw/<name>/, checked by digest."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from oilcan.contract import Contract, RawFile
from oilcan.ground.errors import DataError, bullet_list
from oilcan.ground.hashing import sha256
from oilcan.io.raw_data.raw_files import not_right, survey
from oilcan.io.raw_data.unpack import inside
from oilcan.io.stage.files import fresh_file


@dataclass(frozen=True)
class Placed:
    """What placing did.

    Attributes
    ----------
    copied, right
        Files that were copied, and that were right already.
    pins
        Old sha256 -> new, to be renewed in the contract.
    first_pins
        Path -> sha256 of files for which the contract states none yet.
    """

    copied: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    pins: dict[str, str] = field(default_factory=dict)
    first_pins: dict[str, str] = field(default_factory=dict)


def place(contract: Contract, source: Path, folder: Path, *, any_version: bool = False) -> Placed:
    """Copy the files of `contract.source.files` from anywhere below `source` into `folder`.

    A file is found by its name; if several have it, by its digest. Nothing is copied unless all are found. A file for
    which the contract states no digest is compared with the one in place, if there is one.

    Parameters
    ----------
    contract
        Names the files.
    source
        Where to look; may be `folder` itself, whose files are then only checked.
    folder
        data/raw/<name>.
    any_version
        Take a file of other bytes than the contract states, also in place of one that is right.

    Raises
    ------
    DataError
        Listing every file that is missing, or of other bytes.
    """
    states = survey(contract, folder)
    wanted = not_right(states)
    if wanted and not source.is_dir():
        raise DataError(f"{source}: not a folder. Name the folder that holds the files of {contract.name}.")
    renews = any_version and source.is_dir() and not (folder.is_dir() and source.samefile(folder))
    elsewhere = source.is_dir() and not (folder.is_dir() and source.samefile(folder))
    unpinned = [state for state in states if state not in wanted and state.file.sha256 is None] if elsewhere else []
    by_name = _by_name(source) if wanted or renews or unpinned else {}
    if renews:
        wanted = [state for state in states if state in wanted or PurePosixPath(state.file.path).name in by_name]
    chosen: dict[str, Path] = {}
    problems, pins = [], {}
    if not any_version:
        problems += [problem for state in unpinned if (problem := _other_than_in_place(state.file, by_name, folder))]
    for state in wanted:
        try:
            path, digest = _choose(state.file, by_name.get(PurePosixPath(state.file.path).name, []), any_version)
        except DataError as err:
            problems.append(str(err))
            continue
        chosen[state.file.path] = path
        if state.file.sha256 and digest != state.file.sha256:
            pins[state.file.sha256] = digest
    if problems:
        raise DataError(bullet_list(
            f"{source}: cannot place {contract.name}; nothing was copied. Files of other bytes are taken with "
            f"--any-version", problems))
    for name, path in chosen.items():
        _copy(path, inside(folder, name))
    kept = sorted(state.file.path for state in states if state not in wanted)
    first = {state.file.path: sha256(inside(folder, state.file.path)) for state in states if state.file.sha256 is None}
    return Placed(sorted(chosen), kept, pins, first)


def _other_than_in_place(file: RawFile, by_name: Mapping[str, list[Path]], folder: Path) -> str | None:
    """What is wrong where every file of that name differs from the one in place; None if one is the same."""
    candidates = by_name.get(PurePosixPath(file.path).name, [])
    in_place = sha256(inside(folder, file.path))
    if not candidates or in_place in {sha256(path) for path in candidates}:
        return None
    return (f"{file.path}: other bytes than the file in place (found {', '.join(map(str, candidates))}; in place is "
            f"sha256 {in_place})")


def renew_pins(text: str, pins: Mapping[str, str]) -> str:
    """A contract's text with sha256 exchanged; everything else, comments too, stays.

    Examples
    --------
    >>> renew_pins("{path: a.csv, sha256: 00ff}  # mine", {"00ff": "ee11"})
    '{path: a.csv, sha256: ee11}  # mine'
    """
    for old, new in pins.items():
        text = text.replace(old, new)
    return text


def _by_name(folder: Path) -> dict[str, list[Path]]:
    by_name: dict[str, list[Path]] = {}
    for place_, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            by_name.setdefault(name, []).append(Path(place_) / name)
    return by_name


def _choose(file: RawFile, candidates: list[Path], any_version: bool) -> tuple[Path, str]:
    """The candidate with the wanted digest, else (with any_version) the only or best-named one."""
    if not candidates:
        raise DataError(f"{file.path}: no file of that name")
    digests = {path: sha256(path) for path in candidates}
    for path, digest in digests.items():
        if digest == file.sha256:
            return path, digest
    if file.sha256 and not any_version:
        others = "; ".join(f"{path} has {digest}" for path, digest in digests.items())
        raise DataError(f"{file.path}: other bytes (found {others}; wanted sha256 {file.sha256})")
    best = [path for path in candidates if path.as_posix().endswith(f"/{file.path}")] or candidates
    if len({digests[path] for path in best}) > 1:
        raise DataError(f"{file.path}: several files of that name and different bytes ({', '.join(map(str, best))}); "
                        f"name a narrower folder")
    return best[0], digests[best[0]]


def _copy(source: Path, target: Path) -> None:
    if target.exists() and source.samefile(target):
        return
    with fresh_file(target) as draft:
        shutil.copyfile(source, draft)
