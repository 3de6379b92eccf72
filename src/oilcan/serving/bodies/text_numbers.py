"""Texts of telemetry columns as numbers in the store: a number once given to a text stays its own for ever."""

import threading
from collections.abc import Callable
from typing import Any, Final

import numpy as np

_MOST: Final = 1_000            # texts of one column; a column with more is no category


class Texts:
    """The texts of each column, in the order in which they were first seen.

    Parameters
    ----------
    known
        Column -> texts, as `keep` was given it the last time.
    keep
        Writes them down, before any number of a new text is used.
    """

    def __init__(self, known: dict[str, list[str]], keep: Callable[[dict[str, list[str]]], None]) -> None:
        self._known, self._keep = known, keep
        self._lock = threading.Lock()

    def encode(self, column: str, text: str) -> float | None:
        """The number of a text; None if the column has too many.

        Examples
        --------
        >>> texts = Texts({}, keep=lambda known: None)
        >>> texts.encode("model", "A"), texts.encode("model", "B"), texts.encode("model", "A")
        (0.0, 1.0, 0.0)
        """
        with self._lock:
            listed = self._known.setdefault(column, [])
            if text not in listed:
                if len(listed) >= _MOST:
                    return None
                listed.append(text)
                self._keep(self._known)
            return float(listed.index(text))

    def decode(self, column: str, numbers: np.ndarray) -> list[str | None]:
        """Texts of numbers; None where there is none."""
        listed = self._known.get(column, [])
        return [None if np.isnan(number) else listed[int(number)] for number in numbers.tolist()]


def from_setting(value: Any) -> dict[str, list[str]]:
    """What `keep` wrote as a setting of the store; nothing if there is no such setting yet."""
    return {str(column): [str(text) for text in texts] for column, texts in (value or {}).items()}
