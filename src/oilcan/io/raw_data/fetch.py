"""The raw files of a contract from their official addresses, or those in place, checked."""

import shutil
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from oilcan.contract import Contract, Download
from oilcan.ground.errors import DataError, IntegrityError, bullet_list
from oilcan.ground.hashing import sha256
from oilcan.io.raw_data.download import Patience, download
from oilcan.io.raw_data.raw_files import not_right, refuse_missing, survey
from oilcan.io.raw_data.unpack import inside, unpack_gzip, unpack_zip
from oilcan.io.stage.files import fresh_file


def bring(contract: Contract, folder: Path, patience: Patience | None = None) -> int:
    """Make `folder` hold every file of `contract.source.files`; nothing is downloaded for files that are right.

    Downloads are verified and unpacked beside `folder`, in a place that survives a kill and is
    resumed; each file takes its place only with the right digest. Files of other bytes that lie
    there already are never overwritten.

    Returns
    -------
    Number of files fetched.

    Raises
    ------
    DataError
        If files are missing and there is no address, or no address answers.
    IntegrityError
        If files in place or fetched are not of the wanted digest.
    """
    states = survey(contract, folder)
    differing = [str(state) for state in states if state.state == "differs"]
    if differing:
        raise IntegrityError(bullet_list(
            f"{folder}: files are not those the contract was written for. Delete them to have them fetched, or accept "
            f"them by `oilcan dataset place {contract.name} --any-version`", differing))
    missing = {state.file.path for state in not_right(states)}
    if not missing:
        return 0
    downloads = [item for item in contract.source.downloads if missing & set(item.targets())]
    if missing - {path for item in downloads for path in item.targets()}:
        why = "the contract names no address for all of them"
        raise refuse_missing(contract, states, why)
    scratch = folder.with_name(f".{folder.name}.fetch.tmp")
    for at, item in enumerate(downloads):
        _fetch(item, scratch / str(at), patience)
    _settle(contract, missing, scratch, folder)
    shutil.rmtree(scratch)
    return len(missing)


def _fetch(item: Download, scratch: Path, patience: Patience | None) -> None:
    """Download one item into `scratch` and unpack it into `scratch/out`."""
    out = scratch / "out"
    name = PurePosixPath(unquote(urlsplit(item.url).path)).name or "download"
    archive = scratch / name if item.unpack != "none" else inside(out, item.targets()[0])
    archive.parent.mkdir(parents=True, exist_ok=True)
    if not archive.exists() or (item.sha256 and sha256(archive) != item.sha256):
        download([item.url, *item.mirrors], archive, item.sha256, patience)
    try:
        if item.unpack == "zip":
            unpack_zip(archive, item.members, out)
        elif item.unpack == "gzip":
            unpack_gzip(archive, inside(out, item.targets()[0]))
    except IntegrityError:
        archive.unlink()                            # so that the next run downloads it again
        raise


def _settle(contract: Contract, missing: set[str], scratch: Path, folder: Path) -> None:
    """Move what was fetched into place, if every digest is right; else delete what was fetched."""
    outs = sorted(scratch.glob("*/out"))
    wrong = [
        state for out in outs for state in survey(contract, out)
        if state.file.path in missing and state.state == "differs"
    ]
    if wrong:
        shutil.rmtree(scratch)
        raise IntegrityError(bullet_list(
            f"{contract.name}: files fetched are not those the contract was written for, and were deleted. If the "
            f"source has published a new version, check it and change sha256 in the contract", [str(s) for s in wrong]))
    for out in outs:
        for path in sorted(missing):
            if (out / path).is_file():
                _move(out / path, inside(folder, path))
    lost = not_right(survey(contract, folder))
    if lost:
        raise DataError(bullet_list(f"{folder}: files are still missing", [str(state) for state in lost]))


def _move(source: Path, target: Path) -> None:
    with fresh_file(target) as draft:
        source.replace(draft)
