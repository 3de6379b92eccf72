"""How much may one client ask? Requests per second by key or address, in a bounded table."""

from typing import Final

from oilcan.serving.ground.refusal import Refusal

_CLIENTS: Final = 4_096         # remembered at most; the longest silent is forgotten first
_BURST_S: Final = 2.0           # a client that was silent may send this many seconds' worth at once


class Rate:
    """A bucket of requests per client that fills at a steady rate.

    Examples
    --------
    >>> rate = Rate(per_s=1.0)
    >>> rate.take("a", now=0.0)
    >>> rate.take("a", now=0.0)
    >>> rate.take("a", now=0.5)
    Traceback (most recent call last):
    oilcan.serving.ground.refusal.Refusal: requests: found more than 1 per second, wanted at most 1. Wait 1 s...
    """

    def __init__(self, per_s: float) -> None:
        self._per_s, self._room = per_s, max(1.0, per_s * _BURST_S)
        self._clients: dict[str, tuple[float, float]] = {}      # client -> requests left, when that was

    def take(self, client: str, now: float) -> None:
        """Count one request, or refuse it with the time to wait."""
        if not self._per_s:
            return
        left, since = self._clients.pop(client, (self._room, now))
        left = min(self._room, left + (now - since) * self._per_s)
        self._clients[client] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if len(self._clients) > _CLIENTS:
            del self._clients[next(iter(self._clients))]
        if left < 1:
            wait = max(1, round((1 - left) / self._per_s + 0.5))
            raise Refusal(429, "requests", found=f"more than {self._per_s:g} per second",
                          wanted=f"at most {self._per_s:g}",
                          do=f"Wait {wait} s and send again, or send larger batches.",
                          headers={"Retry-After": str(wait)})
