"""Faults of data, cache and remotes, each made for real; the table is docs/reliability.md."""

import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Repo
from tests.repo.closure import ROOT
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

FILES = 600


@pytest.fixture(scope="module")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A recorded folder of many small files, so that a command can be killed halfway, and a remote beside it."""
    repo = Repo(tmp_path_factory.mktemp("faults") / "repo")
    raw = repo.path / "data/raw"
    raw.mkdir(parents=True)
    (repo.path / "dvc.yaml").write_text("stages: {}\n")
    (repo.path / "params.yaml").write_text("a: 1\n")
    (repo.path / ".dvcignore").write_text((ROOT / ".dvcignore").read_text())
    for number in range(FILES):
        (raw / f"{number:04}.csv").write_text(f"machine_id,hours\n{number},1\n")
    repo.run("git", "init", "-q", "-b", "main")
    repo.run("dvc", "init", "-q")
    (repo.path / ".dvc/config").write_text(
        "[core]\n    remote = team\n['remote \"team\"']\n    url = ../../team\n    verify = true\n")
    repo.run("dvc", "add", "-q", "data/raw")
    repo.commit("a folder")
    return repo


@pytest.fixture
def repo(_template: Repo, tmp_path: Path) -> Repo:
    return _template.copy(tmp_path / "repo")


def _objects(store: Path) -> int:
    return sum(1 for path in store.glob("files/md5/??/*") if not path.name.endswith(".tmp"))


def _killed(repo: Repo, command: list[str], is_halfway: Callable[[], bool]) -> None:
    """Run a command of DVC, and kill it by the kernel once it is halfway."""
    with subprocess.Popen(["dvc", *command], cwd=repo.path, env=repo.environment(), stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: is_halfway() or process.poll() is not None, f"{command} never began to write", seconds=120)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"{command} had ended before it could be killed"


def _repaired(repo: Repo) -> None:
    """Everything is there and nothing is wrong, after the repair that the doctor offers."""
    repo.run("oilcan", "doctor", "files", "--repair")
    repo.run("dvc", "pull")
    _sound(repo)


def _sound(repo: Repo) -> None:
    assert "nothing wrong" in repo.run("oilcan", "doctor", "files").stdout
    assert sum(1 for _ in (repo.path / "data/raw").iterdir()) == FILES
    assert "up to date" in repo.run("dvc", "status").stdout


def test_a_killed_push_is_completed_by_the_next(repo, tmp_path):
    _killed(repo, ["push"], lambda: _objects(tmp_path / "team") > 20)
    assert _objects(tmp_path / "team") < FILES + 1
    repo.run("dvc", "push")
    assert _objects(tmp_path / "team") == FILES + 1


def test_a_killed_pull_and_a_killed_checkout_are_completed_by_the_next(repo):
    repo.run("dvc", "push")
    cache, raw = repo.path / ".dvc/cache", repo.path / "data/raw"
    shutil.rmtree(cache)
    shutil.rmtree(raw)
    _killed(repo, ["pull"], lambda: _objects(cache) > 20)
    _repaired(repo)
    shutil.rmtree(raw)
    _killed(repo, ["checkout"], lambda: raw.is_dir() and sum(1 for _ in raw.iterdir()) > 20)
    _repaired(repo)


def test_a_killed_gc_leaves_what_is_in_use(repo):
    for number in range(1, FILES):
        (repo.path / f"data/raw/{number:04}.csv").write_text(f"{number}\n")
    repo.run("dvc", "add", "-q", "data/raw")
    cache = repo.path / ".dvc/cache"
    before = _objects(cache)
    _killed(repo, ["gc", "--workspace", "--force"], lambda: _objects(cache) < before - 20)
    _sound(repo)
    repo.run("dvc", "gc", "--workspace", "--force")
    assert _objects(cache) == FILES + 1             # the files and their listing
    _sound(repo)


def test_a_corrupt_object_of_a_remote_is_refused_and_replaced_from_a_good_clone(repo, tmp_path):
    repo.run("dvc", "push")
    spoiled = next(path for path in (tmp_path / "team/files/md5").glob("??/*") if not path.name.endswith(".dir"))
    spoiled.chmod(0o644)
    spoiled.write_bytes(b"bits that rotted")
    clone = repo.clone(tmp_path / "clone")
    refused = clone.run("dvc", "pull", check=False)
    assert refused.returncode != 0
    assert sum(1 for _ in (clone.path / "data/raw").glob("*.csv")) < FILES
    spoiled.unlink(missing_ok=True)
    for listing in (tmp_path / "team/files/md5").glob("??/*.dir"):
        listing.unlink()                            # where it finds the listing, push takes the files for granted
    repo.run("dvc", "push", DVC_SITE_CACHE_DIR=str(tmp_path / "another site-cache"))    # and it remembers what it saw
    _repaired(clone)


def _with_its_own_mounts(repo: Repo, script: str) -> str:
    """What a shell prints that may mount; the mounts are its own and end with it."""
    return repo.run("unshare", "--mount", "--map-root-user", "bash", "-euc", script).stdout


def test_a_full_remote_refuses_and_takes_the_rest_once_there_is_room(repo, tmp_path):
    (tmp_path / "team").mkdir()
    printed = _with_its_own_mounts(repo, """
        mount -t tmpfs -o size=1m tmpfs ../team
        dvc push 2>&1 && exit 1
        mount -o remount,size=50m ../team
        dvc push
        find ../team/files -type f ! -name '*.tmp' | wc -l
    """)
    assert "No space left on device" in printed
    assert printed.split()[-1] == str(FILES + 1)


def test_a_full_disk_stops_a_pull_and_the_next_one_completes_it(repo):
    repo.run("dvc", "push")
    shutil.rmtree(repo.path / "data/raw")
    shutil.rmtree(repo.path / ".dvc/cache")
    (repo.path / "data/raw").mkdir()
    (repo.path / ".dvc/cache").mkdir()
    printed = _with_its_own_mounts(repo, """
        mount -t tmpfs -o size=1m tmpfs .dvc/cache
        dvc pull 2>&1 && exit 1
        mount -o remount,size=50m .dvc/cache
        oilcan doctor files --repair
        dvc pull
        oilcan doctor files
        find data/raw -type f | wc -l
    """)
    assert "No space left on device" in printed
    assert "nothing wrong" in printed
    assert printed.split()[-1] == str(FILES)


def test_a_read_only_cache_can_be_read_and_refuses_to_be_written(repo):
    shutil.rmtree(repo.path / "data/raw")
    printed = _with_its_own_mounts(repo, """
        mount --bind -o ro .dvc/cache .dvc/cache
        dvc checkout
        dvc status
        touch data/raw/new.csv
        dvc add data/raw 2>&1 && exit 1
        rm data/raw/new.csv
    """)
    assert "up to date" in printed
    assert "Read-only file system" in printed
    _sound(repo)


def test_a_corrupt_object_of_the_cache_is_named_and_brought_again(repo):
    repo.run("dvc", "push")
    spoiled = next(path for path in (repo.path / ".dvc/cache/files/md5").glob("??/*") if not path.name.endswith(".dir"))
    spoiled.chmod(0o644)
    spoiled.write_bytes(b"bits that rotted")
    named = repo.run("oilcan", "doctor", "files", check=False)
    assert named.returncode == 1
    assert spoiled.name in named.stdout
    _repaired(repo)
