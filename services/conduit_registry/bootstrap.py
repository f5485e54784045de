"""Builds the Registry: the only place here that makes concrete things."""

import time
from collections.abc import Callable
from pathlib import Path

import grpc
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1 import audit_service_pb2, login_service_pb2, snapshot_service_pb2
from conduit.internal.v1.audit_service_pb2_grpc import add_AuditServiceServicer_to_server
from conduit.internal.v1.login_service_pb2_grpc import add_LoginServiceServicer_to_server
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit.internal.v1.snapshot_service_pb2_grpc import (
    add_SnapshotServiceServicer_to_server,
)
from conduit.v1 import registry_service_pb2
from conduit.v1.registry_service_pb2_grpc import add_RegistryServiceServicer_to_server
from conduit_kernel.administrators import Administrators
from conduit_kernel.audit.refused_logins import RefusedLogins
from conduit_kernel.background import Background
from conduit_kernel.database import open_database
from conduit_kernel.database_poll import DatabasePoll
from conduit_kernel.database_upkeep import keep_database
from conduit_kernel.followers import Followers
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.rpc import HostedService, RpcServer, link, service_metadata
from conduit_kernel.rpc.server import MAX_LARGE_MESSAGE_BYTES
from conduit_kernel.settings import Settings, environment
from conduit_kernel.sqlite_file import sqlite_signature
from conduit_providers.auth.secret_files import SecretFiles
from conduit_providers.catalog import Catalog
from conduit_providers.probe import Probe
from conduit_providers.probing import Prober
from conduit_providers.sending import Sender
from conduit_registry.connectivity import Connectivity
from conduit_registry.discovery import Discovery
from conduit_registry.feed import POLL_SECONDS, Feed
from conduit_registry.key_check_reports import KeyCheckReports
from conduit_registry.key_rotation import RETIRE_SECONDS, KeyRotation
from conduit_registry.key_uses import WRITE_SECONDS as KEY_USE_SECONDS
from conduit_registry.key_uses import KeyUseLog
from conduit_registry.own_administrators import OwnAdministrators
from conduit_registry.refused_logins import WRITE_SECONDS, RefusedLoginWriter
from conduit_registry.retention import FORGET_SECONDS, Retention
from conduit_registry.retirements import Retirements
from conduit_registry.rewrapping import bind, rewrap
from conduit_registry.rpcs.audit import AuditService
from conduit_registry.rpcs.base import Dependencies
from conduit_registry.rpcs.logins import LoginService
from conduit_registry.rpcs.snapshot import SnapshotService
from conduit_registry.rules.addresses import Addresses
from conduit_registry.service import RegistryService
from conduit_registry.store import Store
from conduit_registry.store.listening import listen

MIGRATIONS = Path(__file__).parent / "migrations"
DISCOVERY_PAUSE_SECONDS = 1.0
LISTEN_PAUSE_SECONDS = 1.0


class RegistryProcess(HostedService):
    """A running Registry."""

    def __init__(
        self,
        server: RpcServer,
        engine: AsyncEngine,
        *,
        work: Background,
        feed: Feed,
        discovery: Discovery,
        sender: Sender,
        health: grpc.aio.Channel,
        refused_logins: RefusedLoginWriter,
        key_uses: KeyUseLog,
        rotation: KeyRotation,
        drain_seconds: float,
    ) -> None:
        self.discovery = discovery
        self.retire_keys = rotation.retire_due
        self._refused_logins, self._key_uses = refused_logins, key_uses
        self._sender = sender
        self._health = health
        self._engine = engine
        super().__init__(
            server,
            work,
            end_streams=feed.close,
            close=self._let_go,
            drain_seconds=drain_seconds,
        )

    async def _let_go(self) -> None:
        await self._sender.close()
        await self._health.close()
        await self._refused_logins.write_last()
        await self._key_uses.write_last()
        await self._engine.dispose()


async def start(
    settings: Settings,
    catalog: Catalog,
    *,
    clock: Callable[[], float] = time.time,
    port: int | None = None,
) -> RegistryProcess:
    """Start the Registry. ServiceUnavailable if its port is taken or its database out of reach."""
    engine = await open_database(settings, "registry", MIGRATIONS)
    sender, health = Sender.of(settings), link(settings, "health")
    try:
        return await _start(settings, catalog, clock, engine, sender, health=health, port=port)
    except BaseException:
        await sender.close()
        await health.close()
        await engine.dispose()
        raise


async def _start(
    settings: Settings,
    catalog: Catalog,
    clock: Callable[[], float],
    engine: AsyncEngine,
    sender: Sender,
    *,
    health: grpc.aio.Channel,
    port: int | None,
) -> RegistryProcess:
    keys = KeyRing.of(settings)
    vault = keys.vault
    store = Store(engine, clock, vault)
    if keys.has_former:
        await rewrap(store, vault, keys.current_id)
    await bind(store, vault, catalog)
    addresses = Addresses(allow_private=settings.allow_private_addresses)
    secret_files = SecretFiles(settings.secret_folders)
    prober = Prober(
        Probe(catalog, sender, clock=clock, timer=time.monotonic),
        catalog=catalog,
        vault=vault,
        env=settings.secret_environment(environment()),
        read_file=secret_files.read,
    )
    metadata = service_metadata(settings.service_tokens[0])
    reports = KeyCheckReports(OutcomeServiceStub(health), metadata)
    discovery = Discovery(store, prober, Retirements(catalog))
    feed, followers, counted = Feed(store), Followers(), RefusedLogins(clock)
    key_uses = KeyUseLog(store)
    store.on_change(feed.announce)
    store.on_change(discovery.wake)
    rotation = KeyRotation(store, prober, vault)
    parts = Dependencies(
        store=store,
        catalog=catalog,
        keys=keys,
        addresses=addresses,
        secret_files=secret_files,
        connectivity=Connectivity(
            store, prober, clock=clock, timer=time.monotonic, report=reports.report
        ),
        key_rotation=rotation,
        discovery=discovery,
        followers=followers,
    )
    administrators = Administrators(vault, clock, master_key=settings.master_key)
    own = OwnAdministrators(store, administrators, followers, keys.refresh)
    await own.load()
    server = _server(settings, keys, administrators, counted)
    registry = registry_service_pb2.DESCRIPTOR.services_by_name["RegistryService"]
    server.add(add_RegistryServiceServicer_to_server, RegistryService(parts), registry)
    snapshots = snapshot_service_pb2.DESCRIPTOR.services_by_name["SnapshotService"]
    follow = SnapshotService(store, feed, followers, key_uses)
    server.add(add_SnapshotServiceServicer_to_server, follow, snapshots)
    _add_recorders(server, store, followers, counted)
    await server.start(
        settings.grpc_host,
        settings.port("registry") if port is None else port,
        also_at=settings.socket("registry"),
    )
    writer = RefusedLoginWriter(store, counted)
    work = _work(engine, feed, discovery, Retention(store, audit_days=settings.audit_days), own)
    work.run("key_uses", key_uses.write, every=KEY_USE_SECONDS)
    work.run("key_retirement", rotation.retire_due, every=RETIRE_SECONDS)
    work.run("refused_logins", writer.write_due, every=WRITE_SECONDS, when=counted.waiting)
    return RegistryProcess(
        server,
        engine,
        work=work,
        refused_logins=writer,
        key_uses=key_uses,
        rotation=rotation,
        feed=feed,
        discovery=discovery,
        sender=sender,
        health=health,
        drain_seconds=settings.drain_seconds,
    )


def _add_recorders(
    server: RpcServer, store: Store, followers: Followers, refused_logins: RefusedLogins
) -> None:
    """Have a server take what other services tell of logins and of changes."""
    audit = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
    server.add(add_AuditServiceServicer_to_server, AuditService(store, refused_logins), audit)
    logins = login_service_pb2.DESCRIPTOR.services_by_name["LoginService"]
    server.add(add_LoginServiceServicer_to_server, LoginService(store, followers), logins)


def _server(
    settings: Settings,
    keys: KeyRing,
    administrators: Administrators,
    refused_logins: RefusedLogins,
) -> RpcServer:
    return RpcServer(
        name="registry",
        master_key=settings.master_key,
        service_tokens=keys.service_tokens,
        renew_service_tokens=keys.renewed_tokens,
        max_messages_bytes=settings.max_bodies_bytes,
        tls=settings.tls,
        administrators=administrators.identify,
        on_refused_login=refused_logins.note,
        max_message_bytes=MAX_LARGE_MESSAGE_BYTES,
    )


def _work(
    engine: AsyncEngine,
    feed: Feed,
    discovery: Discovery,
    retention: Retention,
    own: OwnAdministrators,
) -> Background:
    background = Background()
    keep_database(background, engine, "registry")
    poll = DatabasePoll(feed.poll, lambda: sqlite_signature(engine))
    background.run("poll", poll.run, every=POLL_SECONDS, is_vital=True)
    background.run("administrators", own.load, when=feed.announced, is_vital=True)
    # The pause keeps a burst of changes from asking for what is due each time.
    background.run("discovery", discovery.run_once, every=DISCOVERY_PAUSE_SECONDS)
    background.run("forget", retention.forget, every=FORGET_SECONDS)
    if engine.dialect.name == "postgresql":
        background.run("listen", lambda: listen(engine, feed.announce), every=LISTEN_PAUSE_SECONDS)
    return background
