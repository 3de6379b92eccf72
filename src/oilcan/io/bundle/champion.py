"""The champion: the bundle in service, and the note in git that says which it is.

`models/champion.json` is committed to git: the digest of the champion's manifest, who approved it and
why. The bytes are in `models/champion/`, under DVC.
"""

import json
from pathlib import Path

import pydantic

from oilcan.core.bundle.bundle import Bundle
from oilcan.ground.errors import IntegrityError, bullet_list
from oilcan.ground.section import breaches
from oilcan.io.bundle.bundle_folder import load_bundle

_STRICT = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")


class Approval(pydantic.BaseModel):
    """Who let the champion into service."""

    model_config = _STRICT

    approver: str = pydantic.Field(min_length=1)
    reason: str = pydantic.Field(min_length=1)
    decision: str                               # decision of the gate
    dataset: str


class Champion(pydantic.BaseModel):
    """Contents of models/champion.json; `bundle` is the SHA-256 of its manifest, null before the first."""

    model_config = _STRICT

    bundle: str | None
    approval: Approval | None = None


def read_note(path: Path) -> Champion:
    """models/champion.json, checked.

    Raises
    ------
    IntegrityError
        If it is missing or says something else than it may.
    """
    try:
        return Champion.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as err:
        raise IntegrityError(f"{path}: does not exist. Restore it from git: `git checkout {path}`.") from err
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise IntegrityError(f"{path}: not readable as JSON ({err}). Restore it: `git checkout {path}`.") from err
    except pydantic.ValidationError as err:
        raise IntegrityError(bullet_list(f"{path} is not valid. Restore it from git", breaches(err))) from None


def read_champion(path: Path) -> Bundle | None:
    """The champion's bundle, verified, from the folder `champion/` next to the note; None before the first.

    Raises
    ------
    IntegrityError
        If the bundle is missing, changed, or not the one that was approved.
    """
    note = read_note(path)
    if note.bundle is None:
        return None
    folder = path.with_suffix("")
    if not folder.is_dir():
        raise IntegrityError(f"{folder}: the champion's bundle is missing. Run `dvc pull {folder}.dvc`.")
    loaded = load_bundle(folder)
    if loaded.digest != note.bundle:
        raise IntegrityError(f"{folder}: is not the bundle that was approved (found {loaded.digest[:12]}, wanted "
                             f"{note.bundle[:12]}). Run `dvc checkout {folder}.dvc`, or promote this one.")
    return loaded
