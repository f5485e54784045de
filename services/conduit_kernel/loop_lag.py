"""How late an event loop comes to what is due: the delay that all of its calls share."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from conduit_kernel.histograms import CALL_BOUNDS, cumulative

PERIOD_SECONDS = 0.5
_NAMES = [str(bound) for bound in CALL_BOUNDS]


class LoopLag(Collector):
    """Measures this process's event loop, for a Prometheus registry."""

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take how to wait for seconds, and a timer of seconds."""
        self._sleep = sleep
        self._timer = timer
        self._buckets = [0] * (len(CALL_BOUNDS) + 1)
        self._seconds = 0.0

    async def measure(self) -> None:
        """Wait a little, and count by how much longer it took: a step of a loop."""
        began = self._timer()
        await self._sleep(PERIOD_SECONDS)
        lag = max(0.0, self._timer() - began - PERIOD_SECONDS)
        self._buckets[bisect_left(CALL_BOUNDS, lag)] += 1
        self._seconds += lag

    def collect(self) -> Iterator[Metric]:
        """Yield how often it was late, by how much."""
        family = HistogramMetricFamily(
            "conduit_event_loop_lag_seconds",
            "How late an event loop was, twice a second.",
        )
        family.add_metric((), cumulative(_NAMES, self._buckets), self._seconds)
        yield family
