"""How exact times and ticks relate. Exact times are whole microseconds or cycles; a tick is an hour or a cycle."""

from collections.abc import Mapping
from typing import Final

MICROSECONDS_PER_HOUR: Final = 3_600_000_000
UNITS_PER_TICK: Final[Mapping[str, int]] = {"instant": MICROSECONDS_PER_HOUR, "cycle": 1, "none": 1}   # by time.kind
HALF_SECOND: Final = 1.4e-4     # in hours: far below any sampling period, far above the rounding of hours since 1970
