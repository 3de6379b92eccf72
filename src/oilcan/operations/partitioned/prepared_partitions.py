"""Prepared rows of a whole fleet: clean every partition, then label and split the rows of all."""

from pathlib import Path

import joblib
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.prepare import partitions
from oilcan.ground.columns import MACHINE
from oilcan.io.stage import table_files
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.prepare import PrepareParams


def clean_partitions(
    readings: list[Path], quarantine: pd.DataFrame, contract: Contract, params: PrepareParams, compute: ComputeParams,
    out: Path, truth: Path | None = None,
) -> list[partitions.Prepared]:
    """Write one cleaned telemetry table for each partition into `out`.

    Parameters
    ----------
    readings
        Part files of the canonical telemetry, in order of their numbers.
    quarantine
        Readings to remove, as `validate` writes them.
    truth
        The canonical table of that name, if there is one; a worker reads the rows of its machines.

    Returns
    -------
    What each partition contributes to the rows of the fleet, without its readings.
    """
    return list(compute.side_by_side(compute.workers(len(readings)))(
        joblib.delayed(_clean)(number, part, out / part.name, contract, quarantine, params, truth)
        for number, part in enumerate(readings)
    ))


def _clean(
    number: int, part: Path, out: Path, contract: Contract, quarantine: pd.DataFrame, params: PrepareParams,
    truth: Path | None,
) -> partitions.Prepared:
    telemetry = table_files.read_table(part)
    known = None if truth is None else table_files.read_machines(truth, *telemetry[MACHINE].iloc[[0, -1]])
    cleaned = partitions.prepare_partition(
        telemetry, quarantine, contract, number=number, fill_periods=params.fill_gap_periods, truth=known
    )
    table_files.write_table(cleaned.telemetry, out)
    return cleaned.without_telemetry()
