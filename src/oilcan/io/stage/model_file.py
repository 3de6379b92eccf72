"""The model that `train` hands to the stages after it."""

import pickle
import zlib
from pathlib import Path
from typing import Any

import joblib

from oilcan.ground.errors import DataError
from oilcan.io.stage.files import fresh_file


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
