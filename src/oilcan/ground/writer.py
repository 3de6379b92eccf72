"""Who writes: where several hosts may write the same file, each names its draft by a word of its own."""

from contextvars import ContextVar
from typing import Final

writer: Final[ContextVar[str]] = ContextVar("writer", default="")      # empty: only this process writes
