"""A lock that the kernel releases when its process ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oilcan.ground.errors import OilcanError


@contextmanager
def only_process(lock: Path, refusal: str) -> Iterator[None]:
    """Hold a lock while no other process holds it.

    Parameters
    ----------
    lock
        A file, made where it is missing.
    refusal
        The message if another process holds it.

    Raises
    ------
    OilcanError
        If another process holds it.

    Examples
    --------
    >>> lock = Path(getfixture("tmp_path")) / "lock"
    >>> with only_process(lock, "tune: runs already."), only_process(lock, "tune: runs already."):
    ...     pass
    Traceback (most recent call last):
    oilcan.ground.errors.OilcanError: tune: runs already.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OilcanError(refusal) from None
        yield
