from pathlib import Path

import numpy as np
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
