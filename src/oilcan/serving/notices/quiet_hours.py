"""Hours in which a crew is not called, and the moment at which they end."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from oilcan.serving.bodies.instants_json import utc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def first_loud(moment: int, begin: time, end: time, zone: ZoneInfo) -> int:
    """The moment itself, or the end of the quiet hours that it lies in.

    Parameters
    ----------
    moment
        Microseconds UTC.
    begin, end
        By the clocks of `zone`; an end before the begin is that of the next day. Where the clocks skip the end, the
        quiet hours end an hour later; where they show it twice, at the first.

    Returns
    -------
    Microseconds UTC.

    Examples
    --------
    >>> def at(text): return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
    >>> night = time(22), time(6), ZoneInfo("Europe/Berlin")
    >>> first_loud(at("2025-01-01T23:00Z"), *night) == at("2025-01-02T05:00Z")
    True
    >>> first_loud(at("2025-01-01T12:00Z"), *night) == at("2025-01-01T12:00Z")
    True
    """
    local = utc(moment).astimezone(zone)
    clock, over_midnight = local.time(), begin > end
    is_quiet = (clock >= begin or clock < end) if over_midnight else begin <= clock < end
    if not is_quiet:
        return moment
    day = local.date() + timedelta(days=int(over_midnight and clock >= begin))
    ends = datetime.combine(day, end, tzinfo=zone).astimezone(UTC)
    return max(moment, (ends - _EPOCH) // timedelta(microseconds=1))
