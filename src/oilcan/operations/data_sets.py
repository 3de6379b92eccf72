"""Bring a data set into the repository: draft a contract from files, place or fetch raw files, record them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oilcan.contract import UNKNOWN
from oilcan.core.draft import NAME, draft_contract
from oilcan.core.draft.unfinished import parse_unfinished
from oilcan.ground.errors import ContractError, DataError, bullet_list
from oilcan.io.raw_data import fetch, inspection, placing, queries
from oilcan.io.raw_data.raw_files import not_right, survey
from oilcan.io.repository.dvc_command import record_raw
from oilcan.io.repository.remotes import pull_raw
from oilcan.io.repository.repository_root import short
from oilcan.io.stage import files, stage_inputs


@dataclass(frozen=True)
class Brought:
    """Raw files of a data set that were copied or downloaded, that were right already, and sha256 written."""

    folder: Path
    new: int
    right: int
    renewed: int = 0


def contract_file(root: Path, name: str) -> Path:
    """Where the contract of a data set is."""
    return root / "datasets" / f"{name}.yaml"


def draft(root: Path, name: str, raw_files: Sequence[Path]) -> int:
    """Write a draft contract from a look at raw files.

    Returns
    -------
    How many places of the draft a person has to fill in.

    Raises
    ------
    ContractError
        If the name is not valid, or there is a contract of that name already.
    DataError
        Listing every file that cannot be read.
    """
    if not re.fullmatch(NAME, name):
        raise ContractError(f"{name}: no name for a data set (wanted small letters, digits and `_`, a letter first). "
                            f"Choose another one.")
    target = contract_file(root, name)
    if target.exists():
        raise ContractError(f"{short(target)}: is there already. Delete it or choose another name.")
    text = draft_contract(name, inspection.look_at(raw_files))
    files.write_text(text, target)
    return text.partition("\n")[2].count(UNKNOWN)


def place(root: Path, name: str, source: Path | None, *, any_version: bool, record: bool) -> Brought:
    """Copy the files of a contract to data/raw/<name>, checked by sha256.

    Parameters
    ----------
    source
        Folder to search; None checks the files in place.
    any_version
        Take files of other bytes, and write their sha256 into the contract. A sha256 that the contract does not state
        yet is written in any case.
    record
        Have DVC record the files.

    Raises
    ------
    ContractError, DataError
        If the contract is not valid, or a file is missing or of other bytes; then nothing is copied. Horizon, costs and
        their like may still be open: files are placed before a person decides these.
    OilcanError
        If DVC cannot record them.
    """
    where, folder = contract_file(root, name), root / "data/raw" / name
    contract, _ = parse_unfinished(stage_inputs.read_contract_text(where), short(where))
    placed = placing.place(contract, source or folder, folder, any_version=any_version)
    if placed.pins or placed.first_pins:
        text = placing.renew_pins(where.read_text(encoding="utf-8"), placed.pins)
        files.write_text(queries.record_pins(text, placed.first_pins), where)
    if record:
        record_raw(root, name)
    return Brought(folder, len(placed.copied), len(placed.right), len(placed.pins) + len(placed.first_pins))


def download(root: Path, name: str, *, record: bool) -> Brought:
    """Run the queries of a contract and bring its missing files from a remote that has them, or their address.

    Raises as `place`. The sha256 of a query's first answer is written into the contract.
    """
    where, folder = contract_file(root, name), root / "data/raw" / name
    contract = stage_inputs.read_contract(where)
    taken = len([query for query in contract.source.queries if not (folder / query.path).exists()])
    pins = queries.take_snapshots(contract, folder)
    if pins:
        files.write_text(queries.record_pins(where.read_text(encoding="utf-8"), pins), where)
        contract = stage_inputs.read_contract(where)
    missing = len(not_right(survey(contract, folder)))
    asked_in_vain = pull_raw(root, name) if missing else []
    try:
        fetch.bring(contract, folder)
    except DataError as err:
        if asked_in_vain:
            raise DataError(bullet_list(f"{err}\nNo remote has them either", asked_in_vain)) from err
        raise
    fetched = missing + taken
    if record:
        record_raw(root, name)
    return Brought(folder, fetched, len(contract.source.files) - fetched, len(pins))
