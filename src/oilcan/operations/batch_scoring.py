"""Forecasts for tables outside the pipeline, by the bundle and the code of the service."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.bundle.bundle import Bundle
from oilcan.ground.columns import KEY
from oilcan.ground.errors import DataError
from oilcan.io.batches.progress import Progress
from oilcan.io.batches.score_tables import ScoreTables, forecasts_file
from oilcan.scoring import history
from oilcan.scoring.scorer import score

_AT_ONCE: Final = 25            # machines: bounds the memory


@dataclass
class Scored:
    """How many forecasts of how many machines; readings that were left out or changed, by reason."""

    machines: int
    forecasts: int = 0
    fixed: Counter[str] = field(default_factory=Counter)


def score_tables(
    bundle: Bundle, source: Path, fleet: Mapping[str, Path], *, rows: str, decision: str, out: Path
) -> Scored:
    """Forecast readings, or rows of features, some machines at a time; `out` takes its name when it is whole.

    Parameters
    ----------
    source
        Parquet file, folder of files, or folder laid out as data/canonical is. Rows that have every feature of the
        bundle as a column are forecast as they are; all others are readings.
    fleet
        Files of event tables and machines by name, in place of those beside the telemetry.
    rows
        Which readings to forecast: `all`, `stride` or `last`.
    decision
        Of the gate on the bundle; it stands in the metadata of `out` beside the bundle's digest.

    Raises
    ------
    DataError
        If there are no rows, or readings break the contract of the bundle.
    """
    tables = ScoreTables(source, fleet)
    if not tables.machines:
        raise DataError(f"{source}: holds no rows. Name the table that holds the readings.")
    has_features = set(bundle.fitted.features) <= set(tables.columns)
    notes = {"bundle": bundle.digest, "gate": decision,
             "contract": f"{bundle.contract.name} v{bundle.contract.version}"}
    scored = Scored(len(tables.machines))
    with forecasts_file(out, notes) as writer, Progress("score", scored.machines, unit="machines") as bar:
        for first in range(0, scored.machines, _AT_ONCE):
            machines = tables.machines[first : first + _AT_ONCE]
            telemetry, beside = tables.some(machines)
            if has_features:
                forecasts = _of_features(bundle, telemetry)
            else:
                history.check_telemetry(telemetry, bundle.contract, str(source))
                forecasts = _of_readings(bundle, telemetry, beside, rows, scored.fixed)
            writer.append(forecasts)
            scored.forecasts += len(forecasts)
            bar.advance(len(machines))
    return scored


def _of_features(bundle: Bundle, table: pd.DataFrame) -> pd.DataFrame:
    matrix = table[list(bundle.fitted.features)].to_numpy(dtype=np.float32)
    keys = table[[name for name in KEY if name in table]].reset_index(drop=True)
    return pd.concat([keys, score(bundle.fitted, matrix)], axis=1)


def _of_readings(
    bundle: Bundle, telemetry: pd.DataFrame, fleet: dict[str, pd.DataFrame], rows: str, fixed: Counter[str]
) -> pd.DataFrame:
    answer = history.score_history(bundle, telemetry, fleet, rows=rows)
    fixed.update(answer.fixed)
    return answer.forecasts
