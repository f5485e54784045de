"""Puts the Health service together."""

import asyncio
import random as chance
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1 import outcome_service_pb2, request_lookup_service_pb2
from conduit.internal.v1.audit_service_pb2_grpc import AuditServiceStub
from conduit.internal.v1.outcome_service_pb2_grpc import add_OutcomeServiceServicer_to_server
from conduit.internal.v1.request_lookup_service_pb2_grpc import (
    add_RequestLookupServiceServicer_to_server,
)
from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from conduit.v1 import health_service_pb2
from conduit.v1.health_service_pb2_grpc import add_HealthServiceServicer_to_server
from conduit_health.checks.checker import Checker
from conduit_health.checks.scheduler import CheckScheduler
from conduit_health.history.recorder import HistoryRecorder
from conduit_health.history.store import HistoryStore
from conduit_health.history.writer import HistoryWriter
from conduit_health.notifications.budgets import BudgetAlerts
from conduit_health.notifications.hub import NotificationHub
from conduit_health.notifications.key_rotations import KeyRotationReminders
from conduit_health.notifications.model_retirements import ModelRetirementReminders
from conduit_health.notifications.notifier import Notifier
from conduit_health.outcome_service import OutcomeService
from conduit_health.publish.grpc_health import ProviderStatuses, ServiceStatus
from conduit_health.publish.subscribers import Subscribers
from conduit_health.reminders.store import ReminderStore
from conduit_health.request_lookup_service import RequestLookupService
from conduit_health.service import HealthService
from conduit_health.state.monitor import Monitor
from conduit_health.state.provider_config import CheckPolicy
from conduit_health.webhooks.dispatcher import WebhookDispatcher
from conduit_health.webhooks.store import WebhookStore
from conduit_health.webhooks.tables import AUDIT_OUTBOX
from conduit_kernel.administrators import Administrators
from conduit_kernel.audit.outbox import AuditOutbox
from conduit_kernel.audit.refused_logins import reports_to
from conduit_kernel.background import Background
from conduit_kernel.database import open_database
from conduit_kernel.database_upkeep import keep_database
from conduit_kernel.ids import IdSource
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.registry_watch import RegistryWatch
from conduit_kernel.rpc import HostedService, RpcServer, link, service_metadata
from conduit_kernel.rpc.health import HealthStatuses
from conduit_kernel.settings import Settings, environment
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.auth.secret_files import SecretFiles
from conduit_providers.catalog import Catalog
from conduit_providers.probe import Probe
from conduit_providers.probing import Prober
from conduit_providers.sending import Sender

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

SERVICE = "health"
# The other services of the suite, whose health an ordinary probe may ask for here.
OTHER_SERVICES = {
    "registry": "conduit.v1.RegistryService",
    "router": "conduit.v1.RouterService",
    "billing": "conduit.v1.BillingService",
    "storage": "conduit.internal.v1.TaskStorageService",
}
MIGRATIONS = Path(__file__).parent / "migrations"
TICK_SECONDS = 1.0
# Nobody reads them.
MAX_WEBHOOK_ANSWER_BYTES = 64 * 1024
_DAY_SECONDS = 24 * 3600.0
FORGET_SECONDS = 3600.0
# Behind the day of which was reminded; keys that are overdue for longer are not thought of anew.
REMINDER_RETENTION_SECONDS = 3650 * 24 * 3600.0
REMIND_SECONDS = 60.0


class _Parts:
    """Everything but the server, made in the order in which it depends on each other."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        engine: AsyncEngine,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self.state = SnapshotState()
        self.registry: grpc.aio.Channel = link(settings, "registry")
        self.subscribers, hub = Subscribers(), NotificationHub(clock)
        self.notifier = Notifier(hub)
        self.recorder = HistoryRecorder()
        self.monitor = Monitor(
            self.state,
            recorder=self.recorder,
            subscribers=self.subscribers,
            notifier=self.notifier,
            clock=clock,
            policy=CheckPolicy(
                settings.health_checks.interval_minutes * 60.0,
                settings.health_checks.timeout_seconds,
                settings.health_checks.retry_attempts,
                settings.health_checks.failure_threshold,
            ),
        )
        self._sender = Sender.of(settings)
        self.keys = KeyRing.of(settings)
        vault = self.keys.vault
        # Set while webhooks may have secrets that a former key has wrapped.
        self.unwrapped = asyncio.Event()
        self.administrators = Administrators(vault, clock, master_key=settings.master_key)
        ours = service_metadata(settings.service_tokens[0])
        self.refusals = reports_to(self.registry, ours, clock)
        prober = Prober(
            Probe(catalog, self._sender, clock=clock, timer=time.monotonic),
            catalog=catalog,
            vault=vault,
            env=settings.secret_environment(environment()),
            read_file=SecretFiles(settings.secret_folders).read,
        )
        checker = Checker(prober=prober, state=self.state, clock=clock, random=random)
        self.checks = CheckScheduler(checker, self.monitor, clock=clock, random=random)
        self.others = {name: link(settings, name) for name in OTHER_SERVICES}
        self._engine = engine
        self._clock = clock
        self.history = HistoryStore(engine)
        self.writer = HistoryWriter(self.recorder, self.history)
        self.outbox = AuditOutbox(engine, AUDIT_OUTBOX, SERVICE)
        self.webhooks = WebhookStore(engine, self.outbox)
        self._webhook_sender = Sender.of(settings, max_body_bytes=MAX_WEBHOOK_ANSWER_BYTES)
        self.dispatcher = WebhookDispatcher(
            self.webhooks,
            hub.subscribe(),
            self._webhook_sender,
            vault,
            clock=clock,
            random=random,
        )
        self.reminders = ReminderStore(engine)
        self.key_rotations = KeyRotationReminders(self.state, self.reminders, hub, clock)
        self.retirements = ModelRetirementReminders(self.state, catalog, self.reminders, hub, clock)
        self.service = HealthService(
            monitor=self.monitor,
            checks=self.checks,
            writer=self.writer,
            notifications=hub,
            webhooks=self.webhooks,
            vault=vault,
            allow_private=settings.allow_private_addresses,
            clock=clock,
        )
        self.outcome_service = OutcomeService(
            monitor=self.monitor,
            subscribers=self.subscribers,
            checks=self.checks,
            budgets=BudgetAlerts(self.reminders, hub),
            clock=clock,
        )
        self.lookup_service = RequestLookupService(IdSource(clock).next)

    def learn(self) -> None:
        """Take what the Registry tells now."""
        self.administrators.learn(self.state)
        self.monitor.reload()

    def renew_keys(self) -> None:
        """Take a new encryption key; webhooks' secrets are nobody else's to open."""
        if self.keys.refresh():
            self.keys.advance()
            self.unwrapped.set()

    def end_watches(self) -> None:
        self.service.end_watches()
        self.lookup_service.end_watches()
        self.outcome_service.end_watches()

    async def tick(self) -> None:
        """Look at the time."""
        self.monitor.tick()
        self.notifier.tick(self._clock())
        self.checks.start_due()

    async def forget(self, settings: Settings, clock: Callable[[], float]) -> None:
        """Delete what is kept for a time only."""
        await self.history.forget(clock() - settings.history_days * _DAY_SECONDS)
        await self.webhooks.forget(clock() - settings.delivery_days * _DAY_SECONDS)
        await self.reminders.forget(clock() - REMINDER_RETENTION_SECONDS)

    def collectors(self) -> "Sequence[Collector]":
        """Return what shows how providers are."""
        from conduit_health.state.health_metrics import HealthMetrics  # noqa: PLC0415 # it takes its time

        return [HealthMetrics(self.monitor)]

    async def close(self) -> None:
        await self.refusals.close()
        await self.checks.stop()
        await self._sender.close()
        await self.dispatcher.close()
        await self._webhook_sender.close()
        for channel in (self.registry, *self.others.values()):
            await channel.close()
        try:
            await self.writer.write()
        finally:
            await self._engine.dispose()


async def start(
    settings: Settings,
    catalog: Catalog,
    *,
    clock: Callable[[], float] = time.time,
    random: Callable[[], float] = chance.random,
    port: int | None = None,
    tick_seconds: float = TICK_SECONDS,
) -> HostedService:
    """Serve, whether the Registry is there or not. ServiceUnavailable if the port is taken.

    Time is looked at every `tick_seconds`: for checks that are due, and for rests that end.
    """
    engine = await open_database(settings, SERVICE, MIGRATIONS)
    parts = _Parts(settings, catalog, engine, clock, random)
    server = RpcServer(
        name=SERVICE,
        master_key=settings.master_key,
        service_tokens=parts.keys.service_tokens,
        renew_service_tokens=parts.keys.renewed_tokens,
        max_messages_bytes=settings.max_bodies_bytes,
        tls=settings.tls,
        administrators=parts.administrators.identify,
        on_refused_login=parts.refusals.note,
    )
    health = health_service_pb2.DESCRIPTOR.services_by_name["HealthService"]
    server.add(add_HealthServiceServicer_to_server, parts.service, health)
    outcomes = outcome_service_pb2.DESCRIPTOR.services_by_name["OutcomeService"]
    server.add(add_OutcomeServiceServicer_to_server, parts.outcome_service, outcomes)
    lookups = request_lookup_service_pb2.DESCRIPTOR.services_by_name["RequestLookupService"]
    server.add(add_RequestLookupServiceServicer_to_server, parts.lookup_service, lookups)
    try:
        if parts.keys.has_former:
            await parts.dispatcher.rewrap()
        await server.start(
            settings.grpc_host,
            settings.port(SERVICE) if port is None else port,
            also_at=settings.socket(SERVICE),
        )
    except BaseException:
        await parts.close()
        raise
    return HostedService(
        server,
        _work(
            parts,
            server.health,
            engine,
            settings=settings,
            clock=clock,
            tick_seconds=tick_seconds,
        ),
        end_streams=parts.end_watches,
        close=parts.close,
        drain_seconds=settings.drain_seconds,
        collectors=parts.collectors,
    )


def _work(
    parts: _Parts,
    statuses: HealthStatuses,
    engine: AsyncEngine,
    *,
    settings: Settings,
    clock: Callable[[], float],
    tick_seconds: float,
) -> Background:
    metadata = service_metadata(settings.service_tokens[0])
    background = Background()
    keep_database(background, engine, SERVICE)
    run = background.run
    watch = RegistryWatch(
        SnapshotServiceStub(parts.registry),
        parts.state,
        metadata=metadata,
        on_change=parts.learn,
        renew_keys=parts.renew_keys,
    )
    watch.run(background)
    parts.outbox.run(background, AuditServiceStub(parts.registry), metadata)
    parts.refusals.run(background)
    providers = ProviderStatuses(statuses, parts.monitor, parts.subscribers)
    run("provider_status", providers.publish)
    run("tick", parts.tick, every=tick_seconds, is_vital=True)
    remind_seconds = min(REMIND_SECONDS, 60 * tick_seconds)
    run("key_rotations", parts.key_rotations.post_due, every=remind_seconds)
    run("model_retirements", parts.retirements.post_due, every=remind_seconds)
    run("history", parts.writer.write, every=tick_seconds, when=parts.recorder.waiting)
    dispatcher = parts.dispatcher
    run("webhook_queue", dispatcher.enqueue)
    run("webhooks", dispatcher.send_due, every=tick_seconds, when=dispatcher.waiting)
    run("webhook_rewrapping", dispatcher.rewrap, when=parts.unwrapped)
    run("forget", partial(parts.forget, settings, clock), every=FORGET_SECONDS)
    for name, service in OTHER_SERVICES.items():
        report = partial(_report_service, parts.notifier, name, clock)
        status = ServiceStatus(statuses, service, parts.others[name], report)
        run(f"{name}_status", status.follow)
    return background


def _report_service(
    notifier: Notifier, name: str, clock: Callable[[], float], *, is_serving: bool
) -> None:
    notifier.service_reported(name, clock(), is_serving=is_serving)
