"""What the edge counts."""

from tests.support.route_metrics import counted, seconds_of, values

from conduit_kernel.exposition import (
    Exposition,
)
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
