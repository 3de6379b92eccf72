"""kill -9 at random moments of promote and rollback: the next run goes on, and no state is half.

Random kills of collect stand in test_collect.py, of retrain in test_retrain.py; together they are fifty.

The seeds are fixed, the moments are not to the microsecond: whatever moment it is, the same must hold.
"""

import os
import random
from datetime import UTC, datetime, timedelta

import pytest
from tests.ops.conftest import make
from tests.ops.killing import Killer

from oilcan.io.repository.git_plumbing import git
from oilcan.operations.governing import audit_log, model_status

AT = datetime(2026, 5, 1, tzinfo=UTC)
KILLS = 34              # of promotions and rollbacks; with 10 collections and 6 retrainings: 50
VERSIONS = {"HEAD~2": "v1.0.0", "HEAD~1": "v1.1.0", "HEAD": "v1.2.0"}


@pytest.mark.slow
def test_promotions_and_rollbacks_killed_at_random_moments(registry, models):
    make(registry, models / "third")
    draw, path, kills, acts = random.Random(20261127), str(registry.path), 0, 0
    with Killer(os.environ) as killer:
        for number, revision in enumerate(VERSIONS):        # each is a version that was in service once
            took = killer.run("promote", {"root": path, "revision": revision,
                                          "at": (AT + timedelta(hours=number)).isoformat()}).seconds
        before = "v1.2.0"
        while kills < KILLS:
            acts += 1
            at = (AT + timedelta(days=acts)).isoformat()
            goal = draw.choice([version for version in VERSIONS.values() if version != before])
            revision = next(each for each, version in VERSIONS.items() if version == goal)
            act, words = draw.choice([("promote", {"revision": revision}), ("rollback", {"to": goal})])
            words |= {"root": path, "at": at}
            ended = killer.run(act, words, after=draw.uniform(0, took))
            kills += not ended.finished
            took = ended.seconds if ended.finished else took        # an act that was done sooner than the kill came
            assert all("interrupted" in fault for fault in model_status.faults(registry.path))
            assert model_status.standing(registry.path, "fleet").version in {before, goal}
            killer.run(act, words)
            assert model_status.faults(registry.path) == []
            assert model_status.standing(registry.path, "fleet").version == goal
            before = goal
    log = audit_log.entries(registry.path)
    done = [entry for entry in log if "completes" in entry.detail]
    assert len(done) == len(VERSIONS) + acts                # each act once, however often it was begun
    assert git(registry.path, "status", "--porcelain") == ""
