"""Real rows stored with a model, to prove after loading that its forecasts are unchanged."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from oilcan.core.model.fitted import Fitted
from oilcan.ground.columns import KEY
from oilcan.ground.errors import IntegrityError, bullet_list
from oilcan.scoring.scorer import columns, score

if TYPE_CHECKING:
    import pandas as pd

_EXPECTED = "expected_"


def check_rows(fitted: Fitted, rows: "pd.DataFrame", matrix: np.ndarray, n: int) -> "pd.DataFrame":
    """Up to `n` rows spread evenly over those given, with features and the forecasts to expect.

    Parameters
    ----------
    rows, matrix
        Validation rows and their features, shapes (m, ...) and (m, n_features).

    Returns
    -------
    Key, features (float32), and each column of `score` with the prefix `expected_`.
    """
    import pandas as pd  # here: the service asks for `check` alone, and does not wait for pandas

    at = np.unique(np.linspace(0, len(rows) - 1, min(n, len(rows))).round().astype(int))
    key = rows[[name for name in KEY if name in rows]].iloc[at].reset_index(drop=True)
    features = pd.DataFrame(matrix[at], columns=list(fitted.features))
    return pd.concat([key, features, score(fitted, matrix[at]).add_prefix(_EXPECTED)], axis=1)


def check(fitted: Fitted, stored: Mapping[str, np.ndarray], where: str) -> None:
    """Refuse a model that does not repeat the forecasts of `check_rows`, to the last bit.

    Parameters
    ----------
    stored
        Features and expected forecasts by column, each of shape (rows,).

    Raises
    ------
    IntegrityError
        If any forecast differs: another library version, another processor, or another model.
    """
    matrix = np.column_stack([stored[name] for name in fitted.features]).astype(np.float32)
    actual = columns(fitted.forecasts, matrix)
    wanted = {name.removeprefix(_EXPECTED): stored[name] for name in stored if name.startswith(_EXPECTED)}
    if sorted(actual) != sorted(wanted):
        raise IntegrityError(f"{where}: forecasts are {sorted(actual)}, check rows want {sorted(wanted)}. "
                             f"Run `dvc repro package`.")
    gaps = {name: _gap(actual[name], np.asarray(wanted[name])) for name in wanted}
    broken = [f"{name}: differs by up to {gap:.3g}" for name, gap in gaps.items() if gap != 0]
    if broken:
        raise IntegrityError(bullet_list(
            f"{where}: the model does not repeat its forecasts of {len(matrix)} check rows. Install the library "
            f"versions of its manifest, or run `dvc repro package`", broken))


def _gap(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference; infinite where one of the two is missing."""
    differs = (found != wanted) & ~(np.isnan(found) & np.isnan(wanted))
    return float(np.nan_to_num(np.abs(found - wanted)[differs], nan=np.inf).max(initial=0.0))
