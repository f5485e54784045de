"""The process of `conduit serve` that answers: `python -m conduit_cli.worker`.

The bridge and a Router in one event loop. Several workers listen on the same ports; each of them
then has its name as argument.
"""

import gc
import sys

from conduit_bridge import bootstrap as bridge
from conduit_cli.child import Drain, run_child
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_router import bootstrap as router

# Together with the Router's last delivery, of one second, within the supervisor's patience.
BRIDGE_GRACE_SECONDS = 2.3
ROUTER_GRACE_SECONDS = 0.3


async def _start(settings: Settings) -> Drain:
    catalog = load_catalog(
        settings.catalog_dir, base_urls={"Simulator": f"{settings.simulator_url}/v1"}
    )
    routing = await router.start(settings, catalog, share_port=True)
    serving = await bridge.start(
        settings, router=routing.stub, reuse_port=True, worker="".join(sys.argv[1:2])
    )
    # What is there now stays; the collector need not look at it again.
    gc.collect()
    gc.freeze()

    async def drain() -> None:
        # The bridge's calls are under way in the Router.
        await serving.drain(BRIDGE_GRACE_SECONDS)
        await routing.drain(ROUTER_GRACE_SECONDS)

    return drain


if __name__ == "__main__":
    run_child("worker", _start)
