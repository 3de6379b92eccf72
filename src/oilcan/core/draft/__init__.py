"""A first contract for files nobody has described yet: what can be seen is written, what cannot is marked."""

from oilcan.core.draft.seen import SeenFile
from oilcan.core.draft.writing import NAME, draft_contract

__all__ = ["NAME", "SeenFile", "draft_contract"]
