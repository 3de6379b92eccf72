"""Read the data that a model was accepted on from the tables of the pipeline: everything before the test part.

From the test part comes one thing only: what the alarms promised, because nothing was chosen by its rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms import crews
from oilcan.core.model.fitted import Fitted
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import KEY, MACHINE, PART, TIME
from oilcan.io.batches import feature_rows
from oilcan.io.stage import table_files
from oilcan.monitoring.reference.reference_assembling import Accepted
from oilcan.monitoring.statistics.counts_by_window import FleetEvents
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.scoring.scorer import score

_USED = ("train", "validation")


def accepted_data(contract: Contract, canonical: Path, prepared: Path, features: Path, judged: Fitted, *,
                  rows_per_batch: int) -> Accepted:
    """Readings, events and forecasts of the training and validation parts.

    Parameters
    ----------
    canonical, prepared, features
        Folders of the pipeline.
    judged
        The model that has not learned from validation rows, whose forecasts are judged.
    """
    rows = table_files.read_table(prepared / "rows.parquet", [MACHINE, TIME, PART])
    used = rows[rows[PART].isin(_USED)]
    ids, until = set(used[MACHINE]), int(exact(used[TIME]).max()) + 1
    parts = table_files.partitions(canonical / "telemetry")

    def partitions() -> Iterator[pd.DataFrame]:
        for path in parts:
            telemetry = table_files.read_table(path)
            yield telemetry[telemetry[MACHINE].isin(ids) & (exact(telemetry[TIME]) < until)].reset_index(drop=True)

    machines = table_files.read_table(canonical / "machines.parquet")
    recorded = {name: table_files.read_table(canonical / f"{name}.parquet")
                for name in ("failures", "maintenance", "errors")}
    events = FleetEvents(*(_before(frame, ids, until) for frame in recorded.values()))
    lengths = [(len(part), int(exact(part[TIME]).min())) for part in partitions() if len(part)]
    reader = _ForecastReader(contract, prepared, features, judged, machines, rows_per_batch)
    test_ends = int(exact(rows.loc[rows[PART] == "test", TIME]).max()) + 1 if (rows[PART] == "test").any() else 0
    tested = recorded["failures"][exact(recorded["failures"][TIME]) < test_ends].reset_index(drop=True)
    return Accepted(partitions, sum(length for length, _ in lengths), machines, events,
                    reader.of_part("validation", events.failures, until), min(first for _, first in lengths), until,
                    reader.of_part("test", tested, test_ends))


def _before(frame: pd.DataFrame, ids: set[str], until: int) -> pd.DataFrame:
    return frame[frame[MACHINE].isin(ids) & (exact(frame[TIME]) < until)].reset_index(drop=True)


@dataclass(frozen=True)
class _ForecastReader:
    """Forecasts of the model that has learned neither from validation nor from test rows."""

    contract: Contract
    prepared: Path
    features: Path
    judged: Fitted
    machines: pd.DataFrame
    rows_per_batch: int

    def of_part(self, part: str, failures: pd.DataFrame, until: int) -> ForecastRows | None:
        """With alarms and outcomes; None if no failure in time is forecast, or the part is empty."""
        name, task = self.contract.headline()
        policy = self.judged.policies().get(name)
        if task.kind != "failure_within" or policy is None:
            return None
        plan = feature_rows.read_plan(self.features)
        rows, matrix = feature_rows.read_rows(self.prepared, self.features, plan, part)
        if rows.empty:
            return None
        forecasts = score(self.judged, matrix, rows_per_batch=self.rows_per_batch)
        frame = pd.concat([rows[[name for name in KEY if name in rows]], forecasts], axis=1)
        order = np.lexsort((exact(frame[TIME]), frame[MACHINE].to_numpy(dtype=str)))
        frame = frame.iloc[order].reset_index(drop=True)
        return ForecastRows.of(self.contract, policy, frame, failures, until=until,
                               crew=crews.crews(self.contract, self.machines, frame[MACHINE]))
