"""Models of a replay on disk: each is made once, whichever policy asks for it, and a replay that was killed goes on.

The key is the digest of everything that a model depends on: the record, the moment, the parameters, and the code that
makes models. What is read back is what is used, also for a model that was just made, so a second run gives the same.
"""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.bundle.learned_rows import LearnedRows
from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.timeline.groups import exact
from oilcan.governance.gate_findings import Check
from oilcan.ground import installation
from oilcan.ground.errors import DataError
from oilcan.ground.processes import side_by_side
from oilcan.io.stage import files, table_files
from oilcan.operations.replay.model_making import ReplayModel, make_model, rolled
from oilcan.operations.replay.replay_settings import ReplaySettings
from oilcan.operations.replay.replayed_fleet import ReplayedFleet
from oilcan.params.compute import ComputeParams

_MAKERS: Final = ("contract", "core", "evaluation", "monitoring", "params", "scoring", "training",
                  "operations/replay/model_making.py")
_OTHERS: Final = ("evaluation/operated/", "monitoring/alerts/", "params/operating/replay_rules.py",
                  "params/operating/retrain_rules.py")                          # make no model
_RULES: Final = {"alerts", "decision"}          # of monitoring.yaml; they judge what a reference says, and shape none
_SECTIONS: Final = ("prepare", "featurize", "train", "evaluate", "package")
_TABLES: Final = ("forecasts", "predictions", "machines", "failures")
_REFUSED: Final = "refused.json"


class ModelShelf:
    """The models of one record, by the moment at which they are made.

    Attributes
    ----------
    made
        How many were made by this process; the others were there.
    """

    def __init__(self, folder: Path, settings: ReplaySettings, fleet: ReplayedFleet,
                 say: Callable[[str], None]) -> None:
        self._folder, self._settings, self._fleet, self._say = folder, settings, fleet, say
        self._read: dict[int, ReplayModel] = {}
        self.made = 0

    def model(self, moment: pd.Timestamp) -> ReplayModel:
        """The model that is made at a moment.

        Raises
        ------
        DataError
            If what was known then cannot carry a model.
        """
        number = int(exact(pd.Series([moment]))[0])
        if number not in self._read:
            if not self._is_there(moment):
                self._make([moment])
            self._read[number] = self._get(moment)
        return self._read[number]

    def prepare(self, moments: Sequence[pd.Timestamp]) -> None:
        """Make the models of these moments that are not there yet, side by side."""
        missing = [moment for moment in moments if not self._is_there(moment)]
        if missing:
            self._make(missing)

    def _make(self, moments: Sequence[pd.Timestamp]) -> None:
        compute = self._settings.params.compute
        jobs = min(compute.jobs, len(moments))
        each = ComputeParams(backend="threading", jobs=max(1, compute.jobs // jobs))
        work = (joblib.delayed(_make_and_write)(self._settings, self._fleet, moment, self._place(moment), each)
                for moment in moments)
        run = compute.side_by_side(jobs) if jobs > 1 else side_by_side(1, "threading")
        run.return_generator, run.return_ordered = True, False
        for done, seconds in enumerate(run(work), start=1):
            self.made += 1
            self._say(f"{done} of {len(moments)} models that were missing ({seconds:.0f} CPU s)")

    def _is_there(self, moment: pd.Timestamp) -> bool:
        return self._place(moment).is_dir()

    def _place(self, moment: pd.Timestamp) -> Path:
        facts = {"record": self._fleet.digest, "made": moment.isoformat(), "code": code_digest(),
                 "contract": self._settings.contract.model_dump(mode="json", by_alias=True),
                 "params": {name: getattr(self._settings.params, name).model_dump(mode="json") for name in _SECTIONS},
                 "monitoring": self._settings.monitoring.model_dump(mode="json", exclude=_RULES),
                 "replay": self._settings.replay.model_dump(mode="json", include={"validation_days", "gate_days",
                                                                                 "labels_late_days"})}
        text = json.dumps(facts, sort_keys=True).encode()
        return self._folder / f"{moment.date()}-{hashlib.sha256(text).hexdigest()[:24]}"

    def _get(self, moment: pd.Timestamp) -> ReplayModel:
        place = self._place(moment)
        if (place / _REFUSED).is_file():
            raise DataError(files.read_json(place / _REFUSED)["reason"])
        known = moment - pd.Timedelta(days=self._settings.replay.labels_late_days)
        facts, tables = files.read_json(place / "facts.json"), table_files.read_tables(place, _TABLES)
        return ReplayModel(
            made=facts["made"], contract=rolled(self._settings, known),
            plan=FeaturePlan.from_json(files.read_json(place / "plan.json")),
            learned=LearnedRows.from_records(
                np.load(io.BytesIO((place / "learned.npy").read_bytes()), allow_pickle=False)),
            policies={name: AlarmPolicy.from_json(values) for name, values in facts["policies"].items()},
            reference=WatchReference.from_bytes((place / "reference.npz").read_bytes(), str(place)),
            drift=DriftReference.read((place / "drift.json").read_bytes(), str(place)), metrics=facts["metrics"],
            checks=tuple(Check(**check) for check in facts["checks"]), cpu_s=facts["cpu_s"], **tables)


@cache
def code_digest() -> str:
    """SHA-256 of the code that makes models: a model of other code is made again."""
    return installation.code_digest(_MAKERS, _OTHERS)


def _make_and_write(settings: ReplaySettings, fleet: ReplayedFleet, moment: pd.Timestamp, place: Path,
                    compute: ComputeParams) -> float:
    """Runs in a worker: makes one model and writes it whole; the seconds of processor time that it took."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with files.fresh_folder(place) as draft:
        try:
            model = make_model(settings, fleet, moment, compute)
        except DataError as err:
            files.write_json({"reason": str(err)}, draft / _REFUSED)
            return 0.0
        _write(model, draft)
    return model.cpu_s


def _write(model: ReplayModel, draft: Path) -> None:
    table_files.write_tables({name: getattr(model, name) for name in _TABLES}, draft)
    facts: dict[str, Any] = {
        "made": model.made, "cpu_s": round(model.cpu_s, 3), "metrics": model.metrics,
        "policies": {name: policy.as_json() for name, policy in model.policies.items()},
        "checks": [asdict(check) for check in model.checks]}
    files.write_json(facts, draft / "facts.json")
    files.write_json(model.plan.to_json(), draft / "plan.json")
    files.write_json(model.drift.as_json(), draft / "drift.json")
    (draft / "reference.npz").write_bytes(model.reference.to_bytes())
    np.save(draft / "learned.npy", model.learned.as_records(), allow_pickle=False)
