"""How much freed memory the C library keeps: little. Does nothing where the library is not glibc."""

import contextlib
import ctypes
from typing import Final

_ARENAS: Final = -8             # names of settings in malloc.h
_MAPPED_FROM: Final = -3


def keep_little() -> None:
    """Let threads share two heaps, and return arrays of a mebibyte and more as soon as they are freed.

    Otherwise each thread has a heap, and each holds what its largest batch ever needed. To be called before there are
    threads.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_ARENAS, 2)
        library.mallopt(_MAPPED_FROM, 1 << 20)


def give_back() -> None:
    """Return freed memory to the system."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
