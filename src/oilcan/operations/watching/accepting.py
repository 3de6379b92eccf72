"""Read the data that a model was accepted on from the tables of the pipeline: everything before the test part."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms import crews
from oilcan.core.bundle.learned_rows import LEARNED
from oilcan.core.model.fitted import EventForecast, Fitted
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import KEY, MACHINE, PART, TIME
from oilcan.io.batches import feature_rows
from oilcan.io.stage import table_files
from oilcan.monitoring.reference.reference_assembling import Accepted
from oilcan.monitoring.statistics.counts_by_window import FleetEvents
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.scoring.scorer import score


def accepted_data(contract: Contract, canonical: Path, prepared: Path, features: Path, judged: Fitted,
                  promise: Mapping[str, float] | None, *, rows_per_batch: int) -> Accepted:
    """Readings, events and forecasts of the training and validation parts.

    Parameters
    ----------
    canonical, prepared, features
        Folders of the pipeline.
    judged
        The model that has not learned from validation rows, whose forecasts are judged.
    promise
        Of its alarms, as `evaluate` found it.
    """
    ids, until = _extent(prepared)
    parts = table_files.partitions(canonical / "telemetry")

    def partitions(columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
        for path in parts:
            telemetry = table_files.read_table(path, columns)
            yield telemetry[telemetry[MACHINE].isin(ids) & (exact(telemetry[TIME]) < until)].reset_index(drop=True)

    machines = table_files.read_table(canonical / "machines.parquet")
    events = FleetEvents(*(_before(table_files.read_table(canonical / f"{name}.parquet"), ids, until)
                           for name in ("failures", "maintenance", "errors")))
    lengths = [(len(part), int(exact(part[TIME]).min())) for part in partitions([*KEY]) if len(part)]
    forecasts = _forecasts(contract, prepared, features, judged, events.failures, machines, until, rows_per_batch)
    return Accepted(partitions, sum(length for length, _ in lengths), machines, events, forecasts,
                    min(first for _, first in lengths), until, promise)


def _extent(prepared: Path) -> tuple[set[str], int]:
    """Machines of the rows that are used, and the exact time after the last of them."""
    ids: set[str] = set()
    latest = []
    for rows in feature_rows.partitions(prepared, feature_rows.keys(prepared)):
        used = rows[rows[PART].isin(LEARNED)]
        if len(used):
            ids |= set(used[MACHINE])
            latest.append(int(exact(used[TIME]).max()))
    return ids, max(latest) + 1


def _before(frame: pd.DataFrame, ids: set[str], until: int) -> pd.DataFrame:
    return frame[frame[MACHINE].isin(ids) & (exact(frame[TIME]) < until)].reset_index(drop=True)


def _forecasts(contract: Contract, prepared: Path, features: Path, judged: Fitted, failures: pd.DataFrame,
               machines: pd.DataFrame, until: int, rows_per_batch: int) -> ForecastRows | None:
    name, task = contract.headline()
    policy = judged.policies().get(name)
    if task.kind != "failure_within" or policy is None:
        return None
    plan = feature_rows.read_plan(features)
    keys = feature_rows.partitions(prepared, feature_rows.keys(prepared))
    partitions = feature_rows.by_partition(features, plan, keys, feature_rows.of_parts("validation"))
    asked = judged.without([each.name for each in judged.forecasts
                            if not (isinstance(each, EventForecast) and each.task == name)])
    frame = pd.concat([
        pd.concat([rows[[key for key in KEY if key in rows]],
                   score(asked, matrix, rows_per_batch=rows_per_batch).filter(regex="^p_")], axis=1)
        for rows, matrix in partitions], ignore_index=True)
    order = np.lexsort((exact(frame[TIME]), frame[MACHINE].to_numpy(dtype=str)))
    frame = frame.iloc[order].reset_index(drop=True)
    return ForecastRows.of(contract, policy, frame, failures, until=until,
                           crew=crews.crews(contract, machines, frame[MACHINE]))
