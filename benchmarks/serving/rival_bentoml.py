"""The same as a BentoML service."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(workers=1, metrics={"enabled": False})
class Risk:
    """P(failure) of rows of features."""

    def __init__(self) -> None:
        self._model = joblib.load(os.environ["RIVAL_MODEL"])

    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[float]:
        """P(failure) of each row."""
        return self._model.predict_proba(np.array(rows, dtype=np.float32))[:, 1].tolist()
