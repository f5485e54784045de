"""Puts the Billing service together."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import grpc
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1 import (
    caller_usage_service_pb2,
    ledger_service_pb2,
    quota_service_pb2,
)
from conduit.internal.v1.audit_service_pb2_grpc import AuditServiceStub
from conduit.internal.v1.caller_usage_service_pb2_grpc import (
    add_CallerUsageServiceServicer_to_server,
)
from conduit.internal.v1.ledger_service_pb2_grpc import add_LedgerServiceServicer_to_server
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit.internal.v1.quota_service_pb2_grpc import add_QuotaServiceServicer_to_server
from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from conduit.v1 import billing_service_pb2
from conduit.v1.billing_service_pb2_grpc import add_BillingServiceServicer_to_server
from conduit_billing.budget_reports import BudgetReports
from conduit_billing.budgets.alerts import LOOK_SECONDS, BudgetAlerts
from conduit_billing.budgets.lease_store import LEASE_MICROS, LeaseStore
from conduit_billing.budgets.lease_store import RETENTION_MICROS as LEASE_RETENTION_MICROS
from conduit_billing.budgets.prepaid_store import PrepaidStore
from conduit_billing.budgets.rules import BudgetRules
from conduit_billing.budgets.spending import BudgetSpending
from conduit_billing.caller_usage_service import CallerUsageService
from conduit_billing.expiry import Expiry
from conduit_billing.instances import Instances
from conduit_billing.ledger.adjustment_store import AdjustmentStore
from conduit_billing.ledger.attempt_stats import RETENTION_MICROS
from conduit_billing.ledger.group_commit import GroupCommit
from conduit_billing.ledger.retention import ChargeRetention
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.ledger_service import LedgerService
from conduit_billing.pricing.catalog import PriceCatalog
from conduit_billing.pricing.catalog_file import FILE_NAME
from conduit_billing.pricing.price_book import PriceBook
from conduit_billing.pricing.price_list import PriceList
from conduit_billing.pricing.rule_store import RuleStore
from conduit_billing.quota_service import QuotaService
from conduit_billing.quotas.limits import Limits
from conduit_billing.quotas.store import LASTS_MICROS, QuotaStore
from conduit_billing.reports.caller_usage import CallerUsageStore
from conduit_billing.reports.store import ReportStore
from conduit_billing.service import BillingService
from conduit_billing.tables import AUDIT_OUTBOX
from conduit_billing.timestamps import MICRO
from conduit_kernel.administrators import Administrators
from conduit_kernel.audit.outbox import AuditOutbox
from conduit_kernel.audit.refused_logins import reports_to
from conduit_kernel.background import Background
from conduit_kernel.database import open_database
from conduit_kernel.database_poll import DatabasePoll
from conduit_kernel.database_upkeep import keep_database
from conduit_kernel.errors import ProviderTypeUnknown
from conduit_kernel.followers import Followers
from conduit_kernel.ids import IdSource
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.registry_watch import RegistryWatch
from conduit_kernel.rpc import HostedService, RpcServer, link, service_metadata
from conduit_kernel.rpc.server import MAX_LARGE_MESSAGE_BYTES
from conduit_kernel.settings import Settings
from conduit_kernel.snapshot import SnapshotState
from conduit_kernel.sqlite_file import sqlite_signature
from conduit_providers.catalog import Catalog

SERVICE = "billing"
MIGRATIONS = Path(__file__).parent / "migrations"
# How soon a rule that another Billing process stored is used here.
REFRESH_SECONDS = 5.0
FORGET_SECONDS = 3600.0
LEASE_EXPIRY_SECONDS, QUOTA_EXPIRY_SECONDS = 10.0, 5.0


class _Parts:
    """Everything but the server."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        engine: AsyncEngine,
        names: Mapping[int, str],
        clock: Callable[[], float],
    ) -> None:
        self.state = SnapshotState()
        self.registry: grpc.aio.Channel = link(settings, "registry")
        self.health: grpc.aio.Channel = link(settings, "health")
        self.instances = Instances(self.state, names)
        self.keys = KeyRing.of(settings)
        self.administrators = Administrators(self.keys.vault, clock, master_key=settings.master_key)
        ours = service_metadata(settings.service_tokens[0])
        self.refusals = reports_to(self.registry, ours, clock)
        new_id, budgets = IdSource(clock).next, BudgetRules(self.state)
        self.leases = LeaseStore(engine, new_id)
        spending = BudgetSpending(budgets, new_id)
        self.ledger = LedgerStore(engine, spending)
        self.reports = ReportStore(engine)
        usage = CallerUsageStore(engine)
        report = BudgetReports(OutcomeServiceStub(self.health), ours).report
        self.alerts = BudgetAlerts(budgets, usage.balances, report, clock)
        self._budgets = budgets
        folder = settings.data_dir / "charges"
        self.retention = ChargeRetention(engine, folder, settings.charge_days, clock)
        followers = Followers()
        file = settings.data_dir / FILE_NAME
        shipped = PriceCatalog(lambda name: _price_provider(catalog, name), file)
        prices = PriceList(shipped, PriceBook())
        self.outbox = AuditOutbox(engine, AUDIT_OUTBOX, SERVICE)
        self.service = BillingService(
            rules=RuleStore(engine, self.outbox),
            ledger=self.ledger,
            reports=self.reports,
            prices=prices,
            followers=followers,
            instances=self.instances,
            prepaid=PrepaidStore(engine, new_id, self.outbox),
            adjustments=AdjustmentStore(engine, spending, self.outbox, new_id),
            budgets=budgets,
            note_costs=self.alerts.note,
            clock=clock,
        )
        self.ledger_service = LedgerService(
            ledger=GroupCommit(self.ledger),
            leases=self.leases,
            budgets=budgets,
            alerts=self.alerts,
            prices=prices,
            followers=followers,
            clock=clock,
        )
        self.quotas = QuotaStore(engine)
        self.quota_service = QuotaService(self.quotas, Limits(self.state), clock)
        self.caller_usage = CallerUsageService(
            usage=usage,
            budgets=budgets,
            limits=Limits(self.state),
            quotas=self.quotas,
            clock=clock,
        )
        self.named = asyncio.Event()
        self._has_learnt = False
        self._engine = engine

    def learn(self) -> None:
        """Take what the Registry tells now."""
        self.administrators.learn(self.state)
        self.instances.learn()
        self.named.set()
        if not self._has_learnt:
            # From here on it is known what is charged; what was before has to be looked at.
            self._has_learnt = True
            self.alerts.look_at(self._budgets.budgeted())

    async def store_names(self) -> None:
        """Store the names of instances that are not stored yet."""
        names = self.instances.not_stored()
        await self.reports.remember_names(names)
        self.instances.note_stored(names)

    async def close(self) -> None:
        await self.refusals.close()
        for channel in (self.registry, self.health):
            await channel.close()
        try:
            await self.store_names()
        finally:
            await self._engine.dispose()


async def start(
    settings: Settings,
    catalog: Catalog,
    *,
    clock: Callable[[], float] = time.time,
    port: int | None = None,
    refresh_seconds: float = REFRESH_SECONDS,
) -> HostedService:
    """Serve, whether the Registry is there or not. ServiceUnavailable if the port is taken.

    Rules that another Billing process stored are used here within `refresh_seconds`.
    """
    engine = await open_database(settings, SERVICE, MIGRATIONS)
    try:
        names = await ReportStore(engine).provider_names()
    except BaseException:
        await engine.dispose()
        raise
    parts = _Parts(settings, catalog, engine, names, clock)
    server = RpcServer(
        name=SERVICE,
        master_key=settings.master_key,
        service_tokens=parts.keys.service_tokens,
        renew_service_tokens=parts.keys.renewed_tokens,
        max_messages_bytes=settings.max_bodies_bytes,
        tls=settings.tls,
        administrators=parts.administrators.identify,
        on_refused_login=parts.refusals.note,
        max_message_bytes=MAX_LARGE_MESSAGE_BYTES,
    )
    billing = billing_service_pb2.DESCRIPTOR.services_by_name["BillingService"]
    server.add(add_BillingServiceServicer_to_server, parts.service, billing)
    ledger = ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"]
    server.add(add_LedgerServiceServicer_to_server, parts.ledger_service, ledger)
    quotas = quota_service_pb2.DESCRIPTOR.services_by_name["QuotaService"]
    server.add(add_QuotaServiceServicer_to_server, parts.quota_service, quotas)
    usage = caller_usage_service_pb2.DESCRIPTOR.services_by_name["CallerUsageService"]
    server.add(add_CallerUsageServiceServicer_to_server, parts.caller_usage, usage)
    try:
        await parts.service.refresh_prices()
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
        _work(parts, engine, service_metadata(settings.service_tokens[0]), clock, refresh_seconds),
        end_streams=parts.ledger_service.end_watches,
        close=parts.close,
        drain_seconds=settings.drain_seconds,
    )


def _work(
    parts: _Parts,
    engine: AsyncEngine,
    metadata: tuple[tuple[str, str], ...],
    clock: Callable[[], float],
    refresh_seconds: float,
) -> Background:
    background = Background()
    keep_database(background, engine, SERVICE)
    run = background.run
    watch = RegistryWatch(
        SnapshotServiceStub(parts.registry),
        parts.state,
        metadata=metadata,
        on_change=parts.learn,
        renew_keys=parts.keys.refresh,
    )
    watch.run(background)
    parts.outbox.run(background, AuditServiceStub(parts.registry), metadata)
    parts.refusals.run(background)
    run("provider_names", parts.store_names, when=parts.named)
    poll = DatabasePoll(parts.service.refresh_prices, lambda: sqlite_signature(engine))
    run("price_refresh", poll.run, every=refresh_seconds)
    run(
        "forget_attempt_stats",
        lambda: parts.ledger.forget_attempt_stats(int(clock() * MICRO) - RETENTION_MICROS),
        every=FORGET_SECONDS,
    )
    run("charge_retention", parts.retention.run, every=FORGET_SECONDS)
    leases = Expiry(parts.leases.expire, LEASE_MICROS, clock, "leases_expired")
    run("lease_expiry", leases.run, every=LEASE_EXPIRY_SECONDS)
    run(
        "forget_leases",
        lambda: parts.leases.forget(int(clock() * MICRO) - LEASE_RETENTION_MICROS),
        every=FORGET_SECONDS,
    )
    quotas = Expiry(parts.quotas.expire, LASTS_MICROS, clock, "quotas_expired")
    run("quota_expiry", quotas.run, every=QUOTA_EXPIRY_SECONDS)
    run("budget_alerts", parts.alerts.look, every=LOOK_SECONDS, when=parts.alerts.waiting)
    return background


def _price_provider(catalog: Catalog, provider_type: str) -> str:
    try:
        return catalog.find(provider_type).price_provider
    except ProviderTypeUnknown:
        return ""
