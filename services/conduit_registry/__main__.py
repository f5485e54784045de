"""Runs the Registry alone: `python -m conduit_registry`, configured by the environment."""

import asyncio
import signal
import sys

from conduit_kernel.errors import ConduitError
from conduit_kernel.logs import configure_logs
from conduit_kernel.settings import Settings, environment, read_settings
from conduit_providers.catalog import load_catalog
from conduit_registry.bootstrap import start


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    catalog = load_catalog(
        settings.catalog_dir, base_urls={"Simulator": f"{settings.simulator_url}/v1"}
    )
    process = await start(settings, catalog)
    await stop.wait()
    await process.drain()


def main() -> int:
    """Run, and return the exit status: 2 if the configuration is not right, 1 if it cannot run."""
    try:
        settings = read_settings(environment())
        configure_logs(settings.log_level, "registry")
        asyncio.run(run(settings))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ConduitError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
