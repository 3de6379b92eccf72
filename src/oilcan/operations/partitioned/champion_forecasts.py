"""Forecasts of the champion for the test rows of a new model, from the champion's own features of these readings."""

from collections.abc import Mapping
from pathlib import Path

import joblib
import pandas as pd

from oilcan.core.bundle.bundle import Bundle
from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.core.features.batch import feature_table
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.model.fitted import Fitted
from oilcan.ground.columns import KEY, PARTITION, TIME
from oilcan.io.batches.split_file import SplitFile
from oilcan.io.stage import table_files
from oilcan.params.compute import ComputeParams
from oilcan.scoring import scorer


def champion_forecasts(champion: Bundle, prepared: Path, compute: ComputeParams) -> pd.DataFrame:
    """Key and forecasts of the champion, one row for each test row of `prepared` (data/prepared)."""
    key = [name for name in KEY if name != TIME or champion.contract.time.kind != "none"]
    rows = SplitFile(prepared / "rows.parquet").read("test", [PARTITION, *key])
    tables = table_files.read_tables(prepared, FLEET_TABLES)
    scored = compute.side_by_side(compute.jobs)(
        joblib.delayed(_test_forecasts)(champion.plan, champion.fitted, path, rows[rows[PARTITION] == number], tables)
        for number, path in enumerate(table_files.partitions(prepared / "telemetry"))
    )
    return pd.concat(scored, ignore_index=True)


def _test_forecasts(
    plan: FeaturePlan, fitted: Fitted, path: Path, rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Runs in a worker: the features of all test rows together would be larger than anything else here."""
    own = Tables(telemetry=table_files.read_table(path), rows=rows.reset_index(drop=True), **tables)
    table = feature_table(plan, own)
    forecasts = scorer.score(fitted, table[plan.names].to_numpy("float32"))
    return pd.concat([table.drop(columns=plan.names), forecasts], axis=1)
