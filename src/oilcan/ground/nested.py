"""Values inside nested mappings, by a dotted name."""

from collections.abc import Mapping
from typing import Any


def value_at(values: Any, dotted: str) -> Any:
    """The value under a dotted name, such as `test.pr_auc`; None where a step is missing.

    Examples
    --------
    >>> value_at({"test": {"pr_auc": 0.6}}, "test.pr_auc"), value_at({"test": {}}, "test.pr_auc.x")
    (0.6, None)
    """
    for step in dotted.split("."):
        values = values.get(step) if isinstance(values, Mapping) else None
    return values
