"""The process of `conduit serve` that knows: `python -m conduit_cli.control`.

Registry, Health and Billing in one event loop.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from conduit_billing import bootstrap as billing
from conduit_cli.child import Drain, run_child
from conduit_health import bootstrap as health
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_registry import bootstrap as registry

# The workers, whose calls would keep it busy, have stopped before.
GRACE_SECONDS = 0.5


async def _start(settings: Settings) -> Drain:
    catalog = load_catalog(
        settings.catalog_dir, base_urls={"Simulator": f"{settings.simulator_url}/v1"}
    )
    settings = replace(settings, drain_seconds=GRACE_SECONDS)
    async with AsyncExitStack() as started:
        drains: list[Drain] = []
        # One after the other: migrations of several services at once get into each other's way.
        for service in (registry, health, billing):
            process = await service.start(settings, catalog)
            drains.append(process.drain)
            started.push_async_callback(process.drain)
        # All are up; from here on they stop when they are told to.
        started.pop_all()

    async def drain() -> None:
        await asyncio.gather(*(stop() for stop in drains))

    return drain


if __name__ == "__main__":
    run_child("control", _start)
