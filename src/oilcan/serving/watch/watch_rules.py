"""The rules by which a bundle is watched: a file that the settings name, or those that its reference was made with."""

from pathlib import Path
from typing import Final

from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.ground.errors import ParamsError
from oilcan.ground.section import section
from oilcan.io.stage import stage_inputs
from oilcan.params.operating.monitoring import MonitoringParams

_FACT: Final = "rules"


def rules_of(reference: WatchReference, path: Path | None) -> MonitoringParams:
    """Rules of the monitoring.

    Raises
    ------
    ParamsError
        If the file is not valid, or there is neither a file nor rules in the reference.
    """
    if path is not None:
        return section(MonitoringParams, stage_inputs.read_yaml(path), str(path))
    if _FACT not in reference.facts:
        raise ParamsError("monitoring: the reference of the bundle holds no rules (found one of an earlier Oilcan). "
                          "Set OILCAN_MONITORING to a monitoring.yaml, or package the bundle again with `dvc repro`.")
    return section(MonitoringParams, dict(reference.facts[_FACT]), "watch_reference.npz")
