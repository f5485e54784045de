"""A worker as `conduit serve` runs it, as a process of its own that tells what it holds.

`python -m tests.faults.soaked_gateway FOLDER BILLING` serves the snapshot in the folder and prints
its HTTP port; then for each line it reads, as JSON, its resident memory, tasks and descriptors.
"""

import asyncio
import gc
import re
import sys
from pathlib import Path

import orjson
import uvloop
from tests.integration.router.conftest import NOWHERE
from tests.support.snapshots import ENCRYPTION_KEY

from conduit_bridge import bootstrap as bridge
from conduit_kernel.logs import configure_logs
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_router import bootstrap as router

REMEMBERED = 200


def held() -> dict[str, int]:
    """Return what this process holds, after all garbage is gone: memory in KiB."""
    gc.collect()
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found is not None
    links = [_link(path) for path in Path("/proc/self/fd").iterdir()]
    return {
        "kib": int(found[1]),
        "tasks": len(asyncio.all_tasks()),
        "sockets": sum(link.startswith("socket:") for link in links),
        "descriptors": len(links),
    }


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        # That of the folder itself.
        return ""


async def run(folder: Path, billing: str) -> None:
    """Serve until standard input ends."""
    settings = Settings(
        data_dir=folder,
        master_key="master",
        encryption_key=ENCRYPTION_KEY,
        http_port=0,
        grpc_port=0,
        allow_private_addresses=True,
        # As many as fit are remembered; all of them are there when the warm-up is over.
        recent_requests=REMEMBERED,
        targets={"registry": NOWHERE, "health": NOWHERE, "billing": billing},
    )
    process = await router.start(settings, load_catalog(), port=0)
    edge = await bridge.start(
        settings,
        router=process.stub,
        collectors=process.collectors,
        background=process.background,
    )
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    _tell(edge.port)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        _tell(held())
    for each in (edge, process):
        await each.drain(0.1)


def _tell(value: object) -> None:
    sys.stdout.write(f"{orjson.dumps(value).decode()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    configure_logs("error", "soaked")
    uvloop.run(run(Path(sys.argv[1]), sys.argv[2]))
