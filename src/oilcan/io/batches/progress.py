"""How far is it? A bar on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Final, Self

from tqdm import tqdm

_SECONDS_BETWEEN_LINES: Final = 10.0


class Progress:
    """Bytes, or other units, done of those to do (None: not known), shown on standard error."""

    def __init__(self, name: str, total: int | None, done: int = 0, *, unit: str = "B") -> None:
        self._name, self._total, self._done, self._unit = name, total, done, unit
        self._said = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            is_bytes = unit == "B"
            self._bar = tqdm(desc=name, total=total, initial=done, unit=unit if is_bytes else f" {unit}",
                             unit_scale=is_bytes)

    def __enter__(self) -> Self:
        self._say("resumed at" if self._done else "started,", force=True)
        return self

    def advance(self, number: int) -> None:
        """Count `number` more bytes."""
        self._done += number
        if self._bar is not None:
            self._bar.update(number)
        self._say("at")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        self._say("ended at", force=True)

    def _say(self, what: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._bar is not None or not (force or now - self._said >= _SECONDS_BETWEEN_LINES):
            return
        self._said = now
        share = f" ({self._done / self._total:.0%} of {self._words(self._total)})" if self._total else ""
        sys.stderr.write(f"{self._name}: {what} {self._words(self._done)}{share}\n")
        sys.stderr.flush()

    def _words(self, number: int) -> str:
        return f"{number / 1e6:,.1f} MB" if self._unit == "B" else f"{number:,} {self._unit}"
