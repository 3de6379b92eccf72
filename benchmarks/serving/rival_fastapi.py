"""Plain FastAPI as a tutorial has it: joblib, pydantic, scikit-learn; served by uvicorn."""

import os

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load(os.environ["RIVAL_MODEL"])


class Rows(BaseModel):
    """Rows of features."""

    rows: list[list[float]]


@app.post("/predict")
async def predict(body: Rows) -> list[float]:
    """P(failure) of each row."""
    return model.predict_proba(np.array(body.rows, dtype=np.float32))[:, 1].tolist()


@app.get("/ready")
async def ready() -> bool:
    """Whether the model is loaded."""
    return True
