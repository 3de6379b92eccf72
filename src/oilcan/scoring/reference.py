"""What did features and forecasts look like when the model was accepted? The reference for drift."""

from typing import Any, Final

import numpy as np
import pandas as pd

_SHARES: Final = np.linspace(0.0, 1.0, 21)      # every 5 %


def drift_reference(features: tuple[str, ...], matrix: np.ndarray, forecasts: pd.DataFrame) -> dict[str, Any]:
    """Quantiles and share of missing values of every feature and every forecast, as plain values.

    Parameters
    ----------
    matrix
        Validation rows, shape (n, n_features).
    forecasts
        What `score` says of them.

    Examples
    --------
    >>> matrix = np.arange(21.0)[:, None]
    >>> reference = drift_reference(("x",), matrix, pd.DataFrame({"p_failure": np.zeros(21)}))
    >>> reference["features"]["x"]["quantiles"][:3], reference["n"]
    ([0.0, 1.0, 2.0], 21)
    """
    return {
        "n": len(matrix),
        "shares": [round(float(share), 2) for share in _SHARES],
        "features": {name: _summary(matrix[:, at]) for at, name in enumerate(features)},
        "forecasts": {str(name): _summary(forecasts[name].to_numpy()) for name in forecasts},
    }


def _summary(values: np.ndarray) -> dict[str, Any]:
    known = values[np.isfinite(values)].astype(np.float64)
    quantiles = np.quantile(known, _SHARES, method="inverted_cdf") if len(known) else np.zeros(0)
    return {"quantiles": [float(value) for value in quantiles], "missing_share": 1 - len(known) / max(len(values), 1)}
