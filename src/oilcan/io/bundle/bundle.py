"""The serving bundle: a folder that holds a model in data alone, and is proven before it is read.

Nothing in it can run code: trees are treelite's own bytes, everything else is JSON, YAML or plain numbers of NumPy.
`load_bundle` compares every digest before it interprets any byte but the manifest, and works on the very bytes it
compared. `manifest.sha256` guards the manifest, in the form that `sha256sum -c` reads.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oilcan.contract import Contract, parse_contract
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.model.calibration import Calibrator
from oilcan.core.model.fitted import EventForecast, Fitted, Forecast, LifeForecast, OutlookForecast
from oilcan.core.model.intervals import Interval
from oilcan.core.model.trees import TreeModel
from oilcan.ground.errors import IntegrityError, bullet_list
from oilcan.io.stage import files
from oilcan.io.stage.digests import sha256

if TYPE_CHECKING:
    import pandas as pd

FORMAT: Final = "oilcan-bundle"
VERSION: Final = 4            # 3 held its check rows as Parquet, for which the service had to load all of pyarrow
MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.sha256"
_LONGEST_HEADER: Final = 1_000_000      # of a NumPy file: the default, 10,000 characters, is too few for many columns
_REMEDY: Final = "Restore it with `dvc checkout models/bundle`, or make it anew with `dvc repro package`"


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes
    ----------
    digest
        sha256 of the manifest, which holds those of all files: the bundle's name in logs.
    check_rows
        Features and expected forecasts by column, each of shape (rows,), for `scoring.check`.
    fill_periods
        Over how many periods cleaning held the last reading before features were made; the service repeats it.
    """

    digest: str
    manifest: dict[str, Any]
    fitted: Fitted
    contract: Contract
    plan: FeaturePlan
    drift_reference: dict[str, Any]
    check_rows: dict[str, np.ndarray]
    fill_periods: int


def write_bundle(folder: Path, *, contract: Path, plan: Path, fitted: Fitted, drift_reference: dict[str, Any],
                 check_rows: "pd.DataFrame", facts: dict[str, Any]) -> None:
    """Write every file, then the manifest over them, then its seal.

    Parameters
    ----------
    folder
        Empty and there; a draft of `files.fresh_folder`.
    contract, plan
        Files to copy.
    facts
        What the manifest says besides: lineage, library versions, verdict, how readings were prepared.
    """
    (folder / "contract.yaml").write_bytes(contract.read_bytes())
    (folder / "plan.json").write_bytes(plan.read_bytes())
    files.write_json(drift_reference, folder / "drift_reference.json")
    np.save(folder / "check_rows.npy", _records(check_rows), allow_pickle=False)
    entries = []
    (folder / "trees").mkdir()
    for at, forecast in enumerate(fitted.forecasts):
        paths = [f"trees/{at:02d}-{member}.treelite" for member in range(len(forecast.trees.checkpoints))]
        for path, checkpoint in zip(paths, forecast.trees.checkpoints, strict=True):
            (folder / path).write_bytes(checkpoint)
        entries.append(_entry(forecast) | {"trees": paths})
    files.write_json({"features": list(fitted.features), "plan_hash": fitted.plan_hash, "forecasts": entries},
                     folder / "forecasts.json")
    listed = {path: {"sha256": sha256(folder / path), "bytes": (folder / path).stat().st_size}
              for path in sorted(_inside(folder))}
    files.write_json(facts | {"format": FORMAT, "version": VERSION, "files": listed}, folder / MANIFEST)
    files.write_text(f"{sha256(folder / MANIFEST)}  {MANIFEST}\n", folder / SEAL)


def load_bundle(folder: Path) -> Bundle:
    """Prove a bundle, then load it; no unproven byte is interpreted and nothing is ever unpickled.

    Raises
    ------
    IntegrityError
        If a file is missing, added, a link or changed, or the format is one this Oilcan does not know. All
        breaches are listed.
    """
    held, digest, manifest = _proven(folder)
    plan = FeaturePlan.from_json(json.loads(held["plan.json"]))
    described = json.loads(held["forecasts.json"])
    fitted = Fitted(tuple(described["features"]), described["plan_hash"],
                    tuple(_forecast(entry, held) for entry in described["forecasts"]))
    fitted.check_features(tuple(plan.names), plan.hash, f"{folder}: plan.json")
    for forecast in fitted.forecasts:
        beside = int(isinstance(forecast, OutlookForecast))         # its trees also read the interval
        if forecast.trees.n_features != len(fitted.features) + beside:
            raise IntegrityError(f"{folder}: trees of {forecast.name!r} want {forecast.trees.n_features - beside} "
                                 f"features, the plan has {len(fitted.features)}. {_REMEDY}.")
    contract = parse_contract(held["contract.yaml"].decode(), f"{folder}: contract.yaml")
    return Bundle(digest, manifest, fitted, contract, plan, json.loads(held["drift_reference.json"]),
                  _numbers(held["check_rows.npy"]), manifest["prepare"]["fill_gap_periods"])


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


def _numbers(content: bytes) -> dict[str, np.ndarray]:
    """The float columns of `_records`, as float64."""
    records = np.load(io.BytesIO(content), allow_pickle=False, max_header_size=_LONGEST_HEADER)
    return {name: records[name].astype(np.float64) for name in records.dtype.names if records.dtype[name].kind == "f"}


def _proven(folder: Path) -> tuple[dict[str, bytes], str, dict[str, Any]]:
    """Bytes of every file, the manifest's digest, and the manifest; all compared."""
    if not (folder / MANIFEST).is_file() or not (folder / SEAL).is_file():
        raise IntegrityError(f"{folder}: is no bundle ({MANIFEST} or {SEAL} is missing). {_REMEDY}.")
    raw = (folder / MANIFEST).read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if (folder / SEAL).read_bytes() != f"{digest}  {MANIFEST}\n".encode():
        raise IntegrityError(f"{folder}: {MANIFEST} is not the one that {SEAL} names. {_REMEDY}.")
    manifest = json.loads(raw)
    if (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
        raise IntegrityError(f"{folder}: format is {manifest.get('format')!r}, version {manifest.get('version')!r} "
                             f"(wanted {FORMAT!r}, {VERSION}). Load it with the Oilcan that wrote it, or run "
                             f"`dvc repro package`.")
    listed, found = manifest["files"], set(_inside(folder)) - {MANIFEST, SEAL}
    broken = [f"{path}: missing" for path in sorted(set(listed) - found)]
    broken += [f"{path}: not in the manifest" for path in sorted(found - set(listed))]
    broken += [f"{path}: a link, wanted a file" for path in sorted(found) if (folder / path).is_symlink()]
    held = {} if broken else {path: (folder / path).read_bytes() for path in sorted(listed)}
    broken += [f"{path}: sha256 is {actual[:12]}..., wanted {listed[path]['sha256'][:12]}..."
               for path, content in held.items()
               if (actual := hashlib.sha256(content).hexdigest()) != listed[path]["sha256"]]
    if broken:
        raise IntegrityError(bullet_list(f"{folder}: not the bundle that was packaged. {_REMEDY}", broken))
    return held, digest, manifest


def _inside(folder: Path) -> Iterator[str]:
    """Everything below a folder that is not itself a folder, links to folders included."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix()


def _entry(forecast: Forecast) -> dict[str, Any]:
    if isinstance(forecast, LifeForecast):
        return {"kind": "life", "task": forecast.task, "interval": forecast.interval.as_json()}
    if isinstance(forecast, OutlookForecast):
        return {"kind": "outlook", "task": forecast.task, "horizons": list(forecast.horizons), "own": forecast.own,
                "counts_cycles": forecast.counts_cycles, "calibrator": forecast.calibrator.as_json()}
    return {"kind": "event", "task": forecast.task, "mode": forecast.mode, "threshold": forecast.threshold,
            "policy": forecast.policy.as_json() if forecast.policy else None,
            "calibrator": forecast.calibrator.as_json()}


def _forecast(entry: dict[str, Any], held: dict[str, bytes]) -> Forecast:
    trees = TreeModel(*(held[path] for path in entry["trees"]))
    if entry["kind"] == "life":
        return LifeForecast(entry["task"], trees, Interval.from_json(entry["interval"]))
    calibrator = Calibrator.from_json(entry["calibrator"])
    if entry["kind"] == "outlook":
        return OutlookForecast(entry["task"], tuple(entry["horizons"]), entry["own"], entry["counts_cycles"], trees,
                               calibrator)
    return EventForecast(entry["task"], entry["mode"], trees, calibrator,
                         AlarmPolicy.from_json(entry["policy"]) if entry["policy"] else None)
