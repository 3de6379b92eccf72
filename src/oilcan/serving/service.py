"""One service: the bundle in service, the store, who may ask, and what was counted."""

import time
from typing import Any

from oilcan.io.stores import Store
from oilcan.serving.auth import Auth, Caller
from oilcan.serving.forecastlog import ForecastLog
from oilcan.serving.limits import Rate
from oilcan.serving.metrics import Metrics
from oilcan.serving.predictor import Predictor
from oilcan.serving.served import Served
from oilcan.serving.settings import ServiceSettings


def wall_clock() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


class Service:
    """What the routes ask.

    Attributes
    ----------
    served
        The bundle in service; replaced as a whole, so a request that began with the old one ends with it.
    """

    def __init__(self, settings: ServiceSettings, served: Served, store: Store) -> None:
        self.settings, self.served, self.store = settings, served, store
        self.metrics = Metrics()
        self.metrics.bundle.labels(served.digest, "active").set(1)
        self.rate = Rate(settings.rate_per_s)
        self.auth = Auth(self._caller, self.has_keys, may_be_open=settings.is_loopback and not settings.require_keys)
        self.log = ForecastLog(store, wall_clock, self.metrics.forecasts.labels("lost").inc)
        self.predictor = Predictor(lambda: self.served, self.log, self.metrics, wall_clock, settings.max_rows)

    def waiting_for(self) -> list[str]:
        """What is not ready yet."""
        return []

    def card(self) -> dict[str, Any]:
        """The model's card."""
        return self.served.card()

    def close(self) -> None:
        """Write what waits, and let go of the store."""
        self.log.flush()
        self.store.close()

    def _caller(self, secret: str) -> Caller | None:
        key = self.store.keys.find(secret)
        return None if key is None else Caller(key.name, key.scope)

    def has_keys(self) -> bool:
        """Is there any key that is not revoked?"""
        return any(key.revoked_at is None for key in self.store.keys.all())
