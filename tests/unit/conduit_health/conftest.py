"""Health's parts, beside a provider on loopback and on a SQLite file that is migrated once."""

import asyncio
import dataclasses
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.health.conftest import (
    ENCRYPTION_KEY,
    MASTER_KEY,
    Bench,
    Clock,
    Health,
    configuration,
    key,
)
from tests.support.models_upstream import ModelsUpstream, serve_models
from tests.support.scripted_registry import serve_registry

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotResponse
from conduit_health.bootstrap import MIGRATIONS, SERVICE
from conduit_health.history.recorder import HistoryRecorder
from conduit_health.notifications.hub import NotificationHub, Queue
from conduit_health.notifications.notifier import Notifier
from conduit_health.publish.subscribers import Subscribers
from conduit_health.state.monitor import Monitor
from conduit_kernel.database import open_database
from conduit_kernel.secrets import Vault
from conduit_kernel.settings import Settings
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.catalog import Catalog, load_catalog
from conduit_providers.probe import Probe
from conduit_providers.probing import Prober
from conduit_providers.sending import Sender


def settings_of(data_dir: Path, **targets: str) -> Settings:
    """Return the settings of a Health service whose providers are on loopback."""
    return Settings(
        data_dir=data_dir,
        master_key=MASTER_KEY,
        encryption_key=ENCRYPTION_KEY,
        allow_private_addresses=True,
        targets={"router": "127.0.0.1:1", "billing": "127.0.0.1:1", **targets},
    )


@dataclasses.dataclass
class Watched:
    """A monitor, what it is told by, and what it tells."""

    state: SnapshotState
    clock: Clock
    recorder: HistoryRecorder
    subscribers: Subscribers
    hub: NotificationHub
    monitor: Monitor

    def configure(self, snapshot: Snapshot) -> None:
        """Make this the configuration."""
        snapshot.revision = self.state.revision + 1
        response = _response(snapshot)
        self.state.apply(response)
        self.monitor.reload()


def _response(snapshot: Snapshot) -> WatchSnapshotResponse:
    return WatchSnapshotResponse(revision=snapshot.revision, snapshot=snapshot)


def drained(queue: Queue) -> list[str]:
    """Return the messages of the notifications that wait."""
    found = []
    while not queue.empty():
        notification = queue.get_nowait()
        if notification is not None:
            found.append(notification.message)
    return found


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def watched(clock: Clock) -> Watched:
    """Return a monitor that knows of no instance yet."""
    state, recorder = SnapshotState(), HistoryRecorder()
    subscribers, hub = Subscribers(), NotificationHub(clock)
    monitor = Monitor(
        state,
        recorder=recorder,
        subscribers=subscribers,
        notifier=Notifier(hub),
        clock=clock,
    )
    return Watched(state, clock, recorder, subscribers, hub, monitor)


@pytest.fixture
async def upstream() -> AsyncIterator[ModelsUpstream]:
    """Return a provider on loopback."""
    async with serve_models() as served:
        yield served


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """Return the shipped catalog."""
    return load_catalog()


@pytest.fixture
async def prober(tmp_path: Path, clock: Clock, catalog: Catalog) -> AsyncIterator[Prober]:
    """Return what asks providers for their models."""
    sender = Sender.of(settings_of(tmp_path))
    yield Prober(
        Probe(catalog, sender, clock=clock, timer=time.monotonic),
        catalog=catalog,
        vault=Vault(ENCRYPTION_KEY),
        env={},
        read_file=lambda path: Path(path).read_text(),
    )
    await sender.close()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database file with tables and nothing in them; tests copy it."""
    folder = tmp_path_factory.mktemp("migrated")

    async def migrate() -> None:
        engine = await open_database(settings_of(folder), SERVICE, MIGRATIONS)
        await engine.dispose()

    asyncio.run(migrate())
    return folder / f"{SERVICE}.db"


@pytest.fixture
async def engine(migrated: Path, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return an empty database."""
    shutil.copy(migrated, tmp_path)
    opened = await open_database(settings_of(tmp_path), SERVICE, MIGRATIONS)
    yield opened
    await opened.dispose()


@pytest.fixture
async def bench(migrated: Path, tmp_path: Path, upstream: ModelsUpstream) -> AsyncIterator[Bench]:
    """Return a Registry with one instance and one good key, without a Health service."""
    shutil.copy(migrated, tmp_path)
    async with serve_registry(configuration(upstream.url, key(1)), ENCRYPTION_KEY) as registry:
        settings = settings_of(tmp_path, registry=f"127.0.0.1:{registry.port}")
        yield Bench(settings, Clock(), registry, upstream)


@pytest.fixture
async def health(bench: Bench) -> AsyncIterator[Health]:
    """Return a running Health service that knows its instance."""
    async with bench.health() as running:
        yield running
