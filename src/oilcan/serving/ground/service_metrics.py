"""What Prometheus scrapes: counts and times of the service, in a registry of its own."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The numbers of one service; every name starts with `oilcan_`."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter("oilcan_requests", "Requests answered", ["route", "status"], registry=registry)
        self._seconds = Histogram("oilcan_request_seconds", "Time from request to answer", ["route"],
                                  buckets=_SECONDS, registry=registry)
        self.readings = Counter("oilcan_readings", "Telemetry readings by what became of them",
                                ["outcome"], registry=registry)
        self.records = Counter("oilcan_records", "Errors, maintenance and failures by what became of them",
                               ["table", "outcome"], registry=registry)
        self.set_aside = Counter("oilcan_values_set_aside", "Values outside the contract's range, kept aside",
                                 ["column"], registry=registry)
        self.forecasts = Counter("oilcan_forecasts", "Forecasts made", ["role"], registry=registry)
        self.alarms = Counter("oilcan_alarms", "Alarms opened", registry=registry)
        self.machines = Gauge("oilcan_machines", "Machines known", registry=registry)
        self.bundle = Gauge("oilcan_bundle_info", "Bundle in service (1) by digest and role", ["digest", "role"],
                            registry=registry)
        self.shadow_gap = Histogram(
            "oilcan_shadow_difference", "Challenger minus champion on live rows, absolute, headline forecast",
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 25.0, 100.0), registry=registry)
        self.shadow_disagrees = Counter("oilcan_shadow_disagreements", "Live rows where champion and challenger "
                                        "would decide differently", registry=registry)
        self._by_route: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        meters = self._by_route.get((route, status))
        if meters is None:
            meters = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._by_route[route, status] = meters
        meters[0].inc()
        meters[1].observe(seconds)

    def text(self) -> bytes:
        """All numbers in the text form of Prometheus."""
        return generate_latest(self.registry)
