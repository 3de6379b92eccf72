"""Waiting for something that another process does."""

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], object], otherwise: str, seconds: float = 20.0) -> None:
    """Look again and again; after so many seconds the test has failed, with these words."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)
