"""A lock that the kernel releases when its process ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oilcan.ground.errors import OilcanError


@contextmanager
def one_at_a_time(root: Path, work: str) -> Iterator[None]:
    """Do some work of a repository while no other process does the same.

    Raises
    ------
    OilcanError
        If another process does.

    Examples
    --------
    >>> with one_at_a_time(Path(getfixture("tmp_path")), "collect"):
    ...     pass
    """
    path = root / f".oilcan/{work}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OilcanError(f"{root}: another `oilcan {work}` is at work here. Wait until it has ended.") from None
        yield
