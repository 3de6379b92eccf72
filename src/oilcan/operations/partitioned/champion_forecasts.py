"""Forecasts of the champion for the test rows of a new model, from the champion's own features of these readings."""

from collections.abc import Mapping
from pathlib import Path

import joblib
import pandas as pd

from oilcan.core.bundle.bundle import Bundle
from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.core.features.batch import feature_table
from oilcan.core.features.plan import FeaturePlan
from oilcan.ground.columns import KEY, PART, TIME
from oilcan.io.stage import table_files
from oilcan.params.compute import ComputeParams
from oilcan.scoring import scorer


def champion_forecasts(champion: Bundle, prepared: Path, compute: ComputeParams) -> pd.DataFrame:
    """Key and forecasts of the champion, one row for each test row of `prepared` (data/prepared)."""
    key = [name for name in KEY if name != TIME or champion.contract.time.kind != "none"]
    rows = table_files.read_table(prepared / "rows.parquet", ["partition", PART, *key])
    tables = table_files.read_tables(prepared, FLEET_TABLES)
    computed = compute.side_by_side(compute.jobs)(
        joblib.delayed(_test_features)(champion.plan, path, rows[rows["partition"] == number], tables)
        for number, path in enumerate(table_files.partitions(prepared / "telemetry"))
    )
    table = pd.concat(computed, ignore_index=True)
    matrix = table[champion.plan.names].to_numpy("float32")
    forecasts = scorer.score(champion.fitted, matrix, jobs=compute.jobs)
    return pd.concat([table.drop(columns=champion.plan.names), forecasts], axis=1)


def _test_features(
    plan: FeaturePlan, path: Path, rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    test = rows[rows[PART] == "test"].reset_index(drop=True)
    return feature_table(plan, Tables(telemetry=table_files.read_table(path), rows=test, **tables))
