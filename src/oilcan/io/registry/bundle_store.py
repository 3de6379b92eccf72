"""Bundles by their digest: a folder of proven bundles, filled from another folder, a web server, or a DVC repository.

`HOME/DIGEST/` holds the bundle, `HOME/DIGEST.verdict.json` its verdict and `HOME/DIGEST.sig` its signature, if it has
one. A bundle takes its place only when every
byte was proven against the digest that was asked for, so it does not matter how far a source is trusted.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path, PurePosixPath
from typing import Final

from oilcan.ground.errors import IntegrityError, OilcanError
from oilcan.io.bundle import bundle_folder, verdict_file
from oilcan.io.bundle.signature import signature_path
from oilcan.io.stage import files

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TIMEOUT_S: Final = 60
_MOST_BYTES: Final = 2 * 2**30          # of one file of a bundle


def check_digest(digest: str) -> str:
    """The digest, if it is one.

    Raises
    ------
    OilcanError
        If it is not 64 hexadecimal digits.

    Examples
    --------
    >>> check_digest("a" * 64)[:3]
    'aaa'
    """
    if not _DIGEST.fullmatch(digest):
        raise OilcanError(f"bundle: {digest[:80]!r} is not a digest (wanted 64 hexadecimal digits). `oilcan status` "
                          f"shows them.")
    return digest


def find(home: Path, digest: str) -> Path | None:
    """The folder of a bundle in a store, by its name or by its seal; None if it is not there."""
    for folder in (home / check_digest(digest), *sorted(path for path in home.glob("*") if path.is_dir())):
        seal = folder / bundle_folder.SEAL
        if seal.is_file() and seal.read_bytes().split()[:1] == [digest.encode()]:
            return folder
    return None


def take_in(folder: Path, home: Path, digest: str, verdict: verdict_file.GateVerdict | None = None) -> Path:
    """Copy a bundle and its verdict into a store, proven; where it lies then.

    Parameters
    ----------
    verdict
        The verdict to keep with it; None for the one that lies beside `folder`.

    Raises
    ------
    IntegrityError
        If it is not the bundle of that digest, or the verdict is about another one.
    """
    target = home / check_digest(digest)
    loaded = bundle_folder.load_bundle(folder)
    if loaded.digest != digest:
        raise IntegrityError(f"{folder}: holds bundle {loaded.digest[:12]} (wanted {digest[:12]}). Name the right "
                             f"source, or restore it.")
    verdict = verdict or verdict_file.read_verdict(folder, digest)
    with files.fresh_folder(target) as draft:
        shutil.copytree(folder, draft, dirs_exist_ok=True)
        bundle_folder.load_bundle(draft)
    if verdict.decision != verdict_file.NOT_REVIEWED:
        files.write_json(verdict.model_dump(), verdict_file.path_of(target))
    if signature_path(folder).is_file():
        files.write_text(signature_path(folder).read_text(encoding="ascii"), signature_path(target))
    return target


def fetch(source: str, digest: str, home: Path, *, revision: str | None = None, signed: bool = False) -> Path:
    """Bring a bundle from a source into a store; where it lies then. One that is there already is not fetched.

    Parameters
    ----------
    source
        A folder that holds DIGEST/ (or any folder with that bundle); https://... that serves DIGEST/manifest.json and
        the files that it lists; or `dvc:REPOSITORY`, the address of a git repository with a DVC remote.
    revision
        Commit or tag, for `dvc:`.
    signed
        Bring its signature too, also of a bundle that is there without one.

    Raises
    ------
    IntegrityError
        If what comes is not the bundle of that digest.
    OilcanError
        If the source does not have it.
    """
    there = find(home, digest) if home.is_dir() else None
    if there is not None and (not signed or signature_path(there).is_file()):
        return there
    with tempfile.TemporaryDirectory(prefix="oilcan-fetch-") as scratch:
        folder = Path(scratch) / "bundle"
        if source.startswith("dvc:"):
            _from_dvc(source.removeprefix("dvc:"), revision or "HEAD", folder, signed=signed)
        elif source.startswith(("http://", "https://")):
            _from_web(source.rstrip("/"), digest, folder, signed=signed)
        else:
            found = find(Path(source), digest) if Path(source).is_dir() else None
            if found is None:
                raise OilcanError(f"{source}: does not have bundle {digest[:12]}. Copy it there, or run `oilcan "
                                  f"promote` again.")
            folder = found
        return take_in(folder, home, digest)


def _from_dvc(repository: str, revision: str, folder: Path, *, signed: bool) -> None:
    wanted = {"models/bundle": folder, "models/bundle.verdict.json": verdict_file.path_of(folder)}
    if signed:
        wanted["models/bundle.sig"] = signature_path(folder)
    for path, target in wanted.items():
        words = ["get", "--quiet", "--rev", revision, "-o", str(target), repository, path]
        done = subprocess.run([sys.executable, "-m", "dvc", *words], check=False, capture_output=True,
                              encoding="utf-8", stdin=subprocess.DEVNULL)
        if done.returncode:
            reason = " ".join(done.stderr.split())[-300:]
            raise OilcanError(f"dvc:{repository}: has no {path} at {revision} ({reason}). Run "
                              f"`dvc push` where it was made.")


def _from_web(source: str, digest: str, folder: Path, *, signed: bool) -> None:
    """The manifest by its digest, then each file by the manifest: nothing unproven is kept."""
    manifest = _download(f"{source}/{digest}/{bundle_folder.MANIFEST}", digest)
    _write(folder / bundle_folder.MANIFEST, manifest)
    _write(folder / bundle_folder.SEAL, f"{digest}  {bundle_folder.MANIFEST}\n".encode())
    for name, entry in json.loads(manifest)["files"].items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise IntegrityError(f"{source}/{digest}: the manifest names {name!r}, which is not a file of a bundle. "
                                 f"Do not trust this source.")
        _write(folder / path, _download(f"{source}/{digest}/{urllib.parse.quote(name)}", str(entry["sha256"])))
    _write(verdict_file.path_of(folder), _download(f"{source}/{digest}.verdict.json", None))
    if signed:
        _write(signature_path(folder), _download(f"{source}/{digest}.sig", None))


def _download(url: str, sha256: str | None) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - http and https alone come here
            content: bytes = answer.read(_MOST_BYTES)
    except (urllib.error.URLError, OSError, ValueError) as err:
        raise OilcanError(f"{url}: cannot be fetched ({err}). Check OILCAN_BUNDLE_SOURCE and the server.") from err
    if sha256 is not None and (actual := hashlib.sha256(content).hexdigest()) != sha256:
        raise IntegrityError(f"{url}: sha256 is {actual[:12]}..., wanted {sha256[:12]}.... Somebody changed it, or "
                             f"it was cut on its way.")
    return content


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
