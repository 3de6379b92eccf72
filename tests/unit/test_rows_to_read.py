"""Training on the rows that its rule names gives the bytes of training on all rows in memory."""

from pathlib import Path

import numpy as np
import pytest
from tests.training_frames import COMPUTE, OUTLOOK, contract, fleet, plan, train_params, training_data, write

from oilcan.core.model.picked_rows import PickedRows
from oilcan.operations.partitioned.rows_for_training import read_training_data
from oilcan.training import rows_to_read
from oilcan.training.fit import train


@pytest.mark.parametrize("refit", [True, False])
def test_training_reads_a_part_of_the_rows_and_gives_the_same_bytes(
    tmp_path: Path, refit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_to_read, "_GAP_ROWS", 50)      # as few of this small fleet as of a large one
    frames = fleet()
    params = train_params(refit=refit, outlook=OUTLOOK, negatives_per_positive=2.0, max_rows=300)
    paths = write(tmp_path, frames)
    read = read_training_data(contract(), plan(6), Path(paths["prepared"]), Path(paths["features"]), params, COMPUTE)
    whole = training_data(frames)
    assert isinstance(read.train.matrix, PickedRows)
    assert len(read.train.matrix.read) < len(whole.train.matrix)
    assert read.train.rows.equals(whole.train.rows)
    mine, wanted = (train(contract(), data, params, COMPUTE) for data in (read, whole))
    assert mine.trained == wanted.trained
    assert mine.as_json() == wanted.as_json()


def test_a_row_whose_features_were_not_read_is_never_taken_for_another() -> None:
    rows = PickedRows(np.array([1, 4]), np.array([[10.0], [40.0]]), n=6)
    with pytest.raises(IndexError, match="features of 2 of 3 rows were not read"):
        rows[np.array([1, 2, 5])]


def test_every_row_is_read_where_families_are_compared(tmp_path: Path) -> None:
    paths = write(tmp_path, frames := fleet())
    folders = Path(paths["prepared"]), Path(paths["features"])
    read = read_training_data(contract(), plan(6), *folders, train_params(model="auto"), COMPUTE)
    assert np.array_equal(read.train.matrix, training_data(frames).train.matrix, equal_nan=True)
