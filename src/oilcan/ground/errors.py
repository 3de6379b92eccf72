"""Errors that Oilcan raises on purpose, one class for each reaction of the caller.

Every message has the form *where: what is wrong (found, wanted). What to do.*

    OilcanError             base: printed as one message without traceback, exit code 1
    +-- ContractError       a data-set contract is wrong: edit datasets/<name>.yaml
    +-- ParamsError         params.yaml is wrong: edit it
    +-- DataError           the data break their contract: look at the files
    +-- IntegrityError      bytes are not what was recorded: restore or rerun
    +-- StoreError          the service's store is another one than configured, or refuses: check its setting
        +-- StoreReplaced       its log is another one than was read before: read it from the start
        +-- StoreUnavailable    it cannot answer now (locked, full, gone): try again later
            +-- StoreDamaged    its file was deleted or is corrupt: `oilcan doctor`
"""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final


class OilcanError(Exception):
    """Base of all deliberate errors; its text is a message for people."""


class ContractError(OilcanError):
    """A data-set contract that cannot be used as written."""


class ParamsError(OilcanError):
    """A params.yaml that cannot be used as written."""


class DataError(OilcanError):
    """Data that break their contract or are too few for the task."""


class IntegrityError(OilcanError):
    """Bytes that differ from the recorded ones, or that changed while they were read."""


class StoreError(OilcanError):
    """A store of the service that cannot be used as asked."""


class StoreReplaced(StoreError):  # noqa: N818 - a state, not a fault
    """A store whose log is not the one that was read before."""


class StoreUnavailable(StoreError):  # noqa: N818 - the field's word for it: a state, not a fault
    """A store that cannot answer now; nothing unacknowledged was kept. Try again later."""


class StoreDamaged(StoreUnavailable):
    """A store whose file was deleted, replaced or is corrupt; it needs a person."""


def bullet_list(where: str, breaches: Sequence[str]) -> str:
    """All breaches in one message, one line each, under the place where they occur.

    Examples
    --------
    >>> print(bullet_list("params.yaml is not valid", ["seed: missing"]))
    params.yaml is not valid:
      - seed: missing
    """
    return "\n".join([f"{where}:", *(f"  - {breach}" for breach in breaches)])


@contextmanager
def from_extra(where: str, extra: str) -> Iterator[None]:
    """Around imports of packages that are not in the core environment.

    Raises
    ------
    OilcanError
        If one is missing; names the `make` target that installs it. A missing module of Oilcan itself stays an error of
        the code.

    Examples
    --------
    >>> with from_extra("serve", "serve"):
    ...     import no_server
    Traceback (most recent call last):
    oilcan.ground.errors.OilcanError: serve: needs the package 'no_server' (not installed). Run `make install-serve`.
    """
    try:
        yield
    except ModuleNotFoundError as err:
        package = (err.name or "oilcan").partition(".")[0]
        if package == "oilcan":
            raise
        raise OilcanError(f"{where}: needs the package {package!r} (not installed). Run `make install-{extra}`."
                          ) from err


_DISK: Final = {
    errno.ENOSPC: "no space left on the disk. Make room and try again; nothing half-written was kept.",
    errno.EDQUOT: "your disk quota is used up. Make room and try again; nothing half-written was kept.",
    errno.EFBIG: "the file grows larger than the system allows (`ulimit -f`, or the file system). Raise the limit and "
                 "try again; nothing half-written was kept.",
    errno.EACCES: "no permission. Check who owns it.",
    errno.EPERM: "no permission. Check who owns it.",
    errno.EROFS: "the file system is read-only. Work in a copy that can be written.",
    errno.EIO: "the disk cannot read or write it. Check the disk and try again from a sound copy.",
}


def disk_trouble(err: OSError) -> str | None:
    """Message for an error that the disk caused; None for any other error.

    Examples
    --------
    >>> disk_trouble(OSError(errno.EROFS, "", "data/raw"))
    'data/raw: the file system is read-only. Work in a copy that can be written.'
    >>> disk_trouble(FileNotFoundError(errno.ENOENT, "", "data/raw"))
    """
    if err.errno not in _DISK:
        return None
    return f"{err.filename or Path.cwd()}: {_DISK[err.errno]}"
