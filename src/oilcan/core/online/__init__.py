"""The feature plan one reading at a time: `OnlineFeatures` equals `features.compute_matrix`."""

from oilcan.core.online.arrival import DUPLICATE, LATE, NEW, TOO_LATE
from oilcan.core.online.engine import OnlineFeatures

__all__ = ["DUPLICATE", "LATE", "NEW", "TOO_LATE", "OnlineFeatures"]
