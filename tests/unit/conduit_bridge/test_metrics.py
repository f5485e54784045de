"""What the edge and its loops count."""

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from tests.support.clock import Clock

from conduit_bridge.exposition import (
    Exposition,
)
from conduit_bridge.metrics import BackgroundMetrics, Metrics, RouteCounts
from conduit_kernel.background import Background
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.histograms import CALL_BOUNDS

LABELS = {"method": "GET", "route": "/a", "rpc": "A"}


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


def _seconds(part: str) -> str:
    return f"conduit_http_request_seconds_{part}"


async def test_buckets_are_cumulative_and_hold_their_bound() -> None:
    """A request of exactly a bound belongs to it, as Prometheus defines `le`."""
    registry, _ = counted(CALL_BOUNDS[0], CALL_BOUNDS[0] + 0.0001, 1000.0)
    text = await Exposition(registry).render()
    buckets = {labels["le"]: value for labels, value in values(text, _seconds("bucket"))}
    assert buckets["0.001"] == 1
    assert buckets["0.0025"] == 2
    assert buckets["60.0"] == 2
    assert buckets["+Inf"] == 3
    assert values(text, _seconds("count")) == [(LABELS, 3)]


async def test_routes_that_nobody_called_are_left_out() -> None:
    """A hundred rows of zeros help nobody."""
    registry, _ = counted()
    assert b"/unused" not in await Exposition(registry).render()


async def test_loops_that_fail_are_counted() -> None:
    """Failures of our own apart from absences, and one that is mended fails no more."""
    clock = Clock()
    background = Background(sleep=clock.sleep, clock=clock)
    problems: list[Exception] = [OSError(), ServiceUnavailable("away"), OSError()]

    async def step() -> None:
        if problems:
            raise problems.pop(0)

    background.run("loop", step, every=60.0)
    registry = CollectorRegistry()
    registry.register(BackgroundMetrics([background]))
    exposition = Exposition(registry)
    failing = []
    for seconds in (0.0, 10.0):
        await clock.advance(seconds)
        failing.append(values(await exposition.render(), "conduit_background_failing")[0][1])
    assert failing == [1, 0]
    total = values(await exposition.render(), "conduit_background_failures_total")
    assert [(labels["cause"], value) for labels, value in total] == [("failure", 2), ("absence", 1)]
    await background.stop()
