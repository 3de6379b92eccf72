"""The folder of a bundle: a `Bundle` written as files that hold data and no code, and read after a proof.

Trees are treelite's own bytes, everything else is JSON, YAML or plain numbers of NumPy. `load_bundle` compares every
digest before it interprets any file but the manifest, and reads the very bytes that it compared. `manifest.sha256`
seals the manifest, in the form that `sha256sum -c` reads.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pydantic

from oilcan.contract import Contract, parse_contract
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.bundle.learned_rows import LearnedRows
from oilcan.core.bundle.normals import Normals
from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.model.fitted import Fitted, OutlookForecast
from oilcan.ground.errors import IntegrityError, bullet_list
from oilcan.ground.hashing import sha256
from oilcan.io.bundle.forecast_files import part_named, read_forecasts, write_forecasts
from oilcan.io.stage import files

if TYPE_CHECKING:
    import pandas as pd

FORMAT: Final = "oilcan-bundle"
VERSION: Final = 6            # 5 held the verdict of the gate, and no learned_rows.npy
MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.sha256"
LEARNED: Final = "learned_rows.npy"
WATCH: Final = "watch_reference.npz"
_LONGEST_HEADER: Final = 1_000_000      # of a NumPy file: the default, 10,000 characters, is too few for many columns
_REMEDY: Final = "Restore it with `dvc checkout models/bundle`, or package it again with `dvc repro package`"


def write_bundle(folder: Path, *, contract: Path, plan: Path, fitted: Fitted, drift_reference: DriftReference,
                 normals: Normals, check_rows: "pd.DataFrame", learned: LearnedRows, facts: Mapping[str, Any],
                 watch_reference: Path | None = None) -> None:
    """Write every file, then the manifest with their digests, then its seal.

    Parameters
    ----------
    folder
        An empty folder, such as a draft of `files.fresh_folder`.
    contract, plan
        Files to copy.
    facts
        Further entries of the manifest: lineage, library versions, how readings were prepared.
    watch_reference
        File to copy, from the stage `reference`; None if that stage has written none.
    """
    (folder / "contract.yaml").write_bytes(contract.read_bytes())
    (folder / "plan.json").write_bytes(plan.read_bytes())
    files.write_json(drift_reference.as_json(), folder / "drift_reference.json")
    files.write_json(normals.as_json(), folder / "normals.json")
    np.save(folder / "check_rows.npy", _records(check_rows), allow_pickle=False)
    np.save(folder / LEARNED, learned.as_records(), allow_pickle=False)
    if watch_reference is not None:
        (folder / WATCH).write_bytes(watch_reference.read_bytes())
    write_forecasts(fitted, folder)
    listed = {path: {"sha256": sha256(folder / path), "bytes": (folder / path).stat().st_size}
              for path in sorted(_inside(folder))}
    files.write_json({**facts, "format": FORMAT, "version": VERSION, "files": listed}, folder / MANIFEST)
    files.write_text(f"{sha256(folder / MANIFEST)}  {MANIFEST}\n", folder / SEAL)


def load_bundle(folder: Path) -> Bundle:
    """Prove a bundle, then load it; no unproven byte is interpreted and nothing is ever unpickled.

    Raises
    ------
    IntegrityError
        If a file is missing, added, a link or changed, or this Oilcan does not know the format. All breaches are
        listed.
    """
    content, digest, manifest = _proven(folder)
    with part_named(folder / "plan.json", _REMEDY):
        plan = FeaturePlan.from_json(json.loads(content["plan.json"]))
    fitted = read_forecasts(content, folder, _REMEDY)
    with part_named(folder / "drift_reference.json", _REMEDY):
        drift_reference = DriftReference.read(content["drift_reference.json"], f"{folder}: drift_reference.json")
    with part_named(folder / "normals.json", _REMEDY):
        normals = Normals.read(content["normals.json"], f"{folder}: normals.json")
    _check_widths(folder, plan, fitted, drift_reference, normals)
    with part_named(folder / "contract.yaml", _REMEDY):
        contract = parse_contract(content["contract.yaml"].decode(), f"{folder}: contract.yaml")
    with part_named(folder / "check_rows.npy", _REMEDY):
        check_rows = _numbers(content["check_rows.npy"], fitted)
    with part_named(folder / LEARNED, _REMEDY):
        stream = io.BytesIO(content[LEARNED])
        learned = LearnedRows.from_records(np.load(stream, allow_pickle=False))
        if stream.read(1):
            raise ValueError("bytes after the end of the array")
    with part_named(folder / WATCH, _REMEDY):
        watch_reference = _watch_reference(content, contract, plan, f"{folder}: {WATCH}")
    return Bundle(digest, manifest, fitted, contract, plan, drift_reference, normals, check_rows,
                  manifest["prepare"]["fill_gap_periods"], learned, watch_reference)


def _watch_reference(content: Mapping[str, bytes], contract: Contract, plan: FeaturePlan, where: str
                     ) -> WatchReference | None:
    """The reference of the monitoring, refused if it is that of another contract or plan."""
    if WATCH not in content:
        return None
    reference = WatchReference.from_bytes(content[WATCH], where)
    reference.check(contract, plan.hash, where)
    return reference


def _check_widths(folder: Path, plan: FeaturePlan, fitted: Fitted, drift_reference: DriftReference,
                  normals: Normals) -> None:
    """Refuse parts that are not about the features of the plan."""
    fitted.check_features(tuple(plan.names), plan.hash, f"{folder}: plan.json")
    n = len(fitted.features)
    widths = {"normals": normals.medians.shape[1]}
    for forecast in fitted.forecasts:
        extra = int(isinstance(forecast, OutlookForecast))          # its trees also read the interval
        widths[f"trees of {forecast.name!r}"] = forecast.trees.n_features - extra
    broken = [f"{part}: {width} features" for part, width in widths.items() if width != n]
    if set(drift_reference.features) != set(fitted.features):     # a file of JSON keeps no order
        broken.append("drift_reference: features have other names")
    if broken:
        raise IntegrityError(bullet_list(f"{folder}: parts do not fit the {n} features of the plan. {_REMEDY}", broken))


def _records(table: "pd.DataFrame") -> np.ndarray:
    """A table as records that NumPy can write without pickling: texts of one length, instants in UTC."""
    columns = {str(name): _plain(column) for name, column in table.items()}
    records = np.empty(len(table), [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        records[name] = column
    return records


def _plain(column: "pd.Series") -> np.ndarray:
    if column.dtype.kind == "M":
        return column.to_numpy("datetime64[us]")
    return column.to_numpy() if column.dtype.kind in "bif" else column.to_numpy(str)


def _numbers(content: bytes, fitted: Fitted) -> dict[str, np.ndarray]:
    """The float columns of `_records`, as float64; every feature is among them."""
    stream = io.BytesIO(content)
    records = np.load(stream, allow_pickle=False, max_header_size=_LONGEST_HEADER)
    missing = sorted(set(fitted.features) - set(records.dtype.names or ()))
    if missing or records.ndim != 1 or stream.read(1):
        raise ValueError(f"it is not one table with the features of the plan (missing {missing[:5] or 'none'})")
    return {name: records[name].astype(np.float64) for name in records.dtype.names if records.dtype[name].kind == "f"}


def _proven(folder: Path) -> tuple[dict[str, bytes], str, dict[str, Any]]:
    """Bytes of every file, the manifest's digest, and the manifest; all compared."""
    if not (folder / MANIFEST).is_file() or not (folder / SEAL).is_file():
        raise IntegrityError(f"{folder}: is not a bundle ({MANIFEST} or {SEAL} is missing). {_REMEDY}.")
    raw = (folder / MANIFEST).read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if (folder / SEAL).read_bytes() != f"{digest}  {MANIFEST}\n".encode():
        raise IntegrityError(f"{folder}: {MANIFEST} is not the one that {SEAL} names. {_REMEDY}.")
    with part_named(folder / MANIFEST, _REMEDY):
        manifest = _manifest(raw)
    if (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
        raise IntegrityError(f"{folder}: another version of Oilcan packaged this bundle (found format "
                             f"{manifest.get('format')!r}, version {manifest.get('version')!r}; wanted {FORMAT!r}, "
                             f"{VERSION}). Package it again with `dvc repro package`, or load it with the Oilcan that "
                             f"wrote it.")
    listed, present = manifest["files"], set(_inside(folder)) - {MANIFEST, SEAL}
    broken = [f"{path}: missing" for path in sorted(set(listed) - present)]
    broken += [f"{path}: not in the manifest" for path in sorted(present - set(listed))]
    broken += [f"{path}: a link, wanted a file" for path in sorted(present) if (folder / path).is_symlink()]
    content = {} if broken else {path: (folder / path).read_bytes() for path in sorted(listed)}
    broken += [f"{path}: sha256 is {actual[:12]}..., wanted {listed[path]['sha256'][:12]}..."
               for path, of_file in content.items()
               if (actual := hashlib.sha256(of_file).hexdigest()) != listed[path]["sha256"]]
    if broken:
        raise IntegrityError(bullet_list(f"{folder}: not the bundle that was packaged. {_REMEDY}", broken))
    return content, digest, manifest


def _manifest(content: bytes) -> dict[str, Any]:
    """The manifest; one of this version is checked for every entry that any code reads."""
    manifest = json.loads(content)
    if (manifest.get("format"), manifest.get("version")) == (FORMAT, VERSION):
        _Manifest.model_validate_json(content)
    return dict(manifest)


class _Manifest(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)

    class File(pydantic.BaseModel):
        sha256: str
        bytes: int

    class Prepare(pydantic.BaseModel):
        fill_gap_periods: int = pydantic.Field(ge=0)

    dataset: str
    lineage: dict[str, Any]
    libraries: dict[str, str]
    prepare: Prepare
    files: dict[str, File]


def _inside(folder: Path) -> Iterator[str]:
    """Everything below a folder that is not itself a folder, links to folders included."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()
