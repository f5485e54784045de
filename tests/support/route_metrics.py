"""The metrics of a worker that served some requests, and what they say as text."""

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from conduit_bridge.metrics import Metrics, RouteCounts


def counted(*seconds: float) -> tuple[CollectorRegistry, RouteCounts]:
    """Return the registry of a worker that served requests of these durations."""
    metrics = Metrics()
    counts = metrics.add("GET", "/a", "A")
    metrics.add("GET", "/unused")
    for each in seconds:
        counts.ended(200, each)
    registry = CollectorRegistry()
    registry.register(metrics)
    return registry, counts


def values(text: bytes, name: str) -> list[tuple[dict[str, str], float]]:
    """Return the samples of a name."""
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name
    ]


def seconds_of(part: str) -> str:
    """Return the name of a part of the histogram of durations."""
    return f"conduit_http_request_seconds_{part}"
