"""Work of a repository that one process does at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oilcan.io.process_lock import only_process


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
    with only_process(root / f".oilcan/{work}.lock",
                      f"{root}: another `oilcan {work}` is at work here. Wait until it has ended."):
        yield
