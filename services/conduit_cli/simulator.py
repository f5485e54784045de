"""The process of `conduit serve` that plays a provider: `python -m conduit_cli.simulator`."""

from conduit_cli.child import Drain, run_child
from conduit_kernel.settings import Settings
from conduit_simulator import bootstrap


async def _start(settings: Settings) -> Drain:
    host, _, port = settings.target("simulator").rpartition(":")
    return (await bootstrap.start(host.strip("[]"), int(port))).drain


if __name__ == "__main__":
    run_child("simulator", _start)
