"""Run a router alone: `python -m conduit_router`."""

from conduit_kernel.process import run_service
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_router.bootstrap import RouterProcess, start


async def _start(settings: Settings) -> RouterProcess:
    catalog = load_catalog(
        settings.catalog_dir, base_urls={"Simulator": f"{settings.simulator_url}/v1"}
    )
    return await start(settings, catalog)


if __name__ == "__main__":
    run_service("router", _start)
