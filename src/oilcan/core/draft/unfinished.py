"""A contract whose author has not decided yet: horizon, costs and their like may still be open.

`oilcan explore` reads such a draft, because its page helps to decide these words. All words about reading the raw files
must be filled in.
"""

import re
from typing import Any, Final

import yaml

from oilcan.contract.parsing import UNKNOWN, parse_contract
from oilcan.contract.words import Contract

# words that reading raw files does not need, and a value that lets the rest of the contract be checked
_OPEN: Final = (
    (r"description|source\.\w+|(?:tables|derived)\..*\.(?:description|unit)", "not stated yet"),
    (r"costs\.\w+", 1.0),
    (r"tasks\.\w+\.(?:horizon|cap)", "1 {unit}"),
    (r"tasks\.\w+\.lead_time", "0 {unit}"),
    (r"refractory|rows\.stride|rows\.windows\.\d+|split\.gap", "1 {unit}"),
)


def parse_unfinished(text: str, where: str) -> tuple[Contract, frozenset[str]]:
    """The contract with placeholders for what is still open, and the last words of the entries that are.

    Raises
    ------
    ContractError
        As `parse_contract`; also where an open entry says how raw files are read.

    Examples
    --------
    >>> parse_unfinished("name: x", "x.yaml")
    Traceback (most recent call last):
    oilcan.ground.errors.ContractError: x.yaml is not a valid contract...
    """
    values = yaml.safe_load(text)
    unit = "cycles" if isinstance(values, dict) and (values.get("time") or {}).get("kind") == "cycle" else "h"
    filled: set[str] = set()
    if UNKNOWN in text and isinstance(values, dict):
        text = yaml.safe_dump(_fill(values, "", unit, filled), sort_keys=False, allow_unicode=True)
    return parse_contract(text, where), frozenset(filled)


def _fill(value: Any, path: str, unit: str, filled: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, f"{path}.{key}".lstrip("."), unit, filled) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, f"{path}.{at}", unit, filled) for at, item in enumerate(value)]
    if not (isinstance(value, str) and UNKNOWN in value):
        return value
    for pattern, substitute in _OPEN:
        if re.fullmatch(pattern, path):
            filled.update(part for part in path.split(".") if not part.isdigit())
            return substitute.format(unit=unit) if isinstance(substitute, str) else substitute
    return value
