"""The silent failures of DVC that were measured, each reproduced here and closed.

An input edited during a run, an orphan writing beside a new run, a corrupt object taken for good,
an idle `--dry` that says nothing, a run killed at any moment.
"""

import fcntl
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.waiting import wait_until

pytestmark = pytest.mark.slow

STAGES = ("ingest", "validate", "prepare", "featurize", "train", "predict", "explain", "evaluate",
          "reference", "package", "monitor", "review")


@contextmanager
def _started(repo, *command: str, **extra: str) -> Iterator[subprocess.Popen]:
    with subprocess.Popen(command, cwd=repo.path, env=repo.environment(**extra), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, start_new_session=True) as process:
        yield process


def _wait_for_line(process: subprocess.Popen, text: str) -> None:
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return
    raise AssertionError(f"{text!r} was never said, but: {''.join(said)}")


def _kill_in(repo, stage: str, after: float) -> None:
    """`dvc repro`, killed by the kernel some seconds into a stage; nothing of it is left running."""
    with _started(repo, "dvc", "repro") as process:
        _wait_for_line(process, f"Running stage '{stage}'")
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
    _wait_for_the_end(repo)


def _wait_for_the_end(repo) -> None:
    # 20 s: one that was just starting reads its imports first
    wait_until(lambda: not _stage_processes(repo), "the stage outlived `dvc repro`")


def _stage_processes(repo) -> list[int]:
    """Those whose program is a stage; a shell that is about to start one holds it in a longer argument."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            here = (place / "cwd").readlink()
        except OSError:             # it ended meanwhile
            continue
        if here == repo.path and any(word.startswith(b"src/stages/") for word in words):
            found.append(int(place.name))
    return found


def test_runs_killed_in_every_stage_go_on_at_the_next(small_repo):
    wanted = small_repo.lock()
    (small_repo.path / "dvc.lock").unlink()
    small_repo.run("rm", "-rf", ".dvc/cache/runs")
    for at, stage in enumerate(STAGES):
        small_repo.run("oilcan", "doctor", "start")     # as `make repro` does: the kill may have cut DVC's own notes
        _kill_in(small_repo, stage, after=0.4 + 0.3 * (at % 4))
    small_repo.run("oilcan", "doctor", "start")
    small_repo.run("dvc", "repro")
    # entries stand in the order in which stages first ended, which kills may change; nothing else may differ
    assert {name: yaml.safe_load(text) for name, text in small_repo.lock().items()} == {
        name: yaml.safe_load(text) for name, text in wanted.items()}
    small_repo.run("git", "restore", "--staged", "--worktree", "dvc.lock")
    assert small_repo.run("git", "status", "--porcelain").stdout == ""


def test_notes_that_a_killed_dvc_cut_off_are_mended(small_repo):
    wanted = small_repo.lock()
    (small_repo.path / ".dvc/tmp/rwlock").write_text("", encoding="utf-8")
    refused = small_repo.run("dvc", "repro", check=False)
    assert "JSON structure is corrupted" in refused.stdout + refused.stderr
    for name, content in wanted.items():
        (small_repo.path / name).write_bytes(content[:content.rindex(b"cmd:") + 2])
    said = small_repo.run("oilcan", "doctor", "start").stdout
    assert [line.split(":")[1].strip() for line in said.splitlines() if "fixed: " in line] == [
        ".dvc/tmp/rwlock", "dvc.lock", "data/dvc.lock"]
    assert "up to date" in small_repo.run("dvc", "repro").stdout
    assert small_repo.lock() == wanted


def _wait_for_workers(repo) -> None:
    """Until the stage has taken its digests and read its inputs: it has started processes of its own."""
    wait_until(lambda: _workers(repo), "the stage never came to work", seconds=60)


def _workers(repo) -> list[int]:
    """Processes that stages have started."""
    stages, found = set(_stage_processes(repo)), []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:             # it ended meanwhile
            continue
        if parent in stages:
            found.append(int(stat.parent.name))
    return found


def test_an_input_edited_during_a_run_is_not_recorded(small_repo):
    contract = small_repo.path / "datasets/demo_fleet.yaml"
    small_repo.set_params(compute={"jobs": 2}, train={"hist_gradient_boosting": {"iterations": 400}})
    with _started(small_repo, "dvc", "repro", "-s", "train") as process:
        _wait_for_line(process, "Running stage 'train'")
        _wait_for_workers(small_repo)
        contract.write_text(contract.read_text(encoding="utf-8") + "\n# edited meanwhile\n", encoding="utf-8")
        said = process.stdout.read()
    assert process.returncode != 0, said
    assert "inputs changed while the stage was running" in said
    assert "datasets/demo_fleet.yaml" in said
    assert small_repo.run("dvc", "status", "-q", check=False).returncode == 1


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])     # DVC runs a command with the user's, cron with sh
def test_an_orphan_cannot_write_beside_a_new_run(small_repo, shell):
    small_repo.set_params(compute={"jobs": 2}, train={"hist_gradient_boosting": {"iterations": 400}})
    with _started(small_repo, "dvc", "repro", "-s", "train", SHELL=shell) as process:
        _wait_for_line(process, "Running stage 'train'")
        _wait_for_workers(small_repo)
        time.sleep(1)
        workers = _workers(small_repo)
        process.send_signal(signal.SIGKILL)
    time.sleep(3)
    assert _stage_processes(small_repo) == []
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []


def test_an_orphan_of_a_run_that_ended_at_once_does_nothing(small_repo):
    small_repo.set_params(train={"seed": 5})
    _kill_in(small_repo, "train", after=0.2)


def test_a_corrupt_cache_object_is_found_and_repaired(small_repo):
    lock = yaml.safe_load((small_repo.path / "dvc.lock").read_text(encoding="utf-8"))
    model = next(out for out in lock["stages"]["train"]["outs"] if out["path"] == "models/model")
    cache = small_repo.path / ".dvc/cache/files/md5"
    listing = json.loads((cache / model["md5"][:2] / model["md5"][2:]).read_text(encoding="utf-8"))
    part = next(entry["md5"] for entry in listing if entry["relpath"] == "served/forecasts.json")
    stored = cache / part[:2] / part[2:]
    stored.chmod(0o644)
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    stored.chmod(0o444)
    shutil.rmtree(small_repo.path / "models/model")
    small_repo.run("rm", "-rf", str(small_repo.path.parent / "site-cache"))
    small_repo.run("dvc", "checkout", "--allow-missing")      # the sample data sets were never pulled here

    small_repo.set_params(predict={"rows_per_batch": 777})
    refused = small_repo.run("dvc", "repro", check=False)
    assert refused.returncode != 0
    assert "models/model" in refused.stdout + refused.stderr
    found = small_repo.run("oilcan", "doctor", "files", check=False)
    assert found.returncode == 1
    small_repo.run("oilcan", "doctor", "files", "--repair")
    small_repo.run("dvc", "repro")
    assert small_repo.run("oilcan", "doctor", "files").returncode == 0


def test_fresh_says_what_would_run_and_fails(small_repo):
    assert small_repo.run("oilcan", "doctor", "lock").returncode == 0
    small_repo.set_params(train={"seed": 9})
    stale = small_repo.run("oilcan", "doctor", "lock", check=False)
    assert stale.returncode == 1
    assert "train" in stale.stdout + stale.stderr


def test_fresh_works_on_a_clone_without_data(small_repo, tmp_path):
    clone = small_repo.clone(tmp_path / "clone")
    assert clone.run("oilcan", "doctor", "lock").returncode == 0
    clone.set_params(train={"seed": 9})
    assert clone.run("oilcan", "doctor", "lock", check=False).returncode == 1


def test_two_runs_at_once_are_refused_clearly(small_repo):
    (small_repo.path / ".dvc/tmp").mkdir(exist_ok=True)
    with (small_repo.path / ".dvc/tmp/project.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = small_repo.run("make", "-o", "install", "repro", check=False)
    assert refused.returncode != 0
    assert "another make is running the pipeline here" in refused.stdout + refused.stderr
