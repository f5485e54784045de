"""What `/metrics` says of the edge, counted in plain numbers where the requests pass."""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from conduit_kernel.histograms import CALL_BOUNDS, cumulative

_LABELS = ("method", "route", "rpc")
_NAMES = tuple(str(bound) for bound in CALL_BOUNDS)


class RouteCounts:
    """The requests of one route; `rpc` is empty for what no RPC serves."""

    __slots__ = ("buckets", "method", "route", "rpc", "seconds", "statuses", "under_way")

    def __init__(self, method: str, route: str, rpc: str) -> None:
        self.method = method
        self.route = route
        self.rpc = rpc
        self.statuses: dict[int, int] = {}
        self.buckets = [0] * (len(CALL_BOUNDS) + 1)
        self.seconds = 0.0
        self.under_way = 0

    def ended(self, status: int, seconds: float) -> None:
        """Count a request that is over."""
        try:
            self.statuses[status] += 1
        except KeyError:
            self.statuses[status] = 1
        self.buckets[bisect_left(CALL_BOUNDS, seconds)] += 1
        self.seconds += seconds


class Metrics(Collector):
    """The counts of all routes, for a Prometheus registry."""

    def __init__(self) -> None:
        self._routes: list[RouteCounts] = []

    def add(self, method: str, route: str, rpc: str = "") -> RouteCounts:
        """Return fresh counts for a route."""
        counts = RouteCounts(method, route, rpc)
        self._routes.append(counts)
        return counts

    def collect(self) -> Iterator[Metric]:
        """Yield the counts of the routes that were asked for so far."""
        requests = CounterMetricFamily(
            "conduit_http_requests",
            "Requests that are over, by status; 499 if the caller left before the end,"
            " and a stream that broke counts with the status of its error.",
            labels=(*_LABELS, "status"),
        )
        seconds = HistogramMetricFamily(
            "conduit_http_request_seconds",
            "From the whole request to the end of its answer.",
            labels=_LABELS,
        )
        under_way = GaugeMetricFamily(
            "conduit_http_requests_under_way",
            "Requests whose answer is not complete yet.",
            labels=_LABELS,
        )
        for counts in self._routes:
            labels = (counts.method, counts.route, counts.rpc)
            for status, count in counts.statuses.items():
                requests.add_metric((*labels, str(status)), count)
            if counts.statuses:
                seconds.add_metric(labels, cumulative(_NAMES, counts.buckets), counts.seconds)
            if counts.statuses or counts.under_way:
                under_way.add_metric(labels, counts.under_way)
        yield from (requests, seconds, under_way)
