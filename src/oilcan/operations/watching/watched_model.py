"""A finished model with everything that its windows are judged by, read from its bundle."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from oilcan.core.bundle.bundle import Bundle
from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.ground.errors import DataError, IntegrityError
from oilcan.ground.section import section
from oilcan.io.bundle import bundle_folder
from oilcan.io.stage import stage_inputs
from oilcan.monitoring.fleet_counts import Judges
from oilcan.monitoring.limits.limit_material import Material
from oilcan.monitoring.reference.reference_assembling import MATERIAL_DIGEST
from oilcan.monitoring.reference.reference_building import merged, step_facts
from oilcan.monitoring.watching import WindowJudge
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.params.operating.monitoring import MonitoringParams

MATERIAL: Final = "material.npz"


@dataclass(frozen=True)
class Monitor:
    """A model with everything that its windows are judged by."""

    bundle: Bundle
    reference: WatchReference
    rules: MonitoringParams
    material: Material | None

    @property
    def axis(self) -> WindowAxis:
        """Slots and windows."""
        return WindowAxis.of(self.reference.window, self.bundle.contract.time)

    @property
    def judges(self) -> Judges:
        """What readings are counted against."""
        return Judges(self.bundle.contract, self.bundle.plan, self.reference, self.axis)

    def watcher(self) -> WindowJudge:
        """The judge of windows."""
        return WindowJudge(self.bundle.contract, self.reference, self.bundle.drift_reference, self.rules, self.material)


def read_rules(path: Path) -> MonitoringParams:
    """monitoring.yaml; ParamsError if it is not valid."""
    return section(MonitoringParams, stage_inputs.read_yaml(path), str(path))


def open_watch(bundle_path: Path, rules: MonitoringParams, material_path: Path | None, window: str | None = None
               ) -> Monitor:
    """The bundle with its reference, and the material of its limits where there is one.

    Raises
    ------
    IntegrityError
        If the bundle has no reference, or one that is damaged or of another contract; or the material was changed, or
        is that of another reference.
    DataError
        If a window other than that of the reference is wanted and there is no material to draw its limits from.
    """
    bundle = bundle_folder.load_bundle(bundle_path)
    reference = bundle.watch_reference
    if reference is None:
        raise IntegrityError(f"{bundle_path}: holds no reference to watch by ({bundle_folder.WATCH}). Run `dvc repro "
                             f"reference package`.")
    material = None
    if material_path is not None and material_path.is_file():
        material = _material(material_path, reference)
    watch = Monitor(bundle, reference, rules, material)
    return watch if window in (None, reference.window) else for_window(watch, str(window))


def _material(path: Path, reference: WatchReference) -> Material:
    """What the limits of a reference are drawn from; from other material they would be wrong, and nobody would see."""
    content = path.read_bytes()
    actual, wanted = hashlib.sha256(content).hexdigest(), reference.facts.get(MATERIAL_DIGEST)
    if wanted is not None and actual != wanted:
        raise IntegrityError(f"{path}: is not the material of the bundle's reference (sha256 is {actual[:12]}..., "
                             f"wanted {wanted[:12]}...): it was changed, or belongs to another model. Check out "
                             f"models/reference of the commit that made the bundle.")
    return Material.from_bytes(content, str(path))


def for_window(watch: Monitor, window: str) -> Monitor:
    """The same by windows of another length, whose limits are drawn from the material."""
    if watch.material is None:
        raise DataError(f"--window {window}: the reference has limits for {watch.reference.window!r} only, and there "
                        f"is no models/reference/{MATERIAL} to draw others from. Run `dvc repro reference`.")
    try:
        axis = WindowAxis.of(window, watch.bundle.contract.time)
    except ValueError as err:
        raise DataError(f"--{err}. Give it day, week, month, or a duration such as 14d.") from err
    facts = merged(watch.reference.facts, step_facts(watch.material, axis, watch.rules))
    return replace(watch, reference=replace(watch.reference, window=window, facts=facts))
