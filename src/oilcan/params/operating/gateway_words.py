"""Words that the sources of gateway.yaml have in common."""

from typing import Annotated

import pydantic

from oilcan.ground.durations import PositiveDuration

Column = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z_]\w*$")]
Text = Annotated[str, pydantic.Field(min_length=1)]


def seconds(duration: PositiveDuration) -> float:
    """A duration in seconds.

    Examples
    --------
    >>> from oilcan.ground.durations import Duration
    >>> seconds(Duration.parse("2min"))
    120.0
    """
    return round(duration.ticks * 3600, 6)
