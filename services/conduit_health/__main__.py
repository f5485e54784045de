"""Runs the Health service alone: `python -m conduit_health`, configured by the environment."""

from conduit_health.bootstrap import start
from conduit_kernel.process import run_service
from conduit_kernel.rpc import HostedService
from conduit_kernel.settings import Settings
from conduit_providers.catalog import configured_catalog


async def _start(settings: Settings) -> HostedService:
    return await start(settings, configured_catalog(settings))


if __name__ == "__main__":
    run_service("health", _start)
