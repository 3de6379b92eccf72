"""Names of columns in raw files, and the form that a contract gives them."""

import re
import unicodedata
from typing import Final

Name = str | int
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_ABOUT_PEOPLE: Final = re.compile(
    r"operator|technician|driver|employee|user|e_?mail|phone|person|first_?name|last_?name")


def canonical(name: Name) -> str:
    """A column name in the form of the contract.

    Examples
    --------
    >>> canonical("Air temperature [K]"), canonical("machineID"), canonical(7)
    ('air_temperature', 'machine_id', 'column_7')
    >>> canonical("Öldruck"), canonical("Débit d'huile")
    ('oeldruck', 'debit_d_huile')
    """
    if isinstance(name, int):
        return f"column_{name}"
    plain = re.sub(r"\s*[\[(].*?[\])]\s*", " ", name) if re.search(r"\w", re.sub(r"[\[(].*?[\])]", "", name)) else name
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    clean = re.sub(r"[^a-z0-9]+", "_", _ascii(words.lower())).strip("_")
    return clean if re.match(r"[a-z]", clean) else f"c_{clean}".rstrip("_")


def _ascii(text: str) -> str:
    """Letters with marks as they are spelt without, the German way for German ones."""
    parted = unicodedata.normalize("NFKD", text.translate(_GERMAN))
    return "".join(letter for letter in parted if not unicodedata.combining(letter))


def about_people(name: Name) -> bool:
    """Whether a column's name suggests that it says something about a person.

    Examples
    --------
    >>> about_people("Operator name"), about_people("oil temperature")
    (True, False)
    """
    return isinstance(name, str) and _ABOUT_PEOPLE.search(canonical(name)) is not None
