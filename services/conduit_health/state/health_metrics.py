"""What `/metrics` says of providers as Health knows them: their status, keys and limits."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from conduit.v1.provider_health_pb2 import HealthStatus, KeyStatus
from conduit_health.state.monitor import Monitor

_KEY = ("provider", "key")


class HealthMetrics(Collector):
    """Collects what is so now, for a Prometheus registry; whatever is unknown is left out."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def collect(self) -> Iterator[Metric]:
        """Yield a 1 for the status that each instance and key has, and what is left of limits."""
        instances = GaugeMetricFamily(
            "conduit_provider_status",
            "1 for the status that an instance has.",
            labels=("provider", "status"),
        )
        keys = GaugeMetricFamily(
            "conduit_key_status", "1 for the status that a key has.", labels=(*_KEY, "status")
        )
        for health in self._monitor.all():
            status = _word(HealthStatus.Name(health.status), "HEALTH_STATUS_")
            instances.add_metric((health.provider_name, status), 1)
            for key in health.key_credentials:
                status = _word(KeyStatus.Name(key.status), "KEY_STATUS_")
                keys.add_metric((health.provider_name, key.key_id, status), 1)
        yield from (instances, keys)
        yield from self._limits()

    def _limits(self) -> Iterator[Metric]:
        most = GaugeMetricFamily(
            "conduit_rate_limit",
            "The most that a provider allows a key in a period, as it said last.",
            labels=(*_KEY, "kind"),
        )
        left = GaugeMetricFamily(
            "conduit_rate_limit_remaining",
            "What a provider said last that is left of it.",
            labels=(*_KEY, "kind"),
        )
        for config in self._monitor.instances:
            for limits in self._monitor.limits(config.id):
                for kind, limit in (
                    ("requests", limits.requests_per_minute),
                    ("tokens", limits.tokens_per_minute),
                ):
                    place = (config.name, limits.key_id, kind)
                    if limit.HasField("limit"):
                        most.add_metric(place, limit.limit)
                    if limit.HasField("remaining"):
                        left.add_metric(place, limit.remaining)
        yield from (most, left)


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("unspecified", "unknown")
