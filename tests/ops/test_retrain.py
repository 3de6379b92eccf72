"""`oilcan retrain`: killed after each step and at random moments, the checkout untouched, a branch to be reviewed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tests.ops.killing import Killer
from tests.stages.running import ROOT

from oilcan.cli.renewal import retrain as retrain_command
from oilcan.ground.errors import ContractError, OilcanError
from oilcan.ground.time_units import moment
from oilcan.io.stores import open_store
from oilcan.io.stores.tables.decision_table import NewDecision
from oilcan.operations.governing import audit_log
from oilcan.operations.renewal import asked_retraining, retraining
from oilcan.operations.renewal.asked_retraining import Asked
from oilcan.operations.renewal.repository_contract import chosen_contract

NOW = time.time_ns() // 1000
DAY = 86_400_000_000
STEPS = 7
PIPELINE = list(retraining.STEPS).index("pipeline")
WHO = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@localhost", "GIT_COMMITTER_NAME": "t",
       "GIT_COMMITTER_EMAIL": "t@localhost"}



@pytest.fixture
def plant(small_repo):
    """A repository in which two stages have something to do, with a service that has taken in nothing.

    What a month of readings does to a retraining is shown in test_whole_loop.py; here a run is repeated many times.
    """
    small_repo.set_params(evaluate={"bootstrap": 21})
    small_repo.commit("more draws")
    (small_repo.path / ".oilcan").mkdir(exist_ok=True)
    open_store(f"sqlite:///{small_repo.path / '.oilcan/service.db'}").close()
    return small_repo


def retrain(plant, *words, check=True):
    return plant.run("oilcan", "retrain", "--store", f"sqlite:///{plant.path / '.oilcan/service.db'}", *words,
                     check=check)


KILLED = """
import os, signal, sys
from oilcan import cli
from oilcan.operations.renewal import retraining
after, note = int(sys.argv[1]), retraining._Run.note
def killed(self, step, facts):
    if len(self.done) == after:                         # the work of the step is done and not written down
        os.kill(os.getpid(), signal.SIGKILL)
    note(self, step, facts)
retraining._Run.note = killed
cli.main(sys.argv[2:])
"""


def retrained(plant):
    """The one branch, whose work is whole: nothing half, nothing in the checkout, one entry in the log."""
    (branch,) = plant.run("git", "for-each-ref", "--format=%(refname:short)", "refs/heads/retrain").stdout.split()
    assert "dvc.lock" in plant.run("git", "diff", "--name-only", "HEAD", branch).stdout.split()
    assert plant.run("git", "show", f"{branch}:models/bundle.verdict.json").stdout.count('"decision"') == 1
    (entry,) = (entry for entry in audit_log.entries(plant.path) if entry.kind == "retrain")
    assert entry.detail["run"]["cpu_s"] > 0
    assert audit_log.faults(plant.path, {}) == []
    assert len(plant.run("git", "worktree", "list").stdout.splitlines()) == 1
    return branch


def checkout(plant):
    return plant.run("git", "status", "--porcelain").stdout, plant.run("git", "rev-parse", "HEAD").stdout


@pytest.mark.slow
def test_killed_after_each_step_and_at_random_moments_it_goes_on_and_leaves_a_branch(plant):
    before = checkout(plant)
    dry = retrain(plant, "--because", "a test").stdout
    assert "would retrain: demo_fleet-" in dry
    assert not (plant.path / ".oilcan/retrain").exists()
    store = f"sqlite:///{plant.path / '.oilcan/service.db'}"
    words = ["retrain", "--store", store, "--because", "a test", "--yes"]
    for after in range(STEPS):
        done = subprocess.run([sys.executable, "-c", KILLED, str(after), *words], cwd=plant.path, check=False,
                              env=plant.environment(), capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
        if after == PIPELINE:                                   # DVC writes both in place, and may be killed then
            (tree,) = (plant.path / ".oilcan/retrain").glob("*/")
            (tree / ".dvc/tmp/rwlock").write_text("")
            (tree / "dvc.lock").write_text("")
    ended = retrain(plant, "--because", "a test", "--yes").stdout
    branch = retrained(plant)
    assert branch in ended
    assert checkout(plant) == before
    again = retrain(plant, "--because", "a test", "--yes", check=False)
    assert "this branch exists already" in again.stderr

    plant.run("git", "branch", "-D", branch)
    draw, kills = random.Random(20261129), 0
    with Killer(plant.environment()) as killer:
        for _ in range(6):                      # each goes on where the one before was killed
            kills += not killer.run("retrain", {"root": str(plant.path), "store": store},
                                    after=draw.uniform(0.1, 6)).finished
            assert checkout(plant) == before
            assert audit_log.faults(plant.path, {}) == []
            if plant.run("git", "for-each-ref", "refs/heads/retrain").stdout:
                break
        killer.run("retrain", {"root": str(plant.path), "store": store})
    assert kills
    assert retrained(plant) == branch
    assert checkout(plant) == before


@pytest.fixture
def store(tmp_path):
    with contextlib.closing(open_store(f"sqlite:///{tmp_path / 'decided.db'}")) as opened:
        yield opened


@pytest.fixture
def root(tmp_path):
    """A repository with contracts and rules, and nothing that could run."""
    folder = tmp_path / "repo"
    (folder / "datasets").mkdir(parents=True)
    for name in ("datasets/demo_fleet.yaml", "params.yaml", "retrain.yaml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True, env=os.environ | WHO)
    return folder


def asked(root, store, *, because=None, act=False):
    contract = chosen_contract(root, None)
    return asked_retraining.answer(Asked(root, contract, because, "t", NOW, act), store, say=lambda _: None)


def step(root, store, name, *, because=None, act=True):
    asked_for = Asked(root, chosen_contract(root, None), because, "t", NOW, act)
    return asked_retraining.answer_step(asked_for, store, name)


def decided(store, days_ago, window, alerts, **more):
    detail = {"window": window, "age_days": 20.0, "loss_at_least_eur": None}
    detail |= more if alerts is None else {"alerts": alerts} | more
    store.decisions.add(NewDecision("t", "nothing", ("told",), detail=detail), NOW - round(days_ago * DAY))


def test_the_recorded_decisions_are_what_the_policies_read(root, store):
    for at, alerts in ((15, []), (8, ["drift vibration"]), (1, ["drift vibration", "cost"])):
        decided(store, at, f"week {at}", alerts)
    decided(store, 0.5, "week 1", ["drift vibration"])          # the same window, asked again: it counts once
    dry = asked(root, store)
    assert dry.lines[0].startswith("would retrain: demo_fleet-")
    assert dry.lines[0].endswith("-drift")
    assert dry.lines[1] == "  drift: 2 of the last 3 windows had an open alert, week 1 included (wanted 2)"
    assert not (root / ".oilcan").exists()


def test_a_fault_of_a_sensor_is_repaired_and_not_learned_from(root, store):
    for at in (8, 1):
        decided(store, at, f"week {at}", ["quality:resting:vibration_mm_s"], learnable=0)
    asleep = asked(root, store)
    assert asleep.outcome == "not_due"
    assert "  drift: 0 of the last 2 windows had an open alert, week 1 not (wanted 2)" in asleep.lines


def test_no_fresh_decision_cannot_be_told(root, store):
    assert asked(root, store).outcome == "cannot_tell"
    decided(store, 2, "week 2", None)
    came = asked(root, store, act=True)
    assert came.outcome == "cannot_tell"
    assert came.lines[0] == "cannot tell: nothing is retrained"


def test_a_log_that_was_changed_cannot_be_told(root, store):
    decided(store, 1, "week 1", ["drift"])
    decided(store, 8, "week 8", ["drift"])
    audit_log.append(root, audit_log.Act("incident", "t", "something"), at=moment(NOW))
    forged = subprocess.run(["git", "show", "audit:audit/log.jsonl"], cwd=root, check=True, capture_output=True,
                            text=True).stdout.replace("something", "nothing")
    blob = subprocess.run(["git", "hash-object", "-w", "--stdin"], cwd=root, check=True, capture_output=True, text=True,
                          input=forged).stdout.strip()
    tree = _tree(root, f"100644 blob {blob}\tlog.jsonl\n")
    commit = subprocess.run(["git", "commit-tree", _tree(root, f"040000 tree {tree}\taudit\n"), "-m", "forged"],
                            cwd=root, check=True, capture_output=True, text=True,
                            env=os.environ | WHO).stdout.strip()
    subprocess.run(["git", "update-ref", "refs/heads/audit", commit], cwd=root, check=True)
    assert asked(root, store, act=True).outcome == "cannot_tell"


def _tree(root, lines):
    return subprocess.run(["git", "mktree"], cwd=root, check=True, capture_output=True, text=True,
                          input=lines).stdout.strip()


def test_a_split_by_dates_does_not_roll_forward(root, store):
    contract = root / "datasets/demo_fleet.yaml"
    contract.write_text(contract.read_text().replace("test: 0.2", "test: '2024-10-01'"))
    with pytest.raises(ContractError, match=r"does not roll forward with the data \(split\.test is a date"):
        asked(root, store, because="a test", act=True)
    assert np.size(list((root / ".oilcan").glob("*"))) == 0


def test_the_command_names_the_steps_there_are():
    assert retrain_command.STEPS == asked_retraining.ALL_STEPS


def test_a_step_wants_those_before_it(root, store):
    with pytest.raises(OilcanError, match=r"no retraining of demo_fleet has begun\. Run `oilcan retrain --step begin"):
        step(root, store, "fetch")
    assert step(root, store, "begin", because="a test", act=False).lines[0].startswith("would retrain: demo_fleet-")
    begun = step(root, store, "begin", because="a test")
    assert begun.lines[0].startswith("begun: demo_fleet-")
    assert step(root, store, "begin", because="again") == begun         # what has begun is what is gone on with
    with pytest.raises(OilcanError, match=r"step 'pipeline' comes after 'make a worktree', which is not done"):
        step(root, store, "pipeline")


def test_it_does_not_begin_before_it_is_time(root, store):
    decided(store, 1, "week 1", [])
    assert step(root, store, "begin").outcome == "not_due"
    assert not (root / ".oilcan").exists()


@pytest.mark.parametrize(("decision", "outcome"), [("promote", "done"), ("hold", "held"), ("reject", "held")])
def test_the_gate_of_the_newest_retraining_decides(root, store, decision, outcome):
    with pytest.raises(OilcanError, match="the audit log knows no retraining of demo_fleet"):
        step(root, store, "gate")
    for name, each in (("first", "hold"), ("second", "promote"), ("third", decision)):
        detail = {"decision": each, "reasons": [f"why {each}"]}
        audit_log.append(root, audit_log.Act("retrain", "t", "a test", key=name, dataset="demo_fleet", detail=detail),
                         at=moment(NOW))
    came = step(root, store, "gate")
    assert came == asked_retraining.RetrainAnswer((f"{decision}: retrain/third", f"  why {decision}"), outcome)
    assert step(root, store, "remove").lines == ("nothing to remove",)
