"""What a gateway shows to Prometheus; docs/gateway.md lists it."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from oilcan.gateway.running import Gateway
from oilcan.ground.errors import ParamsError

_OUTCOMES = ("accepted", "duplicates", "conflicts", "too_late", "refused", "set_aside")
_WHY = ("unreadable_message", "refused_by_service", "unusable_value")


class GatewayCollector(Collector):
    """Reads the state of a gateway when Prometheus asks."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        gateway = self._gateway
        counts, kept = gateway.counts, gateway.aside.why
        yield _labelled(CounterMetricFamily("oilcan_gateway_readings", "Readings by the answer of the service; "
                                            "set_aside counts single values.", labels=["outcome"]),
                        {name: counts[name] for name in _OUTCOMES})
        yield _labelled(CounterMetricFamily("oilcan_gateway_kept_aside", "What could not be used, by the reason.",
                                            labels=["why"]), {name: kept[name] for name in _WHY})
        yield GaugeMetricFamily("oilcan_gateway_waiting_readings", "Readings in memory on their way to the service.",
                                value=gateway.waiting)
        yield _labelled(GaugeMetricFamily("oilcan_gateway_connected", "1 if the source is connected.",
                                          labels=["source"]),
                        {name: int(source.is_connected) for name, source in gateway.sources.items()})
        for source in gateway.sources.values():
            if hasattr(source, "spooled"):
                readings, seconds = source.spooled()
                yield GaugeMetricFamily("oilcan_gateway_spool_readings", "Readings on the disk that the service has "
                                        "not stored.", value=readings)
                yield GaugeMetricFamily("oilcan_gateway_spool_filled_seconds", "How long the spool has not been empty.",
                                        value=seconds)
        if gateway.answered is not None:
            yield GaugeMetricFamily("oilcan_gateway_service_answered_timestamp_seconds", "When the service took "
                                    "something last.", value=gateway.answered)


def _labelled(family: CounterMetricFamily | GaugeMetricFamily, values: dict[str, int]) -> Metric:
    for label, value in values.items():
        family.add_metric([label], value)
    return family


@contextmanager
def serving(gateway: Gateway, host: str, port: int) -> Iterator[None]:
    """Answer GET /metrics in a thread of its own meanwhile.

    Raises
    ------
    ParamsError
        If the port cannot be taken.
    """
    registry = CollectorRegistry()
    registry.register(GatewayCollector(gateway))
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as err:
        raise ParamsError(f"--metrics-port: {host}:{port} cannot be taken ({err.strerror or err}). Name another one."
                          ) from err
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
