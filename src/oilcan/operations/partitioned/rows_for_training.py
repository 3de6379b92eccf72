"""Training data of a fleet: labels of all rows, and features of those alone that training looks at."""

from pathlib import Path

import numpy as np

from oilcan.contract import Contract
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.model.picked_rows import PickedRows
from oilcan.io.batches import feature_rows
from oilcan.io.stage import table_files
from oilcan.params.stages.train import TrainParams
from oilcan.training.rows_to_read import machines_to_learn_from, rows_to_read
from oilcan.training.training_data import PartRows, PickedPart, TrainingData


def read_training_data(contract: Contract, plan: FeaturePlan, prepared: Path, features: Path, params: TrainParams
                       ) -> TrainingData:
    """Training and validation part; of a large fleet those of some machines (`machines_to_learn_from`).

    Parameters
    ----------
    prepared, features
        Folders data/prepared and data/features.

    Raises
    ------
    IntegrityError
        If a feature table does not hold exactly the prepared rows.
    DataError
        If a part has no known rows of a task, or only one class.
    """
    tables = table_files.read_tables(prepared, ("judged_failures", "machines"))
    machines = machines_to_learn_from(contract, feature_rows.count_by_machine(prepared, "train", "validation"), params)
    (train, of_train), (validation, of_validation) = (feature_rows.read_machines(prepared, part, machines)
                                                      for part in ("train", "validation"))
    names = tuple(plan.names)
    nothing = np.empty((0, len(names)), dtype=np.float32)
    labels = TrainingData(PartRows(train, nothing), PartRows(validation, nothing), names, plan.hash,
                          tables["judged_failures"], tables["machines"])
    used = rows_to_read(contract, labels, params)
    wanted = of_train.copy()
    wanted[of_train] = used
    read = feature_rows.read_matrix(prepared, features, plan, ["train"], wanted)
    learned = (PartRows(train, read) if used.all()
               else PickedPart(train, PickedRows(np.flatnonzero(used), read, len(used))))
    seen = PartRows(validation, feature_rows.read_matrix(prepared, features, plan, ["validation"], of_validation))
    return TrainingData(learned, seen, names, plan.hash, tables["judged_failures"], tables["machines"])
