"""The small fleet's bundle with a policy that opens and closes alarms often."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.service.faults.faulty_service import FaultyService
from tests.service.faults.test_schedules import MACHINES, do

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.serving.model.loaded_bundle import LoadedBundle


@pytest.fixture(scope="session")
def served(_small_repo, tmp_path_factory) -> LoadedBundle:
    served = LoadedBundle.load(Path(_small_repo.path) / "models/bundle")
    service = FaultyService(f"sqlite:///{tmp_path_factory.mktemp('served')}/service.db", served)
    risks = []
    for hour in range(24):
        do(service, "hour", hour)
        risks += service.service.live.engine.board.values["p_failure"][:MACHINES].tolist()
    service.close()
    release, threshold = np.quantile(risks, [0.3, 0.5])
    policy = AlarmPolicy(float(threshold), float(release), confirm=1, refractory=10.0, per_week=6)
    served.headline = dataclasses.replace(served.headline, policy=policy)
    return served
