"""Training data of a fleet: labels of all rows, and features of those alone that training looks at."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.plan import FeaturePlan
from oilcan.ground.columns import PART
from oilcan.io.batches import feature_rows
from oilcan.params.stages.train import TrainParams
from oilcan.training.rows_to_read import rows_to_read
from oilcan.training.sample import PickedRows
from oilcan.training.training_data import PartRows, PickedPart, TrainingData


def read_training_data(contract: Contract, plan: FeaturePlan, features: Path, tables: Mapping[str, pd.DataFrame],
                       params: TrainParams) -> TrainingData:
    """Training and validation part.

    Parameters
    ----------
    features
        Folder data/features.
    tables
        rows, judged_failures and machines of data/prepared.

    Raises
    ------
    IntegrityError
        If a feature table does not hold exactly the prepared rows.
    DataError
        If a part has no known rows of a task, or only one class.
    """
    rows = tables["rows"]
    is_train, is_validation = ((rows[PART] == part).to_numpy() for part in ("train", "validation"))
    train, validation = (rows[mask].reset_index(drop=True) for mask in (is_train, is_validation))
    names = tuple(plan.names)
    nothing = np.empty((0, len(names)), dtype=np.float32)
    labels = TrainingData(PartRows(train, nothing), PartRows(validation, nothing), names, plan.hash,
                          tables["judged_failures"], tables["machines"])
    used = rows_to_read(contract, labels, params)
    wanted = np.zeros(len(rows), dtype=bool)
    wanted[np.flatnonzero(is_train)[used]] = True
    read = feature_rows.read_matrix(features, plan, rows, wanted)
    learned = (PartRows(train, read) if used.all()
               else PickedPart(train, PickedRows(np.flatnonzero(used), read, len(used))))
    seen = PartRows(validation, feature_rows.read_matrix(features, plan, rows, is_validation))
    return TrainingData(learned, seen, names, plan.hash, tables["judged_failures"], tables["machines"])
