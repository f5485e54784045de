"""A running bridge, with a Router in its process and control services beside it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.integration.bridge.stage import CALLER, MASTER_KEY, Health, Registry, ScriptedRouter

from conduit.v1.health_service_pb2_grpc import add_HealthServiceServicer_to_server
from conduit.v1.registry_service_pb2_grpc import add_RegistryServiceServicer_to_server
from conduit_bridge import bootstrap
from conduit_kernel.rpc import RpcServer
from conduit_kernel.settings import Settings


@pytest.fixture
def router() -> ScriptedRouter:
    """Return a Router in process."""
    return ScriptedRouter()


@pytest.fixture
def registry() -> Registry:
    """Return the servicer behind the registry's port."""
    return Registry()  # type: ignore[abstract] # the others answer UNIMPLEMENTED


@pytest.fixture
def health() -> Health:
    """Return the servicer behind the health service's port."""
    return Health()  # type: ignore[abstract] # the others answer UNIMPLEMENTED


@pytest.fixture
async def control(registry: Registry, health: Health) -> AsyncIterator[RpcServer]:
    """Serve registry and health on one port, with the gate that every service has."""
    server = RpcServer(name="control", master_key=MASTER_KEY)
    add_RegistryServiceServicer_to_server(registry, server.grpc)
    add_HealthServiceServicer_to_server(health, server.grpc)
    await server.start("127.0.0.1", 0)
    yield server
    await server.drain(0)


@pytest.fixture
def settings(tmp_path: Path, control: RpcServer) -> Settings:
    """Return settings in which billing is out of reach."""
    target = f"127.0.0.1:{control.port}"
    return Settings(
        data_dir=tmp_path,
        master_key=MASTER_KEY,
        encryption_key=bytes(32),
        http_port=0,
        max_body_bytes=1024 * 1024,
        targets={"registry": target, "health": target, "billing": "127.0.0.1:1"},
    )


@pytest.fixture
async def bridge(
    settings: Settings, router: ScriptedRouter
) -> AsyncIterator[bootstrap.BridgeProcess]:
    """Start a bridge."""
    process = await bootstrap.start(settings, router=router)
    yield process
    await process.drain(0.1)


@pytest.fixture
async def choosy_bridge(
    settings: Settings, router: ScriptedRouter
) -> AsyncIterator[bootstrap.BridgeProcess]:
    """Start a bridge that lets pages of one origin read its answers."""
    chosen = replace(settings, cors_origins=("https://app.example",))
    process = await bootstrap.start(chosen, router=router)
    yield process
    await process.drain(0.1)


@pytest.fixture
async def http(bridge: bootstrap.BridgeProcess) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client of the bridge that has a virtual key."""
    url = f"http://127.0.0.1:{bridge.port}"
    async with httpx.AsyncClient(base_url=url, timeout=5, headers=CALLER) as client:
        yield client
