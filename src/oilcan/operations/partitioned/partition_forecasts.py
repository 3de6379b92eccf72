"""Forecasts of a whole fleet: by threads of this process, or by the workers of a cluster, one partition at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import joblib
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.model.fitted import Trained
from oilcan.ground.columns import PART
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
    model, prepared, features
        Folders models/model, data/prepared and data/features; the plan is that of the features.
    """

    contract: Contract
    model: Path
    prepared: Path
    features: Path
    plan: FeaturePlan

    def tables(self, trained: Trained, partitions: Iterable[pd.DataFrame], rows_per_batch: int, jobs: int
               ) -> Iterator[pd.DataFrame]:
        """`scorer.forecast_tables` of the held-out rows of some partitions."""
        wanted = feature_rows.by_partition(self.features, self.plan, partitions,
                                           feature_rows.of_parts(*scorer.HELD_OUT))
        return scorer.forecast_tables(self.contract, trained, wanted, rows_per_batch=rows_per_batch, jobs=jobs)


def forecast_partitions(fleet: TrainedFleet, trained: Trained, params: PredictParams, compute: ComputeParams
                        ) -> Iterator[pd.DataFrame]:
    """`scorer.forecast_tables` of the held-out rows of the fleet; the bytes do not depend on `compute`.

    Parameters
    ----------
    trained
        What `fleet.model` holds.

    Raises
    ------
    IntegrityError
        If a feature table does not hold exactly the prepared rows.
    """
    partitions = feature_rows.partitions(fleet.prepared)
    if compute.backend != "dask":
        yield from fleet.tables(trained, partitions, params.rows_per_batch, compute.jobs)
        return
    for tables in compute.side_by_side(compute.jobs)(
            joblib.delayed(_forecast)(fleet.contract, fleet.model, fleet.prepared, fleet.features, fleet.plan, rows,
                                      params.rows_per_batch)        # a worker needs each path as an argument
            for rows in partitions if rows[PART].isin(scorer.HELD_OUT).any()):
        yield from tables


def _forecast(contract: Contract, model: Path, prepared: Path, features: Path, plan: FeaturePlan, rows: pd.DataFrame,
              rows_per_batch: int) -> list[pd.DataFrame]:
    """Runs in a worker, which reads the model itself: it is larger than the rows of a partition."""
    fleet = TrainedFleet(contract, model, prepared, features, plan)
    return list(fleet.tables(model_folder.read_model(model), [rows], rows_per_batch, 1))
