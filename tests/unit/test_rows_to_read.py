"""Training on the rows that its rule names gives the bytes of training on all rows in memory."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.training_frames import COMPUTE, FLEET, OUTLOOK, contract, fleet, plan, train_params, training_data, write

from oilcan.core.model.picked_rows import PickedRows
from oilcan.operations.partitioned.rows_for_training import read_training_data
from oilcan.training import rows_to_read
from oilcan.training.fit import train
from oilcan.training.model_description import describe
from oilcan.training.rows_to_read import machines_to_learn_from


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


def test_of_a_large_fleet_whole_machines_are_drawn_until_there_are_rows_enough() -> None:
    rows = pd.Series(100, index=[f"m{number:03d}" for number in range(90)])
    chosen = machines_to_learn_from(contract(), rows, train_params(max_rows=50))
    assert chosen is not None
    assert rows.loc[chosen].sum() == 20 * 50
    shuffled = machines_to_learn_from(contract(), rows.sample(frac=1, random_state=1), train_params(max_rows=50))
    assert shuffled is not None
    assert list(shuffled) == list(chosen)


@pytest.mark.parametrize(("budget", "max_rows", "machines"), [
    ("", 50, 10), ("", 0, 90), ("alarms: {per_week: 3}\n", 50, 90)])
def test_no_machine_is_left_out_of_a_fleet_that_fits_or_shares_a_budget_of_alarms(
    budget: str, max_rows: int, machines: int
) -> None:
    rows = pd.Series(100, index=[f"m{number:03d}" for number in range(machines)])
    assert machines_to_learn_from(contract(FLEET + budget), rows, train_params(max_rows=max_rows)) is None


def test_training_on_some_machines_sees_all_of_their_rows_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = fleet()
    paths = write(tmp_path, frames)
    params = train_params(max_rows=300)
    monkeypatch.setattr(rows_to_read, "_TIMES_MAX_ROWS", 2)
    read = read_training_data(contract(), plan(6), Path(paths["prepared"]), Path(paths["features"]), params, COMPUTE)
    machines, whole = set(read.train.rows["machine_id"]), training_data(frames)
    assert machines < set(whole.train.rows["machine_id"])
    for mine, every in ((read.train, whole.train), (read.validation, whole.validation)):
        is_taken = every.rows["machine_id"].isin(machines).to_numpy()
        assert mine.rows.equals(every.rows[is_taken].reset_index(drop=True))
        at = mine.matrix.at if isinstance(mine.matrix, PickedRows) else np.arange(len(mine.rows))
        assert np.array_equal(mine.matrix[at], every.matrix[is_taken][at], equal_nan=True)
    training = train(contract(), read, params, COMPUTE)
    told = describe(contract(), training, read, params)["trained_on"]
    assert (told["machines"], told["machines_left_out"]) == (len(machines), 12 - len(machines))
