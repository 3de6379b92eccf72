"""Environments of their own for what would hold the core back, made from their lock files and kept between runs."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.repo.closure import ROOT

_PLACE: Final = ROOT / ".oilcan/environments"


def environment(name: str) -> Path:
    """Folder of programs (`bin`) of the environment of requirements/<name>.txt; made at its first use."""
    lock_file = ROOT / f"requirements/{name}.txt"
    digest = hashlib.sha256(lock_file.read_bytes()).hexdigest()[:12]
    place = _PLACE / f"{name}-{digest}"
    with _alone(name):
        if not (place / "complete").exists():
            for old in _PLACE.glob(f"{name}-*"):
                shutil.rmtree(old)
            uv = Path(sys.executable).with_name("uv")
            _call(uv, "venv", "--python", sys.executable, place)
            _call(uv, "pip", "install", "--python", place / "bin/python", "--require-hashes", "-r", lock_file)
            (place / "complete").touch()
    return place / "bin"


def azurite() -> Path:
    """The program of Azure's emulator: an npm package, with all that it needs by the hashes of its lock file."""
    locked = ROOT / "tests/ops/azurite"
    digest = hashlib.sha256((locked / "package-lock.json").read_bytes()).hexdigest()[:12]
    place = _PLACE / f"azurite-{digest}"
    with _alone("azurite"):
        if not (place / "complete").exists():
            for old in _PLACE.glob("azurite-*"):
                shutil.rmtree(old)
            shutil.copytree(locked, place)
            _call("npm", "ci", "--prefix", place, "--ignore-scripts", "--no-audit", "--no-fund")
            (place / "complete").touch()
    return place / "node_modules/.bin/azurite-blob"


class _alone:  # noqa: N801  # reads as a statement: with _alone(name)
    """One process at a time makes an environment."""

    def __init__(self, name: str) -> None:
        _PLACE.mkdir(parents=True, exist_ok=True)
        self._file = (_PLACE / f"{name}.lock").open("w")

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_error: object) -> None:
        self._file.close()


def _call(*command: object) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL_ENV")}
    done = subprocess.run([str(word) for word in command], env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
