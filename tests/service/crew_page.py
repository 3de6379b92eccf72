"""`oilcan serve` as a process of its own, for tests that look at the crew's page in a browser."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from tests.waiting import wait_until


class Server:
    """`oilcan serve` as a process of its own; now is the newest reading."""

    def __init__(self, bundle: Path, store: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url, self._bundle, self._store = f"http://127.0.0.1:{self.port}", bundle, store
        self.start()

    def start(self) -> None:
        command = [Path(sys.executable).with_name("oilcan"), "serve", "--accept-rejected", "--bundle", self._bundle,
                   "--store", f"sqlite:///{self._store}", "--port", str(self.port), "--clock", "data"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not self._is_ready():
            assert self.process.poll() is None, "the service ended"
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=60).status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, timeout=60).raise_for_status().json()

    def post(self, path: str, content: Any) -> Any:
        return httpx.post(self.url + path, json=content, timeout=60).raise_for_status().json()

    def keys(self, *words: str) -> str:
        command = [Path(sys.executable).with_name("oilcan"), "keys", *words, "--store", f"sqlite:///{self._store}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def wait_for_keys(self) -> None:
        """The service looks for new keys every two seconds."""
        wait_until(lambda: httpx.get(f"{self.url}/v1/machines", timeout=60).status_code == 401,
                   "the service answers without a key", seconds=30)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
