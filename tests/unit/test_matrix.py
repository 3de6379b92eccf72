from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.training_frames import fleet, plan, write

from oilcan.ground.errors import IntegrityError
from oilcan.io.batches import feature_rows
from oilcan.io.stage import table_files


def test_rows_and_features_come_in_the_order_of_the_rows(tmp_path):
    rows, features, _ = frames = fleet()
    paths = write(tmp_path, frames)
    kept, found = feature_rows.read_rows(
        Path(paths["prepared"]), Path(paths["features"]), plan(6), "validation", "test")
    wanted = rows["part"].isin(["validation", "test"]).to_numpy()
    assert np.array_equal(found, features[wanted], equal_nan=True)
    assert kept["time"].tolist() == rows.loc[wanted, "time"].tolist()


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_partitions_are_whole_wherever_pieces_of_the_table_end(tmp_path, monkeypatch, piece):
    rows, *_ = frames = fleet()
    monkeypatch.setattr(table_files, "_PIECE", piece)
    found = list(feature_rows.partitions(Path(write(tmp_path, frames)["prepared"])))
    assert len(found) == rows["partition"].nunique() > 1
    for part, (_, wanted) in zip(found, rows.groupby("partition"), strict=True):
        pd.testing.assert_frame_equal(part, wanted.reset_index(drop=True))


def test_only_the_wanted_rows_of_a_part_are_read_at_their_places(tmp_path):
    rows, features, _ = frames = fleet()
    paths = write(tmp_path, frames)
    of_part = features[(rows["part"] == "validation").to_numpy()]
    wanted = np.arange(len(of_part)) % 3 == 1
    picked = feature_rows.read_picked(Path(paths["prepared"]), Path(paths["features"]), plan(6), "validation", wanted)
    assert len(picked) == len(of_part)
    assert np.array_equal(picked[np.flatnonzero(wanted)], of_part[wanted], equal_nan=True)


def test_machines_are_counted_and_read_with_all_of_their_rows(tmp_path):
    rows, *_ = frames = fleet()
    prepared = Path(write(tmp_path, frames)["prepared"])
    wanted = rows[rows["part"].isin(["train", "validation"])]["machine_id"].value_counts().sort_index()
    assert feature_rows.count_by_machine(prepared, "train", "validation").to_dict() == wanted.to_dict()
    kept, is_kept = feature_rows.read_machines(prepared, "train", wanted.index[:2])
    of_part = rows[rows["part"] == "train"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, of_part[is_kept].reset_index(drop=True))
    assert set(kept["machine_id"]) == set(wanted.index[:2])


def test_features_of_other_rows_are_refused(tmp_path):
    paths = write(tmp_path, fleet())
    part = Path(paths["features"]) / "part-0001.parquet"
    table_files.write_table(table_files.read_table(part).iloc[::-1], part)
    with pytest.raises(IntegrityError, match=r"part-0001.parquet: holds other rows than"):
        feature_rows.read_rows(Path(paths["prepared"]), Path(paths["features"]), plan(6), "train")


def test_a_plan_that_was_edited_is_refused(tmp_path):
    paths = write(tmp_path, fleet(machines=1))
    file = Path(paths["features"]) / "plan.json"
    file.write_text(file.read_text().replace("mm/s", "m/s"))
    with pytest.raises(IntegrityError, match="content and hash disagree"):
        feature_rows.read_plan(Path(paths["features"]))
