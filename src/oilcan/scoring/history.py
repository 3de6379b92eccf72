"""Raw readings, the whole history of some machines -> forecasts, by the code that trained the model.

`oilcan score` and /v1/predict of the service both call this module, so their forecasts are equal to the last bit. Rows
that `ingest` and `validate` would refuse are fixed and counted here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.core.features.batch import compute_matrix
from oilcan.core.ingest.rows.duplicates import find_duplicates
from oilcan.core.prepare.forecast_rows import pick_rows
from oilcan.core.prepare.partitions import clean_readings
from oilcan.core.quality.readings import Readings
from oilcan.ground.columns import EVENT_KEYS, KEY, MACHINE, TIME
from oilcan.ground.errors import DataError, bullet_list
from oilcan.scoring.scorer import score

ROWS: Final = ("all", "stride", "last")
_DTYPES: Final = {"text": "str", "instant": "datetime64[us, UTC]"}


@dataclass(frozen=True)
class Featured:
    """Features with their keys, float32, shape (rows, n_features), and what was fixed: reason -> readings."""

    rows: pd.DataFrame
    matrix: np.ndarray
    fixed: dict[str, int]


@dataclass(frozen=True)
class Scored:
    """Forecasts with their keys, and what was fixed: reason -> readings."""

    forecasts: pd.DataFrame
    fixed: dict[str, int]


def score_history(bundle: Bundle, telemetry: pd.DataFrame, fleet: Mapping[str, pd.DataFrame], *, rows: str) -> Scored:
    """Forecasts of some machines from their whole history; see `history_features`."""
    featured = history_features(bundle, telemetry, fleet, rows=rows)
    return Scored(pd.concat([featured.rows, score(bundle.fitted, featured.matrix)], axis=1), featured.fixed)


def history_features(bundle: Bundle, telemetry: pd.DataFrame, fleet: Mapping[str, pd.DataFrame], *, rows: str
                     ) -> Featured:
    """Features of some machines from their whole history, in order of machine and time.

    Parameters
    ----------
    telemetry
        Canonical readings, whole histories, in any order. A reading given twice counts once; of two that
        contradict each other the first counts.
    fleet
        errors, maintenance, failures, machines; absent ones hold nothing.
    rows
        Where to forecast: `all` readings, the first of each `stride` of the contract, or the `last` of each machine.
    """
    key = [name for name in KEY if name in telemetry]
    readings = telemetry.sort_values(key, kind="stable", ignore_index=True)
    repeated = find_duplicates(readings, key)
    readings = readings[~(repeated.identical | repeated.other_content)].reset_index(drop=True)
    readings, outside = within_range(readings, bundle.contract)
    readings, n_filled = clean_readings(readings, bundle.contract, fill_periods=bundle.fill_periods)
    wanted = readings[key].iloc[positions(readings, bundle.contract, rows)].reset_index(drop=True)
    tables = Tables(telemetry=readings, rows=wanted, **complete(fleet, readings, bundle.contract))
    counts = {"given twice": int(repeated.identical.sum()),
              "contradicting an earlier one": int(repeated.other_content.sum()),
              "outside the physical range": outside, "missing, the last one held": n_filled}
    return Featured(wanted, compute_matrix(bundle.plan, tables), {why: n for why, n in counts.items() if n})


def check_telemetry(telemetry: pd.DataFrame, contract: Contract, where: str) -> None:
    """Refuse a table that is not telemetry of this contract; all faults are listed at once.

    Raises
    ------
    DataError
        If a column is missing, or is not of the contract's type.
    """
    columns = contract.tables["telemetry"].columns
    wanted = [*([TIME] if contract.time.kind != "none" else []),
              *(name for name in contract.telemetry_columns("sensor", "condition", "static")
                if name not in contract.derived)]
    faults = [f"{name}: missing" for name in wanted if name not in telemetry]
    for name in (name for name in wanted if name in telemetry):
        dtype, kind = telemetry[name].dtype, columns[name].type
        is_number = pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)
        right = {"instant": isinstance(dtype, pd.DatetimeTZDtype), "text": not is_number}.get(kind, is_number)
        if not right:
            faults.append(f"{name}: holds {dtype}, wanted {'an instant with a zone' if kind == 'instant' else kind}")
    if faults:
        raise DataError(bullet_list(f"{where}: is not telemetry of {contract.name} v{contract.version}. Give it the "
                                    f"columns that data/canonical has", faults))


def within_range(telemetry: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, int]:
    """Readings outside the contract's physical range as missing, as `validate` has them, and how many that were."""
    checked = Readings.of(telemetry, contract)
    changed = {name: checked.values[name] for name, at in checked.out_of_range.items() if len(at)}
    return telemetry.assign(**changed), sum(map(len, checked.out_of_range.values()))


def positions(readings: pd.DataFrame, contract: Contract, rows: str) -> np.ndarray:
    """Where to forecast among sorted readings."""
    if rows == "stride":
        return pick_rows(readings, contract)
    if rows == "last":
        return np.flatnonzero(~readings.duplicated(MACHINE, keep="last").to_numpy())
    return np.arange(len(readings))


def complete(fleet: Mapping[str, pd.DataFrame], readings: pd.DataFrame, contract: Contract) -> dict[str, pd.DataFrame]:
    """The four fleet tables: absent ones are empty, and machines without an entry get missing values."""
    tables = {name: fleet[name] if name in fleet else _nothing(name, readings) for name in FLEET_TABLES}
    machines = pd.DataFrame({MACHINE: readings[MACHINE].unique()}).merge(tables["machines"], on=MACHINE, how="left")
    described = contract.tables["machines"].columns if "machines" in contract.tables else {}
    unknown = {name: pd.Series(np.nan, index=machines.index).astype(_DTYPES.get(column.type, "float64"))
               for name, column in described.items() if name not in machines and name not in readings}
    return tables | {"machines": machines.assign(**unknown)}


def _nothing(name: str, readings: pd.DataFrame) -> pd.DataFrame:
    columns = {MACHINE: readings[MACHINE].iloc[:0]}
    if name in EVENT_KEYS:
        time = readings[TIME].iloc[:0] if TIME in readings else pd.Series(dtype="int64")
        columns |= {TIME: time, EVENT_KEYS[name][-1]: pd.Series(dtype="str")}
    return pd.DataFrame(columns)
