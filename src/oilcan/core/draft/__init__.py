"""A first contract for files nobody has described yet: what can be seen is written, what cannot is marked."""

from oilcan.core.draft.seen import SeenFile
from oilcan.core.draft.writing import draft_contract

__all__ = ["SeenFile", "draft_contract"]
