"""A message that cannot become readings; it is kept aside."""

import math
from typing import Any


class Unreadable(Exception):  # noqa: N818 - a state of a message, not a fault of ours
    """Why: *found, wanted*."""


def single_value(column: str, value: Any) -> Any:
    """A number, text, flag or None as JSON can hold it; NaN is None, as missing is in JSON.

    Raises
    ------
    Unreadable
        If it is infinite, or something else.

    Examples
    --------
    >>> single_value("load_pct", float("nan")), single_value("load_pct", 1.5)
    (None, 1.5)
    """
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        raise Unreadable(f"{column}: found {value}, wanted a finite number")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise Unreadable(f"{column}: found {type(value).__name__}, wanted a single value")
