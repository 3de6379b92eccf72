"""Training data of a fleet: labels of all rows, and features of those alone that training looks at."""

from pathlib import Path
from typing import Final

import numpy as np

from oilcan.contract import Contract
from oilcan.core.bundle.learned_rows import LEARNED
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.model.picked_rows import PickedRows
from oilcan.ground.needs import GIB, Need
from oilcan.io.batches import feature_rows
from oilcan.io.stage import table_files
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.train import TrainParams
from oilcan.training.rows_to_read import machines_to_learn_from, rows_to_read
from oilcan.training.training_data import PartRows, PickedPart, TrainingData

_BYTES_OF_A_LABEL: Final = 8
_COPIES: Final = 2              # of the features that are read: the parent's, and the workers' view of them
_OF_A_WORKER: Final = 4         # copies that growing takes of the rows that one forecast is learned from


def read_training_data(contract: Contract, plan: FeaturePlan, prepared: Path, features: Path, params: TrainParams,
                       compute: ComputeParams) -> TrainingData:
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
        If a part has no known rows of a task, or only one class; or if training takes more memory than is free.
    """
    tables = table_files.read_tables(prepared, ("judged_failures", "machines"))
    counts = feature_rows.count_by_machine(prepared, *LEARNED)
    machines = machines_to_learn_from(contract, counts, params)
    (train, of_train), (validation, of_validation) = (feature_rows.read_machines(prepared, part, machines)
                                                      for part in LEARNED)
    names = tuple(plan.names)
    nothing = np.empty((0, len(names)), dtype=np.float32)
    labels = TrainingData(PartRows(train, nothing), PartRows(validation, nothing), names, plan.hash,
                          tables["judged_failures"], tables["machines"])
    used = rows_to_read(contract, labels, params)
    need(labels, int(used.sum()), params, compute).check()
    wanted = of_train.copy()
    wanted[of_train] = used
    read = feature_rows.read_matrix(prepared, features, plan, ["train"], wanted)
    learned = (PartRows(train, read) if used.all()
               else PickedPart(train, PickedRows(np.flatnonzero(used), read, len(used))))
    seen = PartRows(validation, feature_rows.read_matrix(prepared, features, plan, ["validation"], of_validation))
    return TrainingData(learned, seen, names, plan.hash, tables["judged_failures"], tables["machines"],
                        left_out=0 if machines is None else len(counts) - len(machines))


def need(labels: TrainingData, learned: int, params: TrainParams, compute: ComputeParams) -> Need:
    """What training takes, told from the labels of its rows.

    Parameters
    ----------
    labels
        Both parts; matrices are not looked at.
    learned
        Rows of the training part whose features are read.
    """
    rows, width = len(labels.train.rows) + len(labels.validation.rows), len(labels.features) * np.float32().itemsize
    of_labels = rows * labels.train.rows.shape[1] * _BYTES_OF_A_LABEL * 4       # parts, both together, by forecast
    of_features = (learned + len(labels.validation.rows)) * width * _COPIES
    of_worker = GIB / 4 + min(params.max_rows or learned, learned) * width * _OF_A_WORKER
    return Need(
        "train", f"learning from {learned:,} rows and {len(labels.validation.rows):,} validation rows of "
        f"{len(labels.features):,} features with compute.jobs: {compute.jobs}",
        "Lower train.max_rows or compute.jobs in params.yaml, or take a host with more memory.",
        memory=0.35 * GIB + of_labels + of_features + compute.on_this_host * of_worker)
