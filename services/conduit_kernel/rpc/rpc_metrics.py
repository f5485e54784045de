"""What `/metrics` says of gRPC: the calls that servers of this process answered, by RPC."""

from collections.abc import Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from conduit_kernel.histograms import CALL_BOUNDS, cumulative
from conduit_kernel.rpc.observed import ObservedRpcs

_NAMES = [str(bound) for bound in CALL_BOUNDS]


class RpcMetrics(Collector):
    """Collects the counts of servers, for a Prometheus registry."""

    def __init__(self, servers: Sequence[ObservedRpcs]) -> None:
        self._servers = servers

    def collect(self) -> Iterator[Metric]:
        """Yield the counts of the RPCs that were called so far."""
        calls = CounterMetricFamily(
            "conduit_grpc_requests",
            "Calls over gRPC that are over, by the code of their status.",
            labels=("service", "method", "code"),
        )
        seconds = HistogramMetricFamily(
            "conduit_grpc_request_seconds",
            "From a call's authorization to the end of its answer.",
            labels=("service", "method"),
        )
        under_way = GaugeMetricFamily(
            "conduit_grpc_requests_under_way",
            "Calls over gRPC whose answer is not complete yet.",
            labels=("service", "method"),
        )
        for path, counts in (item for server in self._servers for item in server.counts.items()):
            service, _, method = path.strip("/").rpartition("/")
            for code, count in counts.codes.items():
                calls.add_metric((service, method, code), count)
            if counts.codes:
                rows = cumulative(_NAMES, counts.buckets)
                seconds.add_metric((service, method), rows, counts.seconds)
            under_way.add_metric((service, method), counts.under_way)
        yield from (calls, seconds, under_way)
