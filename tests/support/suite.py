"""The whole suite in one process: real servers, real files, the simulator as the provider."""

import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from tests.support.waiting import eventually

from conduit_billing import bootstrap as billing
from conduit_bridge import bootstrap as bridge
from conduit_bridge.bootstrap import BridgeProcess
from conduit_health import bootstrap as health
from conduit_kernel.rpc import HostedService
from conduit_kernel.settings import Settings
from conduit_providers.catalog import Catalog, load_catalog
from conduit_registry import bootstrap as registry
from conduit_registry.bootstrap import RegistryProcess
from conduit_router import bootstrap as router
from conduit_router.process import RouterProcess
from conduit_simulator import bootstrap as simulator
from conduit_storage import bootstrap as storage

MASTER_KEY = "test-master-key"
ENCRYPTION_KEY = bytes(range(32))
GRACE_SECONDS = 0.2


class Suite:
    """Everything that `conduit serve` runs."""

    def __init__(self, settings: Settings, catalog: Catalog, simulator_url: str) -> None:
        self.settings = settings
        self.catalog = catalog
        self.simulator_url = simulator_url
        self.registry: RegistryProcess | None = None
        self.health: HostedService | None = None
        self.billing: HostedService | None = None
        self.storage: HostedService | None = None
        self.router: RouterProcess
        self.bridge: BridgeProcess
        self.virtual_key = ""
        # Ports are kept over restarts, as a deployment's are.
        self._ports = {"registry": 0, "health": 0, "billing": 0, "storage": 0}

    @property
    def url(self) -> str:
        """Where the bridge is."""
        return f"http://127.0.0.1:{self.bridge.port}"

    def ports(self) -> dict[str, int]:
        """Return the gRPC port of each service."""
        return {**self._ports, "router": self.router.port}

    async def start_control(self) -> None:
        """Start Registry, Health, Billing and Storage, on the ports they had."""
        if not self._ports["health"]:
            # The Registry tells it of tests, and is there first.
            self._note("health", _free_port())
        self.registry = await registry.start(
            self.settings, self.catalog, port=self._ports["registry"]
        )
        self._note("registry", self.registry.port)
        self.health = await health.start(self.settings, self.catalog, port=self._ports["health"])
        self._note("health", self.health.port)
        self.billing = await billing.start(self.settings, self.catalog, port=self._ports["billing"])
        self._note("billing", self.billing.port)
        await self.start_storage()

    async def start_storage(self) -> None:
        """Start Storage, on the port that it had."""
        self.storage = await storage.start(self.settings, port=self._ports["storage"])
        self._note("storage", self.storage.port)

    async def stop_storage(self) -> None:
        """Stop Storage."""
        if self.storage is not None:
            await self.storage.drain(GRACE_SECONDS)
        self.storage = None

    async def stop_control(self) -> None:
        """Stop Registry, Health, Billing and Storage."""
        await self.stop_storage()
        for process in (self.health, self.billing, self.registry):
            if process is not None:
                await process.drain(GRACE_SECONDS)
        self.registry = self.health = self.billing = None

    async def restart_health(self) -> None:
        """Start Health again, on the port that it had, once it was drained."""
        self.health = await health.start(self.settings, self.catalog, port=self._ports["health"])

    async def start_worker(self) -> None:
        """Start the Router and the bridge."""
        self.router = await router.start(self.settings, self.catalog, port=0)
        self._note("router", self.router.port)
        self.bridge = await bridge.start(
            self.settings,
            router=self.router.stub,
            collectors=self.router.collectors,
            background=self.router.background,
            port=0,
        )

    async def stop_worker(self) -> None:
        """Stop the bridge and the Router."""
        await self.bridge.drain(GRACE_SECONDS)
        await self.router.drain(GRACE_SECONDS)

    async def deliver_charges(self) -> None:
        """Restart the worker and wait until Billing has every charge: none can be added then."""
        await self.stop_worker()
        await self.start_worker()
        await self.charges_are_delivered()

    async def charges_are_delivered(self) -> None:
        """Wait until no charge is on its way."""
        spool = self.settings.data_dir / "router" / "spool"

        async def is_delivered() -> bool:
            try:
                return not any(path.stat().st_size for path in spool.rglob("*.spool"))
            except FileNotFoundError:
                # Delivered while we looked.
                return False

        await eventually(is_delivered, seconds=30)

    async def call(self, method: str, path: str, body: object = None, **options: Any) -> Any:  # noqa: ANN401 # JSON
        """Make one admin call and return its JSON. Fails the test unless it succeeds."""
        async with self.admin() as client:
            answer = await client.request(method, path, json=body, **options)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def admin(self) -> httpx.AsyncClient:
        """Return a client with the master key."""
        return httpx.AsyncClient(
            base_url=self.url, headers={"X-Master-Key": MASTER_KEY}, timeout=40
        )

    def caller(self) -> httpx.AsyncClient:
        """Return a client with the virtual key."""
        return httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {self.virtual_key}"}, timeout=40
        )

    async def add_simulator(self, alias: str, model: str, **provider: object) -> int:
        """Add an instance of the simulator with a key and a mapping; return its id."""
        made = await self.call(
            "POST",
            "/api/providers",
            {"name": f"{alias} {model}", "providerType": "Simulator", **provider},
        )
        await self.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-any"})
        await self.call(
            "POST",
            "/api/model-provider-mappings",
            {"modelAlias": alias, "providerId": made["id"], "actualModelName": model},
        )
        return int(made["id"])

    async def settled(self) -> None:
        """Wait until the Router has the Registry's latest revision."""

        async def is_settled() -> bool:
            latest = await self.call("GET", "/api/audit-log", params={"pageSize": 1})
            revision = latest["entries"][0]["revision"] if latest["entries"] else 0
            return self.router.revision >= revision

        await eventually(is_settled)

    def _note(self, service: str, port: int) -> None:
        self._ports[service] = port
        targets = {**self.settings.targets, service: f"127.0.0.1:{port}"}
        self.settings = dataclasses.replace(self.settings, targets=targets)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.asynccontextmanager
async def running_suite(
    data_dir: Path,
    virtual_key: str = "",
    /,
    **settings: Any,  # noqa: ANN401 # fields of Settings
) -> AsyncIterator[Suite]:
    """Run the whole suite, with a virtual key made, unless there is one."""
    upstream = await simulator.start(seed=1)
    url = f"http://127.0.0.1:{upstream.port}"
    suite = Suite(
        Settings(
            data_dir=data_dir,
            master_key=MASTER_KEY,
            encryption_key=ENCRYPTION_KEY,
            grpc_port=0,
            **{"allow_private_addresses": True, **settings},
        ),
        load_catalog(settings.get("catalog_dir"), base_urls={"Simulator": f"{url}/v1"}),
        url,
    )
    try:
        await suite.start_control()
        await suite.start_worker()
        if not virtual_key:
            made = await suite.call("POST", "/api/virtual-keys", {"name": "tests"})
            virtual_key = made["key"]
        suite.virtual_key = virtual_key
        await suite.settled()
        yield suite
    finally:
        await suite.stop_worker()
        await suite.stop_control()
        await upstream.drain(0.1)
