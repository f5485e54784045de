"""What Health does by itself, in the background."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from conduit_health.checks.scheduler import CheckScheduler
from conduit_health.state.monitor import Monitor
from conduit_kernel.errors import ServiceUnavailable


async def tick_on(monitor: Monitor, checks: CheckScheduler, seconds: float) -> None:
    """Look at the time again and again, for ever."""
    while True:
        await asyncio.sleep(seconds)
        monitor.tick()
        checks.start_due()


async def repeat(work: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Do something again and again, for ever; a database that is away is waited for."""
    log = structlog.get_logger("health")
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except ServiceUnavailable as error:
            log.warning("chore_postponed", detail=error.message)
