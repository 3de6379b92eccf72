"""The audit log: what was done to it is found and named; two that both wrote are joined; no checkout changes."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oilcan.governance import audit_chain
from oilcan.ground.errors import DataError, OilcanError
from oilcan.io.repository import audit_branch
from oilcan.io.repository.git_plumbing import git, resolve
from oilcan.operations.governing import audit_log
from oilcan.operations.governing.audit_log import Act, append

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _git_of_its_own(monkeypatch):
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
        monkeypatch.setenv(name, "t")
    for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "t@localhost")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "dvc.lock").write_text("schema: '2.0'\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def record(root: Path, *names: str, start: datetime = START) -> list[str]:
    return [append(root, Act("incident", name, f"{name} saw it", commit="HEAD"), at=start + timedelta(hours=number))
            for number, name in enumerate(names)]


def put(root: Path, lines: list[str]) -> None:
    """Replace the log as somebody would who can write to the branch."""
    commit = audit_branch.write_commit(root, {audit_branch.LOG: "".join(f"{line}\n" for line in lines)}, [],
                                       author="x", at="2026-02-01T00:00:00Z", message="x\n")
    git(root, "update-ref", audit_branch.BRANCH, commit)


def test_an_entry_names_the_commit_and_its_lock(root):
    record(root, "Ada")
    (entry,) = audit_log.entries(root)
    assert entry.commit == resolve(root, "HEAD")
    assert entry.lock == hashlib.sha256((root / "dvc.lock").read_bytes()).hexdigest()
    assert (entry.at, entry.by, entry.previous) == ("2026-01-01T00:00:00Z", "Ada", [])


def test_no_checkout_changes(root):
    (root / "half.txt").write_text("unfinished work")
    before = git(root, "status", "--porcelain"), resolve(root, "HEAD")
    record(root, "Ada", "Ben")
    assert (git(root, "status", "--porcelain"), resolve(root, "HEAD")) == before
    assert not (root / "audit").exists()
    assert git(root, "ls-tree", "-r", "--name-only", "audit") == "audit/log.jsonl"


def test_the_same_acts_give_the_same_commits(root, tmp_path):
    record(root, "Ada", "Ben")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(root), str(other))
    git(other, "update-ref", "-d", "refs/remotes/origin/audit")
    record(other, "Ada", "Ben")
    assert resolve(other, "audit") == resolve(root, "audit")


def test_an_act_with_a_key_is_recorded_once(root):
    act = Act("promotion", "Ada", "better", key="demo-fleet@v1.0.0")
    first = append(root, act, at=START)
    record(root, "Ben")
    assert append(root, act, at=START + timedelta(days=9)) == first
    assert [entry.kind for entry in audit_log.entries(root)] == ["promotion", "incident"]


def edited(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace("Ben saw it", "Ben saw nothing"), *lines[2:]]


def edited_with_its_hash(lines: list[str]) -> list[str]:
    entry = audit_chain.read(lines[0] + "\n", "x")[0]
    return [entry.model_copy(update={"why": "nothing"}).line, *lines[1:]]


def swapped(lines: list[str]) -> list[str]:
    return [lines[0], lines[2], lines[1], lines[3]]


def forked(lines: list[str]) -> list[str]:
    second = audit_chain.AuditEntry.model_validate({k: v for k, v in json.loads(lines[2]).items() if k != "hash"})
    return [*lines, second.model_copy(update={"by": "Eve"}).line]


TAMPERINGS: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "an edit": (edited, "line 2: edited \\(incident by Ben"),
    "an edit with a new hash": (edited_with_its_hash, "line 2: an entry before it was deleted"),
    "a deletion": (lambda lines: [lines[0], *lines[2:]], "line 2: an entry before it was deleted"),
    "a deleted beginning": (lambda lines: lines[1:], "line 1: an entry before it was deleted"),
    "a reordering": (swapped, "line 2: reordered"),
    "a repetition": (lambda lines: [*lines, lines[1]], "line 5: repeats line 2"),
    "a fork": (forked, "fork: 2 entries are the last .*line 4.*line 5, incident by Eve"),
    "a cut tail": (lambda lines: lines[:2], "tail is cut"),
    "another log": (lambda _: [audit_chain.AuditEntry(
        previous=[], kind="gate", at="2026-01-01T00:00:00Z", by="Eve", why="mine").line], "tail is cut"),
    "no JSON": (lambda lines: [*lines, "{"], "line 5: edited \\(not an entry"),
    "other spaces": (lambda lines: [lines[0].replace(":", ": ", 1), *lines[1:]], "line 1: edited \\(not in the"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_by_its_name(root, name):
    tamper, wanted = TAMPERINGS[name]
    last = record(root, "Ada", "Ben", "Cem", "Dan")[-1]
    anchors = {"tag demo-fleet#production#1": last}
    assert audit_log.faults(root, anchors) == []
    put(root, tamper(audit_branch.read_log(root).splitlines()))
    found = audit_log.faults(root, anchors)
    assert any(re.search(wanted, fault) for fault in found), found
    assert any("set back" in fault for fault in found)


def test_nothing_is_added_to_a_log_that_was_changed(root):
    record(root, "Ada", "Ben", "Cem")
    put(root, edited(audit_branch.read_log(root).splitlines()))
    with pytest.raises(DataError, match="line 2: edited"):
        record(root, "Dan")


def test_a_commit_that_removes_lines_is_found_later(root):
    record(root, "Ada", "Ben")
    end = resolve(root, "audit")
    text = audit_branch.read_log(root)
    for content in ("", text):
        end = audit_branch.write_commit(root, {audit_branch.LOG: content}, [end], author="x",
                                        at="2026-02-01T00:00:00Z", message="x\n")
    git(root, "update-ref", audit_branch.BRANCH, end)
    assert [fault for fault in audit_log.faults(root, {}) if "removed or changed 2 lines" in fault]


def test_a_deleted_branch_is_found(root):
    record(root, "Ada")
    git(root, "branch", "-D", "audit")
    assert "the branch `audit` is gone" in audit_log.faults(root, {})[0]


def test_a_branch_that_is_checked_out_is_left_alone(root):
    record(root, "Ada")
    git(root, "switch", "-q", "audit")
    with pytest.raises(OilcanError, match="is checked out"):
        append(root, Act("incident", "Ben", "x"), at=START)


def test_two_clones_that_both_wrote_are_joined_alike(root, tmp_path):
    """The documented rule: every entry of both, in one order, and one entry that names both ends."""
    record(root, "Ada")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(root), str(clone))
    record(clone, "Ben", "Dan", start=START + timedelta(days=1))
    record(root, "Cem", start=START + timedelta(days=1, minutes=30))
    assert "1 entries of origin/audit are not here" not in str(audit_log.faults(clone, {}))
    git(clone, "fetch", "-q", "origin")
    git(root, "fetch", "-q", str(clone), "audit:refs/remotes/origin/audit")
    assert "entries of origin/audit are not here" in str(audit_log.faults(root, {}))

    assert audit_log.merge(clone) == 2
    assert audit_log.merge(root) == 3
    assert audit_branch.read_log(root) == audit_branch.read_log(clone)
    assert [entry.by for entry in audit_log.entries(root)] == ["Ada", "Ben", "Cem", "Dan", "oilcan"]
    assert audit_log.faults(root, {}) == audit_log.faults(clone, {}) == []
    git(root, "fetch", "-q", str(clone), "audit:refs/remotes/origin/audit", "--force")
    assert audit_log.merge(root) == 0
    record(root, "Eve", start=START + timedelta(days=2))
    assert audit_log.faults(root, {}) == []


def test_any_joining_in_any_order_keeps_every_entry_once():
    rng = random.Random(7)
    root = audit_chain.AuditEntry(previous=[], kind="gate", at="2026-01-01T00:00:00Z", by="review", why="x")
    logs = [[root] for _ in range(4)]
    for step in range(60):
        at = rng.randrange(4)
        if rng.random() < 0.6:
            logs[at] = [*logs[at], audit_chain.AuditEntry(
                previous=audit_chain.heads(logs[at]), kind="incident", by=str(at), why=str(step),
                at=(START + timedelta(minutes=rng.randrange(90))).isoformat().replace("+00:00", "Z"))]
        else:
            logs[at] = audit_chain.merged(logs[at], logs[rng.randrange(4)])
        assert audit_chain.faults(audit_chain.written(logs[at])) == []
    last = logs[0]
    for log in logs[1:]:
        last = audit_chain.merged(last, log)
    assert {entry.hash for log in logs for entry in log} <= {entry.hash for entry in last}
    assert audit_chain.faults(audit_chain.written(last)) == []


def test_logs_of_two_repositories_are_not_joined():
    one, two = (audit_chain.AuditEntry(previous=[], kind="gate", at="2026-01-01T00:00:00Z", by=name, why="x")
                for name in ("a", "b"))
    with pytest.raises(DataError, match="no entry in common"):
        audit_chain.merged([one], [two])


def test_many_writers_at_once_lose_nothing(root):
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: record(root, name), [f"w{number}" for number in range(12)]))
    assert sorted(entry.by for entry in audit_log.entries(root)) == sorted(f"w{number}" for number in range(12))
    assert audit_log.faults(root, {}) == []


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from oilcan.operations.governing.audit_log import Act, append
for number in range(1000):
    append(Path(sys.argv[1]), Act("incident", "w", str(number), key=str(number)), at=datetime(2026, 1, 1, tzinfo=UTC))
    print(number, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_log(root):
    rng = random.Random(5)
    acknowledged = -1
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(root)], stdout=subprocess.PIPE, text=True)
        for _ in range(rng.randrange(1, 4) + acknowledged + 1):
            acknowledged = max(acknowledged, int(writer.stdout.readline()))
        writer.kill()
        writer.communicate()
        for lock in (root / ".git").rglob("*.lock"):
            lock.unlink()                   # what git asks a person to do after a kill
        assert audit_log.faults(root, {}) == []
        assert {str(number) for number in range(acknowledged + 1)} <= {entry.why for entry in audit_log.entries(root)}


def test_a_lock_that_a_killed_git_left_is_named(root):
    record(root, "Ada")
    (root / ".git/refs/heads/audit.lock").touch()
    with pytest.raises(OilcanError, match=r"audit.lock.*delete it"):
        record(root, "Ben")
    (root / ".git/refs/heads/audit.lock").unlink()
    record(root, "Ben")
    assert [entry.by for entry in audit_log.entries(root)] == ["Ada", "Ben"]
