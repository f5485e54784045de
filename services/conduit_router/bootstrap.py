"""Builds a router: the only place here that makes concrete things."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc

from conduit.v1.billing_service_pb2_grpc import BillingServiceStub
from conduit.v1.health_service_pb2_grpc import HealthServiceStub
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit_kernel.addresses import is_public
from conduit_kernel.http import HttpClient, IsolatedResolver
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc import RpcServer, admin_metadata, connect
from conduit_kernel.secrets import Vault
from conduit_kernel.settings import Settings, environment
from conduit_kernel.snapshot import SnapshotState, follow
from conduit_providers.catalog import Catalog
from conduit_providers.sending import Sender
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.spool import SYNC_SECONDS, Spool
from conduit_router.calls.jobs import JobRunner
from conduit_router.calls.media import MediaFetcher
from conduit_router.calls.runtime import CallRuntime
from conduit_router.control_plane.links import (
    Delivery,
    PriceLink,
    follow_health,
    report_key_use,
    report_outcomes,
    sync_spool,
)
from conduit_router.control_plane.snapshot_file import load_snapshot, save_snapshot
from conduit_router.routing.compile import Compiler
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.table import failure_resets
from conduit_router.service import SERVICE, RouterStub, handlers
from conduit_router.upstream.outcomes import Outcomes
from conduit_router.upstream.token_refresh import TokenRefresher
from conduit_router.upstream.transport import Transport
from conduit_router.virtual_keys import VirtualKeys

# How long a stopping router tries to deliver what it owes; the rest waits in the spool.
LAST_DELIVERY_SECONDS = 0.4
# How long it waits for providers to take jobs back whose callers are gone.
LAST_CANCEL_SECONDS = 2.0


class RouterProcess:
    """A running router."""

    def __init__(
        self,
        *,
        stub: RouterStub,
        server: RpcServer | None,
        delivery: Delivery,
        token_refresher: TokenRefresher,
        jobs: JobRunner,
        spool: Spool,
        clients: list[HttpClient],
        channels: list[grpc.aio.Channel],
        tasks: list[asyncio.Task[None]],
    ) -> None:
        self.stub = stub
        self._server = server
        self._delivery = delivery
        self._token_refresher = token_refresher
        self._jobs = jobs
        self._spool = spool
        self._clients = clients
        self._channels = channels
        self._tasks = tasks

    @property
    def revision(self) -> int:
        """Return the revision of the configuration by which calls are served."""
        return self.stub.revision

    @property
    def port(self) -> int:
        """Return the gRPC port; 0 if it has none."""
        return self._server.port if self._server else 0

    async def drain(self, grace_seconds: float) -> None:
        """Finish the calls under way, then deliver what is owed."""
        if self._server:
            await self._server.drain(grace_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._token_refresher.close()
        await self._jobs.close(LAST_CANCEL_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_DELIVERY_SECONDS):
                await self._delivery.deliver()
        self._spool.close()
        for client in self._clients:
            await client.close()
        for channel in self._channels:
            await channel.close()


async def start(
    settings: Settings,
    catalog: Catalog,
    *,
    port: int | None = None,
    with_server: bool = True,
    share_port: bool = False,
    clock: Callable[[], float] = time.time,
) -> RouterProcess:
    """Start a router: with what the disk knows at once, with what the services tell as it comes."""
    state_dir = settings.data_dir / "router"
    vault = Vault(settings.encryption_key, *settings.former_encryption_keys)
    channels = {name: connect(settings.target(name)) for name in ("registry", "health", "billing")}
    metadata = admin_metadata(settings.master_key)
    ids = IdSource(clock)
    prices, provider_state, outcomes = PriceList(), ProviderState(time.monotonic), Outcomes(clock)
    spool = Spool(state_dir / "spool")
    recorder = ChargeRecorder(spool, prices, ids, clock)
    client, guarded_client, media_client = clients = _clients(settings)
    token_refresher = TokenRefresher(clock, Sender(client, guarded_client))
    runtime = CallRuntime(
        transport=Transport(client, guarded_client, token_refresher, time.perf_counter),
        media=MediaFetcher(media_client),
        state=provider_state,
        recorder=recorder,
        outcomes=outcomes,
        clock=time.perf_counter,
        wall_clock=clock,
        draw_seed=_seeds(),
    )
    virtual_keys = VirtualKeys(vault, clock)
    stub = RouterStub(runtime, virtual_keys, ids, settings.master_key)
    billing = BillingServiceStub(channels["billing"])
    registry = RegistryServiceStub(channels["registry"])
    health = HealthServiceStub(channels["health"])
    price_link = PriceLink(billing, prices, metadata)
    delivery = Delivery(channels["billing"], spool, recorder, metadata)
    state = _known_state(state_dir / "snapshot.binpb")
    compiler = Compiler(catalog, vault, environment(), lambda path: Path(path).read_text("utf-8"))

    def load() -> None:
        before, runtime.table = runtime.table, compiler.compile(state)
        provider_state.forget(*failure_resets(before, runtime.table))
        virtual_keys.load(runtime.table)
        price_link.load(runtime.table)
        token_refresher.load(runtime.table)

    def changed() -> None:
        load()
        save_snapshot(state_dir / "snapshot.binpb", state.to_snapshot())

    if state.is_known:
        load()
    server = None
    if with_server:
        server = await _serve(stub, settings, port, share_port=share_port)
    work = [
        follow(registry, state, metadata=metadata, on_change=changed),
        price_link.run(),
        follow_health(health, provider_state, metadata),
        delivery.run(),
        report_outcomes(health, outcomes, metadata),
        report_key_use(registry, outcomes, metadata),
        sync_spool(spool, SYNC_SECONDS),
        token_refresher.run(),
    ]
    return RouterProcess(
        stub=stub,
        server=server,
        delivery=delivery,
        token_refresher=token_refresher,
        jobs=runtime.jobs,
        spool=spool,
        clients=clients,
        channels=list(channels.values()),
        tasks=[asyncio.create_task(job) for job in work],
    )


def _clients(settings: Settings) -> list[HttpClient]:
    """Return the clients for known hosts, for hosts of the operator, and for hosts of callers."""
    # A name may lead elsewhere than when the Registry looked it up.
    guard = None if settings.allow_private_addresses else is_public
    # What callers name is no provider of the operator's, and may not hold theirs up.
    media_guard = None if settings.allow_private_media else is_public
    return [
        HttpClient(),
        HttpClient(allow_address=guard),
        HttpClient(resolve=IsolatedResolver(), allow_address=media_guard),
    ]


async def _serve(
    stub: RouterStub, settings: Settings, port: int | None, *, share_port: bool
) -> RpcServer:
    server = RpcServer(name="router", master_key=settings.master_key, share_port=share_port)
    server.grpc.add_generic_rpc_handlers((handlers(stub),))
    server.announce(SERVICE)
    await server.start(settings.host, settings.port("router") if port is None else port)
    return server


def _known_state(path: Path) -> SnapshotState:
    snapshot = load_snapshot(path)
    return SnapshotState.of(snapshot) if snapshot else SnapshotState()


def _seeds() -> Callable[[], int]:
    draw = random.Random().getrandbits  # noqa: S311 # chooses among equals, guards nothing
    return partial(draw, 64)
