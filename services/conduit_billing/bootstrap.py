"""Puts the Billing service together."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import grpc
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.v1.billing_service_pb2_grpc import add_BillingServiceServicer_to_server
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit_billing.chores import keep_names, repeat
from conduit_billing.instances import Instances
from conduit_billing.ledger_store import LedgerStore
from conduit_billing.moments import MICRO
from conduit_billing.price_catalog import PriceCatalog
from conduit_billing.price_list import PriceList
from conduit_billing.report_store import ReportStore
from conduit_billing.rule_store import RuleStore
from conduit_billing.service import BillingService
from conduit_billing.tallies import RETENTION_MICROS
from conduit_kernel.database import open_database
from conduit_kernel.errors import ProviderTypeUnknown
from conduit_kernel.rpc import RpcServer, admin_metadata, connect
from conduit_kernel.settings import Settings
from conduit_kernel.snapshot import SnapshotState, follow
from conduit_providers.catalog import Catalog

SERVICE = "billing"
RPC_SERVICE = "conduit.v1.BillingService"
MIGRATIONS = Path(__file__).parent / "migrations"
# How soon a rule that another Billing process stored is used here.
REFRESH_SECONDS = 5.0
FORGET_SECONDS = 3600.0


class BillingProcess:
    """A running Billing service."""

    def __init__(
        self,
        *,
        service: BillingService,
        server: RpcServer,
        engine: AsyncEngine,
        registry: grpc.aio.Channel,
        tasks: list[asyncio.Task[None]],
        drain_seconds: float,
    ) -> None:
        self.port = server.port
        self._service = service
        self._server = server
        self._engine = engine
        self._registry = registry
        self._tasks = tasks
        self._drain_seconds = drain_seconds

    async def drain(self, grace_seconds: float | None = None) -> None:
        """Finish what is under way, then stop. Safe to call twice."""
        self._service.end_watches()
        await self._server.drain(self._drain_seconds if grace_seconds is None else grace_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._registry.close()
        await self._engine.dispose()


async def start(
    settings: Settings,
    catalog: Catalog,
    *,
    clock: Callable[[], float] = time.time,
    port: int | None = None,
    refresh_seconds: float = REFRESH_SECONDS,
) -> BillingProcess:
    """Serve, whether the Registry is there or not. ServiceUnavailable if the port is taken.

    Rules that another Billing process stored are used here within `refresh_seconds`.
    """
    engine = await open_database(settings, SERVICE, MIGRATIONS)
    registry = connect(settings.target("registry"))
    try:
        state = SnapshotState()
        ledger, reports = LedgerStore(engine), ReportStore(engine)
        instances = Instances(state, await reports.provider_names())
        service = BillingService(
            rules=RuleStore(engine),
            ledger=ledger,
            reports=reports,
            prices=PriceList(PriceCatalog(lambda name: _price_provider(catalog, name))),
            instances=instances,
            clock=clock,
        )
        await service.refresh_prices()
        server = RpcServer(name=SERVICE, master_key=settings.master_key)
        add_BillingServiceServicer_to_server(service, server.grpc)
        server.announce([RPC_SERVICE])
        await server.start(settings.host, settings.port(SERVICE) if port is None else port)
    except BaseException:
        await registry.close()
        await engine.dispose()
        raise
    named = asyncio.Event()
    stub = RegistryServiceStub(registry)
    metadata = admin_metadata(settings.master_key)
    chores = [
        follow(stub, state, metadata=metadata, on_change=named.set),
        keep_names(instances, reports, named),
        repeat(service.refresh_prices, refresh_seconds),
        repeat(
            lambda: ledger.forget_tallies(int(clock() * MICRO) - RETENTION_MICROS), FORGET_SECONDS
        ),
    ]
    tasks = [asyncio.create_task(chore) for chore in chores]
    return BillingProcess(
        service=service,
        server=server,
        engine=engine,
        registry=registry,
        tasks=tasks,
        drain_seconds=settings.drain_seconds,
    )


def _price_provider(catalog: Catalog, provider_type: str) -> str:
    try:
        return catalog.find(provider_type).price_provider
    except ProviderTypeUnknown:
        return ""
