"""Forecasts of a whole fleet: by threads of this process, or by the workers of a cluster, one partition at a time."""

from dataclasses import dataclass
from pathlib import Path

import joblib
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.model.fitted import Trained
from oilcan.ground.columns import PART, PARTITION
from oilcan.io.batches import feature_rows
from oilcan.io.bundle import model_folder
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.predict import PredictParams
from oilcan.scoring import scorer


@dataclass(frozen=True)
class TrainedFleet:
    """What forecasts are computed from.

    Attributes
    ----------
    model, features
        Folders models/model and data/features; the plan is that of the features.
    rows
        As in rows.parquet.
    """

    contract: Contract
    model: Path
    features: Path
    plan: FeaturePlan
    rows: pd.DataFrame

    def table(self, trained: Trained, rows_per_batch: int, jobs: int) -> pd.DataFrame:
        """`scorer.forecast_table` of the held-out rows."""
        wanted = self.rows[PART].isin(scorer.HELD_OUT).to_numpy()
        partitions = feature_rows.by_partition(self.features, self.plan, self.rows, wanted)
        return scorer.forecast_table(self.contract, trained, partitions, rows_per_batch=rows_per_batch, jobs=jobs)


def forecast_partitions(fleet: TrainedFleet, trained: Trained, params: PredictParams, compute: ComputeParams
                        ) -> pd.DataFrame:
    """`scorer.forecast_table` of the held-out rows of the fleet; the bytes do not depend on `compute`.

    Parameters
    ----------
    trained
        What `fleet.model` holds.

    Raises
    ------
    IntegrityError
        If a feature table does not hold exactly the prepared rows.
    """
    if compute.backend != "dask":
        return fleet.table(trained, params.rows_per_batch, compute.jobs)
    held_out = fleet.rows[fleet.rows[PART].isin(scorer.HELD_OUT)][PARTITION].unique()
    tables = compute.side_by_side(compute.jobs)(
        joblib.delayed(_forecast)(fleet.contract, fleet.model, fleet.features, fleet.plan,
                                  rows.reset_index(drop=True), params.rows_per_batch)
        for number, rows in fleet.rows.groupby(PARTITION, sort=True) if number in held_out)
    return pd.concat(tables, ignore_index=True)


def _forecast(contract: Contract, model: Path, features: Path, plan: FeaturePlan, rows: pd.DataFrame,
              rows_per_batch: int) -> pd.DataFrame:
    """Runs in a worker, which reads the model itself: it is larger than the rows of a partition."""
    fleet = TrainedFleet(contract, model, features, plan, rows)
    return fleet.table(model_folder.read_model(model), rows_per_batch, 1)
