"""Units of systemd, read as they stand in the repository."""

import configparser
from typing import Final

from tests.repo.closure import ROOT

SYSTEMD: Final = ROOT / "deploy/systemd"


def unit_word(name: str, section: str, word: str) -> str:
    """Value of a word of a unit."""
    unit = configparser.RawConfigParser(strict=False, delimiters="=", comment_prefixes="#")
    unit.read(SYSTEMD / name, encoding="utf-8")
    return unit[section][word]
