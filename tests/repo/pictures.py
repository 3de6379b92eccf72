"""Pictures of the documents, taken from what a run has left: the evaluation report and the crew's page (`make docs`).

python -m tests.repo.pictures
"""

import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from tests.repo.closure import ROOT
from tests.waiting import wait_until

IMAGES: Final = ROOT / "docs/images"
PORT: Final = 8093
_OILCAN: Final = str(Path(sys.executable).with_name("oilcan"))


@contextmanager
def crew_page() -> Iterator[str]:
    """Address of a service that has taken in the whole fleet."""
    url = f"http://127.0.0.1:{PORT}"
    with tempfile.TemporaryDirectory(prefix="oilcan-picture-") as folder:
        store = f"sqlite:///{folder}/fleet.db"
        command = [_OILCAN, "serve", "--clock", "data", "--store", store, "--port", str(PORT)]
        with subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL) as service:
            try:
                wait_until(lambda: _is_ready(url), "the service did not become ready", seconds=60)
                subprocess.run([_OILCAN, "replay-stream", "--url", url, "--speed", "max"], cwd=ROOT, check=True,
                               stdout=subprocess.DEVNULL)
                yield url
            finally:
                service.terminate()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310  # our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def take(address: str, name: str, width: int, height: int, choose: str | None = None) -> None:
    """A picture of the top of a page, after a click on the first element that `choose` selects."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(address, wait_until="networkidle")
        if choose:
            page.locator(choose).first.click()
            page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / name)
        browser.close()


def main() -> None:
    """Renew both pictures."""
    take((ROOT / "reports/evaluation.html").as_uri(), "evaluation.png", 1100, 1250)
    with crew_page() as url:
        take(url, "page.png", 1280, 800, choose=".row")


if __name__ == "__main__":
    main()
