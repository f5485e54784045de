"""The control-plane process: `python -m conduit_cli.control`.

Registry, Health and Billing in one event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Protocol

from conduit_cli.child import Drain, run_child
from conduit_kernel.settings import Settings
from conduit_providers.catalog import Catalog, configured_catalog

# The workers, whose calls would keep it busy, have stopped before.
GRACE_SECONDS = 0.5


class Service(Protocol):
    """A started service, as the services' `start` functions return it."""

    async def drain(self) -> None:
        """Finish what is under way, then stop."""
        ...


Starter = Callable[[Settings, Catalog], Awaitable[Service]]


async def _start(settings: Settings) -> Drain:
    catalog = configured_catalog(settings)
    settings = replace(settings, drain_seconds=GRACE_SECONDS)
    async with AsyncExitStack() as started:
        drains: list[Drain] = []
        # One after the other: migrations of several services at once get into each other's way.
        # Imported beside the loop, so that the Registry, for which the workers wait, can answer.
        for load in (_registry, _health, _billing):
            start = await asyncio.to_thread(load)
            service = await start(settings, catalog)
            drains.append(service.drain)
            started.push_async_callback(service.drain)
        # All are up; from here on they stop when they are told to.
        started.pop_all()

    async def drain() -> None:
        await asyncio.gather(*(stop() for stop in drains))

    return drain


def _registry() -> Starter:
    from conduit_registry.bootstrap import start  # noqa: PLC0415 # see where it is called

    return start


def _health() -> Starter:
    from conduit_health.bootstrap import start  # noqa: PLC0415 # see where it is called

    return start


def _billing() -> Starter:
    from conduit_billing.bootstrap import start  # noqa: PLC0415 # see where it is called

    return start


if __name__ == "__main__":
    run_child("control", _start)
