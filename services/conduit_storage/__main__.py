"""Runs the Storage service alone: `python -m conduit_storage`, configured by the environment."""

from conduit_kernel.process import run_service
from conduit_kernel.rpc import HostedService
from conduit_kernel.settings import Settings
from conduit_storage.bootstrap import start


async def _start(settings: Settings) -> HostedService:
    return await start(settings)


if __name__ == "__main__":
    run_service("storage", _start)
