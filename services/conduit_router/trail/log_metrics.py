"""What `/metrics` says of the request log."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from conduit_router.trail.request_log import RequestLog


class RequestLogMetrics(Collector):
    """Collects how many requests the log was told of, for a Prometheus registry."""

    def __init__(self, log: RequestLog) -> None:
        self._log = log

    def collect(self) -> Iterator[Metric]:
        """Yield the counts, also those that are zero."""
        told = CounterMetricFamily(
            "conduit_request_log_requests",
            "Requests that the log was to keep.",
            labels=("outcome",),
        )
        told.add_metric(("stored",), self._log.stored)
        told.add_metric(("dropped",), self._log.dropped)
        yield told
        yield GaugeMetricFamily(
            "conduit_request_log_waiting_bytes",
            "The room that requests take which the log does not have yet.",
            value=self._log.waiting_bytes,
        )
