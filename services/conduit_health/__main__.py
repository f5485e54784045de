"""Runs the Health service alone: `python -m conduit_health`."""

import asyncio
import signal

from conduit_health.bootstrap import start
from conduit_kernel.logs import configure_logs
from conduit_kernel.settings import environment, read_settings
from conduit_providers.catalog import load_catalog


async def serve() -> None:
    """Serve until a signal asks to stop."""
    settings = read_settings(environment())
    configure_logs(settings.log_level, "health")
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    process = await start(settings, load_catalog(settings.catalog_dir))
    await stopped.wait()
    await process.drain()


if __name__ == "__main__":
    asyncio.run(serve())
