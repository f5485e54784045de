"""What the edge and its loops count."""

from prometheus_client import CollectorRegistry
from tests.support.clock import Clock
from tests.support.route_metrics import counted, seconds_of, values

from conduit_bridge.exposition import (
    Exposition,
)
from conduit_bridge.metrics import BackgroundMetrics
from conduit_kernel.background import Background
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.histograms import CALL_BOUNDS

LABELS = {"method": "GET", "route": "/a", "rpc": "A"}


async def test_buckets_are_cumulative_and_hold_their_bound() -> None:
    """A request of exactly a bound belongs to it, as Prometheus defines `le`."""
    registry, _ = counted(CALL_BOUNDS[0], CALL_BOUNDS[0] + 0.0001, 1000.0)
    text = await Exposition(registry).render()
    buckets = {labels["le"]: value for labels, value in values(text, seconds_of("bucket"))}
    assert buckets["0.001"] == 1
    assert buckets["0.0025"] == 2
    assert buckets["60.0"] == 2
    assert buckets["+Inf"] == 3
    assert values(text, seconds_of("count")) == [(LABELS, 3)]


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
