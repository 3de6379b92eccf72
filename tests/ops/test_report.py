"""`oilcan report` in the repositories where reviewers run it: without data, in a shallow clone, with a metric lost."""

import json
import re
import resource

import pytest
from tests.conftest import Repo, tracked_files
from tests.repo.closure import ROOT


@pytest.fixture
def repo(tmp_path) -> Repo:
    """What git holds of this repository's settings and results, and a change of one parameter and two metrics."""
    made = Repo(tmp_path / "repo")
    for name in tracked_files():
        if name.startswith((".dvc/", "datasets/", "metrics/", "plots/", "models/")) or "/" not in name:
            target = made.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    made.run("git", "init", "-q", "-b", "main")
    made.commit("base")
    file = made.path / "metrics/evaluate.json"
    values = json.loads(file.read_text())
    values["costs"]["model"] += 100
    file.write_text(json.dumps(values))
    made.set_params(review={"bootstrap": 50})
    made.run("git", "switch", "-q", "-c", "change")
    made.commit("a change")
    return made


def test_a_fork_without_data_gets_the_report_and_is_not_promised_more(repo):
    before = _processor_seconds()
    text = repo.run("oilcan", "report", "main").stdout
    assert _processor_seconds() - before < 20           # not the clock: other tests run beside this one
    for words in ("**Gate: ", "| costs.model |", "not compared", "not in the cache", "`review.bootstrap` | 200 | 50",
                  "Audit log: no entries", "`dvc fetch`", "- pipeline: `params.yaml`"):
        assert words in text
    assert "better" not in text.split("In brackets")[0].replace("is called better", "")


def test_a_changed_audit_log_stands_in_the_report(repo):
    repo.run("oilcan", "incident", "A pump broke", "--what", "it leaks", "--by", "Ada Lind")
    log = repo.run("git", "show", "audit:audit/log.jsonl").stdout.replace("Ada Lind", "Ben Ode")
    files = repo.path.with_name("log")
    (files / "audit").mkdir(parents=True)
    (files / "audit/log.jsonl").write_text(log)
    repo.run("git", "--work-tree", str(files), "add", "--all", GIT_INDEX_FILE=str(files / "index"))
    tree = repo.run("git", "write-tree", GIT_INDEX_FILE=str(files / "index")).stdout.strip()
    repo.run("git", "update-ref", "refs/heads/audit", repo.run("git", "commit-tree", tree, "-m", "x").stdout.strip())
    text = repo.run("oilcan", "report", "main").stdout
    assert re.search("Audit log: broken: .*line 1: edited .incident by Ben Ode", text), text[-500:]


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_shallow_clone_fetches_the_base(repo):
    clone = Repo(repo.path.with_name("clone"))
    repo.run("git", "clone", "-q", "--depth=1", "--branch=change", f"file://{repo.path}", str(clone.path))
    assert "`review.bootstrap` | 200 | 50" in clone.run("oilcan", "report", "origin/main").stdout
    refused = clone.run("oilcan", "report", "nobody", check=False)
    assert refused.returncode == 1
    assert "`git fetch --depth=1 origin nobody`" in refused.stderr


def test_a_lost_metric_is_an_error(repo):
    file = repo.path / "metrics/evaluate.json"
    values = json.loads(file.read_text())
    del values["events"]["detected_share"]
    file.write_text(json.dumps(values))
    repo.commit("a metric got lost")
    report = repo.run("oilcan", "report", "main", "--out", "reports/pull_request.md", check=False)
    assert report.returncode == 1
    text = (repo.path / "reports/pull_request.md").read_text()
    assert "| events.detected_share | 0" in text
    assert "**Missing, so this report fails:** events.detected_share in metrics/evaluate.json." in text
    assert "![Precision and recall](pull_request/pr.svg)" in text
    assert (repo.path / "reports/pull_request/pr.svg").read_text().startswith("<svg xmlns")
    file.unlink()
    repo.commit("all metrics got lost")
    refused = repo.run("oilcan", "report", "main", check=False)
    assert refused.returncode == 1
    assert "metrics/evaluate.json: not in HEAD" in refused.stderr
