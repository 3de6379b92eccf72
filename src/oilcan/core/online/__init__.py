"""The feature plan one reading at a time: `OnlineFeatures` equals `features.compute_matrix`."""

from oilcan.core.online.engine import OnlineFeatures
from oilcan.core.online.status import DUPLICATE, LATE, NEW, TOO_LATE

__all__ = ["DUPLICATE", "LATE", "NEW", "TOO_LATE", "OnlineFeatures"]
