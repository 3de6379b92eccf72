"""What the first pass over a partition keeps of its readings."""

import dataclasses

import numpy as np
import pytest

from oilcan.monitoring.reference.reference_learning import Sums, add_up

READINGS, EVERY = 1000, 50


@pytest.fixture(scope="module")
def kept() -> Sums:
    level = np.random.default_rng(0).normal(size=(READINGS, 3))
    codes = np.repeat([0, 1], READINGS // 2)
    return add_up(["a", "b"], codes, np.arange(READINGS) % 4, level, level, level[:, :2], keep_every=EVERY)


def test_the_sample_is_every_kth_reading_with_its_machine_and_quarter(kept: Sums) -> None:
    at = np.arange(0, READINGS, EVERY)
    assert kept.sample.shape == (len(at), 3)
    assert (kept.sample[:, :2] == kept.conditions).all()
    assert kept.sample_at.tolist() == [[int(row >= READINGS // 2), row % 4] for row in at]


def test_the_readings_themselves_are_not_kept(kept: Sums) -> None:
    arrays = {field.name: getattr(kept, field.name) for field in dataclasses.fields(kept) if field.name != "machines"}
    held = {name: (array if array.base is None else array.base).nbytes for name, array in arrays.items()}
    assert max(held.values()) < READINGS * 8
