"""Runs a router alone: `python -m conduit_router`, configured by the environment."""

from conduit_kernel.process import run_service
from conduit_kernel.settings import Settings
from conduit_providers.catalog import configured_catalog
from conduit_router.bootstrap import start
from conduit_router.process import RouterProcess


async def _start(settings: Settings) -> RouterProcess:
    return await start(settings, configured_catalog(settings))


if __name__ == "__main__":
    run_service("router", _start)
