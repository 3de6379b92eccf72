"""Whoever calls the retraining, the same data and code give the same `dvc.lock`, byte for byte."""

import pytest
from tests.ops.schedulers.scheduled_runs import SCHEDULERS


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=lambda scheduler: scheduler.__name__)
def test_every_scheduler_gives_the_lock_files_of_dvc_repro(scheduler, due, by_hand, tmp_path):
    assert scheduler(due, tmp_path / "run") == by_hand
