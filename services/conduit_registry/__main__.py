"""Runs the Registry alone: `python -m conduit_registry`, configured by the environment."""

from conduit_kernel.process import run_service
from conduit_kernel.rpc import HostedService
from conduit_kernel.settings import Settings
from conduit_providers.catalog import configured_catalog
from conduit_registry.bootstrap import start


async def _start(settings: Settings) -> HostedService:
    return await start(settings, configured_catalog(settings))


if __name__ == "__main__":
    run_service("registry", _start)
