"""The router's side of Registry, Health, Billing and Storage, put together."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceStub
from conduit.internal.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from conduit.internal.v1.request_lookup_service_pb2_grpc import RequestLookupServiceStub
from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotResponse
from conduit.internal.v1.snapshot_service_pb2_grpc import SnapshotServiceStub
from conduit_kernel.administrators import Administrators
from conduit_kernel.audit.refused_logins import reports_to
from conduit_kernel.background import Background, reason_of
from conduit_kernel.errors import ConduitError
from conduit_kernel.ids import IdSource
from conduit_kernel.key_ring import KeyRing
from conduit_kernel.registry_watch import RegistryWatch
from conduit_kernel.rpc import link, service_metadata
from conduit_kernel.settings import Settings
from conduit_kernel.snapshot import SnapshotState
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.spool import SYNC_SECONDS, Spool
from conduit_router.batches.storage import BatchStorage
from conduit_router.caller_usage import CallerUsage
from conduit_router.control_plane.charge_delivery import (
    ADOPTION_SECONDS,
    DELIVERY_SECONDS,
    ChargeDelivery,
)
from conduit_router.control_plane.health_watch import HealthWatch
from conduit_router.control_plane.price_watch import PriceWatch
from conduit_router.control_plane.quotas import lease_clients
from conduit_router.control_plane.reports import KEY_USE_SECONDS, REPORT_SECONDS, Reports
from conduit_router.control_plane.request_lookups import RequestLookups
from conduit_router.control_plane.snapshot_file import SAVE_SECONDS, SnapshotFile, load_snapshot
from conduit_router.files.keeping import FileKeeper
from conduit_router.files.storage import FileStorage
from conduit_router.idempotency.calls import IdempotentCalls
from conduit_router.idempotency.storage import IdempotencyStorage
from conduit_router.responses.keeper import ResponseKeeper
from conduit_router.responses.storage import ResponseStorage
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.table import TableChange
from conduit_router.spending.lease_pool import KEEP_SECONDS, LeasePool
from conduit_router.spending.reserver import Reserver
from conduit_router.storage import StorageClient
from conduit_router.tasks.running import RunningTasks
from conduit_router.tasks.storage import TaskStorage
from conduit_router.trail.call_end import EndListener
from conduit_router.trail.finding import RequestFinder
from conduit_router.trail.recent_calls import RecentCalls
from conduit_router.trail.request_log import RequestLog
from conduit_router.trail.storage import RequestLogStorage
from conduit_router.upstream.outcomes import Outcomes
from conduit_router.voices.storage import VoiceStorage

# How long a stopping router tries to deliver what it owes; the rest waits in the spool.
LAST_DELIVERY_SECONDS = 0.4
# How long it tries to give back what it holds of budgets.
LAST_RELEASE_SECONDS = 0.4
# How long it waits for the disk.
LAST_WRITE_SECONDS = 1.0


class ControlPlane:
    """Follows configuration, prices and health; delivers charges and reports."""

    def __init__(
        self,
        settings: Settings,
        *,
        keys: KeyRing,
        recorder: ChargeRecorder,
        spool: Spool,
        prices: PriceList,
        provider_state: ProviderState,
        outcomes: Outcomes,
        recent: RecentCalls,
        router_id: str,
        clock: Callable[[], float],
        timer: Callable[[], float],
    ) -> None:
        """Take what is to be kept up to date and what is to be delivered."""
        # By which this router is known to the services.
        self.router_id = router_id
        self._metadata = service_metadata(settings.service_tokens[0])
        self._channels = {
            name: link(settings, name) for name in ("registry", "health", "billing", "storage")
        }
        billing = self._channels["billing"]
        health = OutcomeServiceStub(self._channels["health"])
        self._registry = SnapshotServiceStub(self._channels["registry"])
        self._recorder = recorder
        self._spool = spool
        self._outcomes = outcomes
        self._recent = recent
        self._lookups = RequestLookups(
            RequestLookupServiceStub(self._channels["health"]), recent, self._metadata, router_id
        )
        storage = StorageClient(self._channels["storage"], self._metadata)
        kept_requests = RequestLogStorage(storage)
        self.requests = RequestFinder(self._lookups.find, kept_requests.find)
        self.request_log = RequestLog(kept_requests.add) if settings.request_log_days else None
        self.tasks = RunningTasks(TaskStorage(storage), router_id)
        self.voices = VoiceStorage(storage)
        kept = IdempotencyStorage(storage)
        self.idempotent = IdempotentCalls(kept, keys.vault, IdSource(clock), timer)
        self.responses = ResponseKeeper(ResponseStorage(storage), keys.vault, clock)
        self.batches = BatchStorage(storage)
        self.files = FileKeeper(FileStorage(storage), keys.vault, IdSource(clock))
        clients = lease_clients(billing, self._metadata)
        self.reserver = Reserver(clients, IdSource(clock).next, timer)
        self.usage = CallerUsage(billing, self._metadata)
        self._price_watch = PriceWatch(LedgerServiceStub(billing), prices, self._metadata)
        self._health_watch = HealthWatch(
            health, provider_state, self._metadata, router_id, clock=clock, timer=timer
        )
        self._delivery = ChargeDelivery(billing, spool, recorder, self._metadata)
        self._reports = Reports(
            health,
            self._registry,
            outcomes,
            provider_state,
            metadata=self._metadata,
            router_id=router_id,
            timer=timer,
        )
        path = settings.data_dir / "router" / "snapshot.binpb"
        snapshot = load_snapshot(path)
        self.state = SnapshotState.of(snapshot) if snapshot else SnapshotState()
        self._snapshot_file = SnapshotFile(path, self.state)
        self._watch = RegistryWatch(
            self._registry,
            self.state,
            metadata=self._metadata,
            on_change=self._changed,
            renew_keys=keys.refresh,
            is_used_at_once=False,
        )
        self.administrators = Administrators(keys.vault, clock, master_key=settings.master_key)
        self.administrators.learn(self.state)
        self.refusals = reports_to(self._channels["registry"], self._metadata, clock)
        self._on_change: Callable[[], None] = lambda: None
        self._log = structlog.get_logger("control_plane")

    @property
    def end_listeners(self) -> tuple[EndListener, ...]:
        """Return what remembers the calls' ends."""
        log = self.request_log
        return self._recent.listener, *([log.listener] if log is not None else ())

    async def load_stored(self, load: Callable[[], Awaitable[None]]) -> None:
        """Use the configuration that the disk has, if there is one that can be used."""
        if self.state.is_known:
            try:
                await load()
            except Exception:  # noqa: BLE001 # written by another version, perhaps; the Registry has a better one
                self._log.exception("snapshot_unusable")
                self.state.apply(WatchSnapshotResponse(snapshot=Snapshot()))

    def apply(self, change: TableChange) -> None:
        """Follow what the routes of a new table need, and confirm that it is in use."""
        self._price_watch.apply(change)
        self._recent.apply(change)
        self._watch.note_use(change.after.revision)

    def run(self, background: Background, *, on_change: Callable[[], None]) -> None:
        """Begin all loops; `on_change` uses the state, which has changed."""
        self._on_change = on_change
        run, file, reports = background.run, self._snapshot_file, self._reports
        self._watch.run(background)
        self.refusals.run(background)
        run("snapshot_file", file.save, every=SAVE_SECONDS, when=file.changed)
        run("price_watch", self._price_watch.follow)
        run("priced_models", self._price_watch.count, when=self._price_watch.stale)
        run("price_confirmations", self._price_watch.confirm, when=self._price_watch.unconfirmed)
        run("health_watch", self._health_watch.follow)
        run("request_lookups", self._lookups.answer)
        run("recent_calls", self._recent.settle, when=self._recent.stale)
        run(
            "outcome_reports",
            reports.report_outcomes,
            every=REPORT_SECONDS,
            when=self._outcomes.waiting,
        )
        run(
            "key_use_reports",
            reports.report_key_use,
            every=KEY_USE_SECONDS,
            when=self._outcomes.used,
        )
        for name, pool in self._pools().items():
            run(name, pool.keep, every=KEEP_SECONDS, when=pool.held)
            run(f"missed_{name}", pool.give_back_missed, when=pool.missed)
        self.tasks.run(background)
        self.responses.run(background)
        if self.request_log is not None:
            self.request_log.run(background)
        self._run_charges(background)

    async def close(self) -> None:
        """Deliver what can be delivered soon, and store the rest."""
        await self._delivery.finish(LAST_DELIVERY_SECONDS)
        await self.refusals.close()
        if self.request_log is not None:
            await self.request_log.close()
        await self._give_leases_back()
        self._recorder.backlog.give_up()
        for close in (self._snapshot_file.close, self._spool.aclose):
            # A disk that hangs must not keep the process from ending.
            try:
                async with asyncio.timeout(LAST_WRITE_SECONDS):
                    await close()
            except OSError as error:
                self._log.error("disk_refused", at=close.__qualname__, reason=reason_of(error))
        for channel in self._channels.values():
            await channel.close()

    async def _give_leases_back(self) -> None:
        # Those that cannot be given back expire.
        try:
            async with asyncio.timeout(LAST_RELEASE_SECONDS):
                for pool in self._pools().values():
                    await pool.close()
        except (ConduitError, TimeoutError) as error:
            self._log.info("leases_expire", reason=reason_of(error))

    def _pools(self) -> dict[str, LeasePool]:
        """Return all that this router holds parts of, by the names of their loops."""
        return {f"leases_of_{metric}": pool for metric, pool in self.reserver.pools.items()}

    def _changed(self) -> None:
        self.administrators.learn(self.state)
        # Used first and stored second: no disk keeps a change from being in force.
        self._on_change()
        self._snapshot_file.changed.set()

    def _run_charges(self, background: Background) -> None:
        # Vital: what is neither on the disk nor on its way is lost with the process.
        spool, backlog, run = self._spool, self._recorder.backlog, background.run
        run("spool_sync", spool.sync, every=SYNC_SECONDS, when=spool.unsynced, is_vital=True)
        run(
            "refused_charges",
            backlog.retry,
            every=DELIVERY_SECONDS,
            when=backlog.waiting,
            is_vital=True,
        )
        run(
            "charge_delivery",
            self._delivery.deliver,
            every=DELIVERY_SECONDS,
            when=spool.waiting,
            is_vital=True,
        )
        run("spool_adoption", self._delivery.look, every=ADOPTION_SECONDS)
