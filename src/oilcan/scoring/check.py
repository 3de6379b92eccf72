"""Real rows kept with a model, so that whoever loads it can prove that it still says the same."""

import numpy as np
import pandas as pd

from oilcan.columns import KEY
from oilcan.core.fitted import Fitted
from oilcan.errors import IntegrityError, bullet_list
from oilcan.scoring.score import score

_EXPECTED = "expected_"


def check_rows(fitted: Fitted, rows: pd.DataFrame, matrix: np.ndarray, n: int) -> pd.DataFrame:
    """Up to `n` rows spread evenly over those given, with features and the forecasts to expect.

    Parameters
    ----------
    rows, matrix
        Validation rows and their features, shapes (m, ...) and (m, n_features).

    Returns
    -------
    Key, features (float32), and each column of `score` with the prefix `expected_`.
    """
    at = np.unique(np.linspace(0, len(rows) - 1, min(n, len(rows))).round().astype(int))
    key = rows[[name for name in KEY if name in rows]].iloc[at].reset_index(drop=True)
    features = pd.DataFrame(matrix[at], columns=list(fitted.features))
    return pd.concat([key, features, score(fitted, matrix[at]).add_prefix(_EXPECTED)], axis=1)


def check(fitted: Fitted, kept: pd.DataFrame, where: str) -> None:
    """Refuse a model that does not say what `check_rows` wrote down, to the last bit.

    Raises
    ------
    IntegrityError
        If any forecast differs: another library version, another processor, or another model.
    """
    found = score(fitted, kept[list(fitted.features)].to_numpy(dtype=np.float32)).add_prefix(_EXPECTED)
    wanted = kept[[name for name in kept if name.startswith(_EXPECTED)]]
    if sorted(found) != sorted(wanted):
        raise IntegrityError(f"{where}: forecasts are {sorted(found)}, check rows want {sorted(wanted)}. "
                             f"Run `dvc repro package`.")
    worst = (found[list(wanted)] - wanted).abs().max()
    broken = [f"{name.removeprefix(_EXPECTED)}: differs by up to {gap:.3g}" for name, gap in worst.items() if gap != 0]
    if broken:
        raise IntegrityError(bullet_list(
            f"{where}: the model does not repeat its forecasts of {len(kept)} check rows. Install the library versions "
            f"of its manifest, or run `dvc repro package`", broken))
