"""How late an event loop is."""

import asyncio

from prometheus_client import CollectorRegistry

from conduit_kernel.loop_lag import PERIOD_SECONDS, LoopLag

NAME = "conduit_event_loop_lag_seconds"


class SlowClock:
    """A clock whose sleeps last longer than they were asked to."""

    def __init__(self, *late: float) -> None:
        self._late = list(late)
        self._now = 0.0

    def __call__(self) -> float:
        """Return seconds since the beginning."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Come back late."""
        await asyncio.sleep(0)
        self._now += seconds + self._late.pop(0)


async def test_what_a_wait_lasts_too_long_is_counted() -> None:
    """By how much; a clock that goes backwards counts as no lag."""
    clock, registry = SlowClock(0.0, 0.3, -1.0), CollectorRegistry()
    lag = LoopLag(clock.sleep, clock)
    registry.register(lag)
    for _ in range(3):
        await lag.measure()

    def value(part: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"{NAME}_{part}", labels)

    assert value("count") == 3
    assert value("sum") is not None
    assert round(value("sum") or 0, 6) == 0.3
    assert value("bucket", le="0.25") == 2
    assert value("bucket", le="0.5") == 3


async def test_a_loop_that_is_held_up_shows() -> None:
    """By somebody who blocks it while it waits."""
    lag, registry = LoopLag(), CollectorRegistry()
    registry.register(lag)
    loop = asyncio.get_running_loop()
    held = loop.time() + PERIOD_SECONDS + 0.2

    def hold() -> None:
        while loop.time() < held:
            pass

    loop.call_later(PERIOD_SECONDS / 2, hold)
    await lag.measure()
    assert (registry.get_sample_value(f"{NAME}_sum", {}) or 0) > 0.1
