"""What Billing does by itself, in the background."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from conduit_billing.instances import Instances
from conduit_billing.reports.store import ReportStore
from conduit_kernel.errors import ServiceUnavailable

RETRY_SECONDS = 1.0


async def repeat(work: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Do something again and again, for ever; a database that is away is waited for."""
    log = structlog.get_logger("billing")
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except ServiceUnavailable as error:
            log.warning("chore_postponed", detail=error.message)


async def keep_names(instances: Instances, reports: ReportStore, told: asyncio.Event) -> None:
    """Keep the names of instances, for ever, whenever the Registry told something."""
    while True:
        await told.wait()
        told.clear()
        try:
            await store_names(instances, reports)
        except ServiceUnavailable:
            await asyncio.sleep(RETRY_SECONDS)
            told.set()


async def store_names(instances: Instances, reports: ReportStore) -> None:
    """Store the names that are not stored yet."""
    names = instances.not_stored()
    await reports.remember_names(names)
    instances.note_stored(names)
