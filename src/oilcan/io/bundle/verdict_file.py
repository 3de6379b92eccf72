"""The verdict of the gate, in a file beside the bundle that it is about: NAME.verdict.json beside the folder NAME.

It lies beside the bundle and not inside it, so a new verdict makes no new bundle. It names the digest of the bundle:
a verdict on another bundle is refused. What the gate withholds is left out when the bundle is loaded with its verdict.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import pydantic

from oilcan.core.bundle.bundle import Bundle
from oilcan.ground.errors import IntegrityError, bullet_list
from oilcan.ground.section import breaches
from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.io.stage import files

Decision = Literal["promote", "hold", "reject", "not reviewed"]
PROMOTE: Final = "promote"
NOT_REVIEWED: Final = "not reviewed"


class GateVerdict(pydantic.BaseModel):
    """What the gate decided on one bundle.

    Attributes
    ----------
    bundle, champion
        Digests of the bundle judged, and of the champion that it was compared with; None without a champion.
    withheld
        Forecasts of failure modes that are not to be served.
    """

    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")

    bundle: str
    decision: Decision
    reasons: list[str]
    withheld: list[str] = []
    champion: str | None = None


def path_of(folder: Path) -> Path:
    """Where the verdict on the bundle in a folder lies.

    Examples
    --------
    >>> path_of(Path("models/bundle")).as_posix()
    'models/bundle.verdict.json'
    """
    return folder.with_name(f"{folder.name}.verdict.json")


def write_verdict(path: Path, decision: Decision, reasons: Sequence[str], withheld: Sequence[str], *, bundle: str,
                  champion: str | None) -> None:
    """Write a verdict; the fields are those of `GateVerdict`."""
    verdict = GateVerdict(bundle=bundle, decision=decision, reasons=list(reasons), withheld=list(withheld),
                          champion=champion)
    files.write_json(verdict.model_dump(), path)


def read_verdict(folder: Path, digest: str) -> GateVerdict:
    """The verdict on a bundle; one that says `not reviewed` where there is none.

    Raises
    ------
    IntegrityError
        If the verdict is not readable, or is about another bundle than `digest`.
    """
    path = path_of(folder)
    if not path.exists():
        return GateVerdict(bundle=digest, decision=NOT_REVIEWED, reasons=["no verdict lies beside it"])
    remedy = "Run `dvc repro review`, or restore it"
    try:
        verdict = GateVerdict.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise IntegrityError(f"{path}: not readable as JSON ({err}). {remedy}.") from err
    except pydantic.ValidationError as err:
        raise IntegrityError(bullet_list(f"{path} is not valid. {remedy}", breaches(err))) from None
    if verdict.bundle != digest:
        raise IntegrityError(f"{path}: is about another bundle (found {verdict.bundle[:12]}, wanted {digest[:12]}). "
                             f"{remedy}.")
    return verdict


def reviewed(bundle: Bundle, verdict: GateVerdict) -> Bundle:
    """A bundle without the forecasts that its verdict withholds."""
    return replace(bundle, fitted=bundle.fitted.without(verdict.withheld)) if verdict.withheld else bundle


def load_reviewed(folder: Path) -> tuple[Bundle, GateVerdict]:
    """A proven bundle without the forecasts that its verdict withholds, and that verdict.

    Raises
    ------
    IntegrityError
        If a byte of the bundle is not the packaged one, or the verdict is about another bundle.
    """
    bundle = load_bundle(folder)
    verdict = read_verdict(folder, bundle.digest)
    return reviewed(bundle, verdict), verdict
