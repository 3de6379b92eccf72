"""Forecasts of a fitted model for rows of features."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from oilcan.contract import Contract
from oilcan.core.model.fitted import Fitted, Forecast, OutlookForecast, Trained, by_batch
from oilcan.core.model.trees import predict_together
from oilcan.ground.columns import GROUP, KEY, PART

if TYPE_CHECKING:
    import pandas as pd


HELD_OUT: Final = ("validation", "test")      # parts that are forecast


def score(fitted: Fitted, matrix: np.ndarray, *, rows_per_batch: int = 50_000, jobs: int = 1) -> "pd.DataFrame":
    """Forecasts for rows of features.

    Parameters
    ----------
    matrix
        Shape (n, n_features), float32, columns in the order of `fitted.features`; NaN where missing.
    rows_per_batch, jobs
        Rows at a time, and threads; the numbers do not depend on either.

    Returns
    -------
    n rows in the given order, index 0..n-1, all float64. `failure_within` and `label`: `score_<task>`
    uncalibrated, `p_<task>` and `p_<task>__<mode>` calibrated; with an outlook `by_<task>_<horizon>`, the
    probability of a failure by then. `rul`: `rul_<task>`, `rul_<task>_low`, `rul_<task>_high` in ticks.
    `number`: `number_<task>` and its ends alike. `class`: `p_<task>__<class>` of each class, calibrated.

    Raises
    ------
    ValueError
        If the matrix has another number of columns than the model has features.
    """
    import pandas as pd  # here: the service asks for `columns` alone, and does not wait for pandas

    return pd.DataFrame(columns_by_batch(fitted, matrix, rows_per_batch=rows_per_batch, jobs=jobs))


def columns_by_batch(fitted: Fitted, matrix: np.ndarray, *, rows_per_batch: int = 50_000, jobs: int = 1,
                     ) -> dict[str, np.ndarray]:
    """The columns of `score` as arrays of shape (n,); computed for some rows at a time, to bound memory."""
    parts: dict[str, list[np.ndarray]] = {}
    for rows in by_batch(len(matrix), rows_per_batch) or [slice(0, 0)]:
        for name, values in columns(fitted.forecasts, matrix[rows], jobs=jobs).items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def columns(forecasts: Iterable[Forecast], matrix: np.ndarray, *, jobs: int = 1) -> dict[str, np.ndarray]:
    """The columns of `score` for some forecasts, as arrays of shape (n,): what the service answers from.

    An outlook follows the classifier of its task, because it uses the probability of that.
    """
    forecasts = tuple(forecasts)
    raw = iter(predict_together([each.trees for each in forecasts if not isinstance(each, OutlookForecast)],
                                matrix, jobs))
    by_column: dict[str, np.ndarray] = {}
    for forecast in forecasts:
        if isinstance(forecast, OutlookForecast):
            by_column |= forecast.columns(forecast.hazards(matrix, jobs), by_column[f"p_{forecast.task}"])
        else:
            by_column |= forecast.columns(next(raw))
    return by_column


def held_out(
    trained: "Trained", rows: "pd.DataFrame", matrix: np.ndarray, *, rows_per_batch: int = 50_000, jobs: int = 1
) -> "pd.DataFrame":
    """Forecasts as `score` for rows of the validation and test parts, in the order of `rows`.

    The judged model, which has not seen validation rows, forecasts those; the served model forecasts test rows.
    """
    import pandas as pd

    parts = []
    for part, fitted in zip(HELD_OUT, (trained.judged, trained.served), strict=True):
        at = np.flatnonzero(rows[PART] == part)
        parts.append(score(fitted, matrix[at], rows_per_batch=rows_per_batch, jobs=jobs).set_index(at))
    return pd.concat(parts).sort_index()


def forecast_tables(
    contract: Contract, trained: "Trained", partitions: "Iterable[tuple[pd.DataFrame, np.ndarray]]", *,
    rows_per_batch: int, jobs: int,
) -> "Iterator[pd.DataFrame]":
    """`held_out` beside its rows, for partitions of machines one after the other: only one is in memory.

    Parameters
    ----------
    partitions
        Rows of `HELD_OUT` as in rows.parquet, and their features.
    """
    for rows, matrix in partitions:
        yield beside_rows(contract, rows, held_out(trained, rows, matrix, rows_per_batch=rows_per_batch, jobs=jobs))


def beside_rows(contract: Contract, rows: "pd.DataFrame", forecasts: "pd.DataFrame") -> "pd.DataFrame":
    """Forecasts with the key, part and outcomes of their rows, as evaluate reads them.

    Parameters
    ----------
    rows
        As in rows.parquet, shape (n, ...), in the order of `forecasts`.
    """
    import pandas as pd

    tasks = "|".join(re.escape(name) for name in contract.tasks)
    outcome = re.compile(rf"(target|bound|wait|seen|next_failure)_({tasks})(__.+)?|p_true")
    kept = [name for name in rows if name in (*KEY, GROUP, PART) or outcome.fullmatch(name)]
    return pd.concat([rows[kept].reset_index(drop=True), forecasts], axis=1)
