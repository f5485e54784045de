"""A worker as `conduit serve` runs it, in a process of its own, on a configuration from disk.

``python -m tests.integration.suite.upload_worker FOLDER`` prints its HTTP port, and then, for each
line it reads, its resident memory in KiB.
"""

import asyncio
import sys
from pathlib import Path

import uvloop
from tests.faults.upload_gateway import resident
from tests.support.snapshots import ENCRYPTION_KEY

from conduit_bridge import bootstrap as bridge
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_router import bootstrap as router


async def run(folder: Path) -> None:
    """Serve until standard input ends."""
    settings = Settings(
        data_dir=folder,
        master_key="master",
        encryption_key=ENCRYPTION_KEY,
        http_port=0,
        grpc_port=0,
        log_level="WARNING",
        allow_private_addresses=True,
        targets=dict.fromkeys(("registry", "health", "billing"), "127.0.0.1:1"),
    )
    routing = await router.start(settings, load_catalog(), with_server=False)
    serving = await bridge.start(settings, router=routing.stub, background=routing.background)
    sys.stdout.write(f"{serving.port}\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(f"{resident()}\n")
        sys.stdout.flush()
    await serving.drain(0.1)
    await routing.drain(0.1)


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1])))
