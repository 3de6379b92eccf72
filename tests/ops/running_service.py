"""A real service that follows a repository's promotions, and clients that ask it without a pause."""

import itertools
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml
from tests.conftest import Repo
from tests.service.conftest import Server

Ask = Callable[[httpx.Client, int, int], Iterable[httpx.Response]]


@contextmanager
def following_service(repo: Repo, folder: Path, **settings: object) -> Iterator[Server]:
    """A server with a copy of the repository's bundle, which takes others from its store of bundles."""
    home = folder / "bundles"
    home.mkdir()
    shutil.copytree(repo.path / "models/bundle", home / "first")
    server = Server(home / "first", folder, bundles=home, bundle_source=repo.path / ".oilcan/bundles", **settings)
    listed = {"services": [{"name": "plant", "url": server.url, "dataset": "demo_fleet"}]}
    (repo.path / "services.yaml").write_text(yaml.safe_dump(listed))
    repo.commit("a service")
    server.start()
    yield server
    server.stop()


class Load:
    """Clients in some threads; counts what was answered, and notes which bundle answered.

    Parameters
    ----------
    ask
        Client, number of the thread, number of the round -> the answers of one round.
    pause_s
        Between two rounds of a thread.
    """

    def __init__(self, url: str, ask: Ask, *, threads: int, pause_s: float = 0.0) -> None:
        self.answers: Counter[int] = Counter()
        self.bundles: list[str] = []
        self._url, self._ask, self._pause_s, self._over = url, ask, pause_s, threading.Event()
        self._threads = [threading.Thread(target=self._rounds, args=(number,)) for number in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _rounds(self, number: int) -> None:
        with httpx.Client(base_url=self._url, timeout=120) as client:
            for at in itertools.count():
                if self._over.wait(self._pause_s):
                    return
                for answer in self._ask(client, number, at):
                    self.answers[answer.status_code] += 1
                    self.bundles.append(answer.json().get("model", ""))
