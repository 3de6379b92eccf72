"""Remotes against real local servers: push, fresh clone, pull, nothing to run; who may read, who may write."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Repo
from tests.ops import remote_servers
from tests.ops.environments import environment
from tests.ops.remote_servers import Remote

pytestmark = pytest.mark.slow

KINDS = {"s3": remote_servers.s3, "azure": remote_servers.azure, "google": remote_servers.google,
         "ssh": remote_servers.ssh, "folder": remote_servers.plain_folder}
ASKS_FOR_A_KEY = {"s3", "azure"}        # a folder's rights are the file system's; Google's emulator checks none
PIPELINE = """
stages:
  train:
    cmd: cat readings.csv readings.csv > model.txt
    deps: [readings.csv]
    outs: [model.txt]
"""
CORE = f"{Path(sys.executable).parent}:/usr/bin:/bin"


class TeamRepo(Repo):
    """A checkout whose `dvc` knows S3, Azure, Google Cloud and SSH, and no credentials of the machine."""

    def environment(self, **extra: str) -> dict[str, str]:
        clean = {name: value for name, value in super().environment(**extra).items()
                 if not name.startswith(("AWS_", "AZURE_", "GOOGLE_", "SSH_"))}
        return clean | {"PATH": f"{environment('remotes')}:/usr/bin:/bin", "HOME": str(self.path.parent),
                        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false", "AWS_EC2_METADATA_DISABLED": "true"} | extra

    def clone(self, path: Path) -> "TeamRepo":
        return TeamRepo(super().clone(path).path)

    def configure(self, settings: Mapping[str, str], *, local: bool = False, name: str = "team") -> None:
        """What `dvc remote add -d` and `dvc remote modify` write."""
        lines = ["[core]", f"    remote = {name}", f"['remote \"{name}\"']"]
        lines += [f"    {word} = {value}" for word, value in settings.items()]
        (self.path / ".dvc" / ("config.local" if local else "config")).write_text("\n".join(lines) + "\n")

    def refused(self, command: str, **extra: str) -> str:
        """The messages of a command that must be refused: one, and one for each file that it could not bring."""
        done = self.run("dvc", command, check=False, **extra)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        assert errors, done.stderr
        return "\n".join(errors)


@pytest.fixture(scope="module")
def plain_repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A team's repository, whose pipeline has run, without a remote."""
    made = Repo(tmp_path_factory.mktemp("team") / "repo")
    made.path.mkdir()
    (made.path / "dvc.yaml").write_text(PIPELINE)
    (made.path / "params.yaml").write_text("a: 1\n")
    (made.path / "readings.csv").write_text("machine_id,hours\n1,2\n")
    made.run("git", "init", "-q", "-b", "main")
    made.run("dvc", "init", "-q")
    made.run("dvc", "add", "-q", "readings.csv")
    made.run("dvc", "repro", "-q")
    return made


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def remote(kind: str, tmp_path: Path) -> Iterator[Remote]:
    folder = tmp_path / "server"
    folder.mkdir()
    with KINDS[kind](folder) as served:
        yield served


@pytest.fixture
def repo(plain_repo: Repo, remote: Remote, tmp_path: Path) -> TeamRepo:
    """The team's repository with the remote configured and nothing pushed."""
    made = TeamRepo(plain_repo.copy(tmp_path / "repo").path)
    made.configure(remote.settings | {"verify": "true"})
    made.commit("a team's repository")
    return made


def test_a_remote_takes_and_gives_and_refuses(kind, remote, repo, tmp_path):
    """One test for each kind, as its server starts once."""
    if remote.wrong:
        repo.configure(remote.wrong, local=True)
        repo.refused("push")
    repo.configure(remote.secrets, local=True)
    repo.run("dvc", "push")
    assert repo.run("git", "status", "--porcelain").stdout == ""
    for value in set(remote.secrets.values()) - {"true"}:
        assert repo.run("git", "grep", "-F", value, check=False).returncode == 1

    colleague = repo.clone(tmp_path / "colleague")
    colleague.configure(remote.secrets, local=True)
    colleague.run("dvc", "pull")
    assert "up to date" in colleague.run("dvc", "repro", PATH=CORE).stdout
    if kind in ASKS_FOR_A_KEY:
        _cannot_push(repo.clone(tmp_path / "stranger"))
    if remote.public:
        if kind == "s3":
            remote_servers.let_anybody_ask_s3(remote)
        _can_read_and_not_write(repo.clone(tmp_path / "reader"), remote, (repo.path / "model.txt").read_bytes())


def _cannot_push(stranger: TeamRepo) -> None:
    """Somebody without credentials, who has made data of their own."""
    (stranger.path / "readings.csv").write_text("machine_id,hours\n7,7\n")
    stranger.run("dvc", "add", "-q", "readings.csv", PATH=CORE)
    stranger.refused("push")


def _can_read_and_not_write(reader: TeamRepo, remote: Remote, wanted: bytes) -> None:
    """Somebody with the public address alone, and no more than DVC's core."""
    reader.configure({"url": remote.public})
    reader.run("dvc", "pull", PATH=CORE)
    assert (reader.path / "model.txt").read_bytes() == wanted
    (reader.path / "readings.csv").unlink()
    (reader.path / "readings.csv").write_text("machine_id,hours\n8,8\n")
    reader.run("dvc", "add", "-q", "readings.csv", PATH=CORE)
    reader.refused("push", PATH=CORE)


def test_a_wrong_address_is_one_message(plain_repo, tmp_path):
    repo = TeamRepo(plain_repo.copy(tmp_path / "repo").path)
    port = remote_servers.free_port()
    for kind in ("ssh", "http"):
        repo.configure({"url": f"{kind}://127.0.0.1:{port}/store"})
        message = repo.refused("push")
        assert "connect" in message.lower()
        assert str(port) in message


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Callable[[float], str]]:
    """Address of the folder `store`, by HTTP, from a server that takes some seconds for each answer."""
    servers: list[ThreadingHTTPServer] = []

    def begin(seconds: float) -> str:
        class Slow(SimpleHTTPRequestHandler):
            def __init__(self, *given: Any, **named: Any) -> None:
                super().__init__(*given, directory=str(tmp_path / "store"), **named)

            def send_head(self) -> Any:  # what http.server calls for GET and HEAD
                stopped.wait(seconds)
                return super().send_head()

            def log_message(self, *_arguments: object) -> None:
                """Print nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_arguments: object) -> None:
                """A reader that went away is no fault."""

        servers.append(Server(("127.0.0.1", 0), Slow))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    stopped = threading.Event()
    yield begin
    stopped.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_slow_remote_is_waited_for_and_a_silent_one_only_as_long_as_it_is_told(plain_repo, answering, tmp_path):
    repo = TeamRepo(plain_repo.copy(tmp_path / "repo").path)
    repo.configure({"url": str(tmp_path / "store")})
    repo.commit("a team's repository")
    repo.run("dvc", "push", PATH=CORE)
    reader = repo.clone(tmp_path / "reader")
    reader.configure({"url": answering(60), "read_timeout": "1"})
    reader.refused("pull", PATH=CORE)
    named = reader.run("oilcan", "doctor", "remotes", check=False, PATH=CORE)       # DVC's own message names no cause
    assert (named.returncode, "remote team: no access (" in named.stdout, "imeout" in named.stdout) == (1, True, True)
    reader.configure({"url": answering(0.5), "read_timeout": "5"})
    assert reader.run("oilcan", "doctor", "remotes", PATH=CORE).returncode == 0
    reader.run("dvc", "pull", PATH=CORE)
    assert (reader.path / "model.txt").read_bytes() == (repo.path / "model.txt").read_bytes()
