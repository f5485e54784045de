"""The data-plane worker: `python -m conduit_cli.worker`.

The bridge and a Router in one event loop. Several workers listen on the same ports; each of them
then has its name as argument.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

from conduit_bridge import bootstrap as bridge
from conduit_cli.child import Drain, run_child
from conduit_kernel.settings import UNIX, Settings
from conduit_providers.catalog import configured_catalog
from conduit_router import bootstrap as router

# The Router's own calls, and its last delivery of one second, are within the time for the drain.
ROUTER_GRACE_SECONDS = 0.3
LAST_SECONDS = 1.7
# How long a worker without a configuration on its disk waits for the Registry, which mostly starts
# at the same time.
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.01


async def _start(settings: Settings) -> Drain:
    catalog = configured_catalog(settings)
    if not (settings.data_dir / "router" / "snapshot.binpb").exists():
        # A first attempt that fails would be followed by a pause.
        await _reachable(settings.target("registry"), PATIENCE_SECONDS)
    async with AsyncExitStack() as started:
        # What a start that fails, or that somebody stops, has begun ends as it does elsewhere.
        routing = await router.start(settings, catalog, share_port=True)
        started.push_async_callback(routing.drain, 0.0)
        serving = await bridge.start(
            settings,
            router=routing.stub,
            collectors=routing.collectors,
            background=routing.background,
            reuse_port=True,
            worker="".join(sys.argv[1:2]),
        )
        started.push_async_callback(serving.drain, 0.0)
        await _true(lambda: routing.stub.is_ready, PATIENCE_SECONDS)
        started.pop_all()

    async def drain() -> None:
        serving.announce_drain()
        routing.announce_drain()
        await asyncio.sleep(settings.drain_delay_seconds)
        # The bridge's calls are under way in the Router, as tasks are.
        seconds = max(0.0, settings.drain_seconds - LAST_SECONDS)
        await asyncio.gather(serving.drain(seconds), routing.wait_for_tasks(seconds))
        await routing.drain(ROUTER_GRACE_SECONDS)

    return drain


async def _reachable(target: str, seconds: float) -> None:
    """Return once something listens, or after a time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while loop.time() < deadline:
        try:
            _, writer = await _connected(target)
        except OSError:
            await asyncio.sleep(LOOK_SECONDS)
        else:
            writer.close()
            return


async def _connected(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if target.startswith(UNIX):
        return await asyncio.open_unix_connection(target.removeprefix(UNIX))
    host, _, port = target.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))


async def _true(condition: Callable[[], bool], seconds: float) -> None:
    """Return once a condition holds, or after a time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition() and loop.time() < deadline:  # noqa: ASYNC110 # it has no event
        await asyncio.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    run_child("worker", _start)
