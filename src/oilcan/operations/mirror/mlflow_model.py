"""What `mlflow.pyfunc.load_model("models:/NAME@champion")` calls: the bundle of that digest behind `predict`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oilcan.core.bundle.bundle import Bundle
from oilcan.ground.errors import DataError, OilcanError
from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.io.registry import bundle_store
from oilcan.scoring.scorer import score

if TYPE_CHECKING:
    import pandas as pd


class BundleModel:
    """Forecasts of rows of features."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def predict(self, rows: "pd.DataFrame", params: dict[str, Any] | None = None) -> "pd.DataFrame":
        """Forecasts of rows that have every feature of the bundle as a column; others are ignored.

        Raises
        ------
        DataError
            If a feature is missing.
        """
        del params
        missing = sorted(set(self.bundle.fitted.features) - set(rows))
        if missing:
            raise DataError(f"predict: {len(missing)} features are missing (found {len(rows.columns)} columns, wanted "
                            f"{missing[:5]} ...). Take the columns of data/features.")
        return score(self.bundle.fitted, rows[list(self.bundle.fitted.features)].to_numpy(dtype=np.float32))


def _load_pyfunc(path: str) -> BundleModel:
    """Named and called by MLflow, with the path of the pointer."""
    pointer = json.loads(Path(path).read_text(encoding="utf-8"))
    folder = bundle_store.find(Path(pointer["bundles"]), pointer["bundle"])
    if folder is None:
        raise OilcanError(f"{pointer['bundles']}: holds no bundle {pointer['bundle'][:12]}. `oilcan promote` puts it "
                          f"there; `dvc pull` brings its bytes.")
    return BundleModel(load_bundle(folder))
