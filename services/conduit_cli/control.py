"""The control-plane process: `python -m conduit_cli.control`.

Registry, Health, Billing and Storage in one event loop.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from signal import SIGTERM
from typing import TYPE_CHECKING

from conduit_cli.backups.configuration import BackupSettings, backup_settings
from conduit_cli.child import Drain, run_child
from conduit_cli.socket_watch import LOOK_SECONDS, SocketWatch
from conduit_kernel.background import Background
from conduit_kernel.rpc import HostedService
from conduit_kernel.setting_names import report_unknown_names
from conduit_kernel.settings import Settings, environment
from conduit_providers.catalog import Catalog, configured_catalog

if TYPE_CHECKING:
    from conduit_cli.backups.schedule import BackupSchedule
    from conduit_kernel.exposition import Exposition
    from conduit_kernel.loop_lag import LoopLag

NAME = "control"
SERVICES = ("registry", "health", "billing", "storage")
METRICS_SECONDS = 3.0
BACKUP_LOOK_SECONDS = 60.0
# The workers, whose calls would keep it busy, have stopped before.
GRACE_SECONDS = 0.5


Starter = Callable[[Settings, Catalog], Awaitable[HostedService]]


async def _start(settings: Settings) -> Drain:
    catalog = configured_catalog(settings)
    backups = backup_settings(environment())
    report_unknown_names(environment())
    settings = replace(settings, drain_seconds=GRACE_SECONDS)
    async with AsyncExitStack() as started:
        services: list[HostedService] = []
        # One after the other: migrations of several services at once get into each other's way.
        # Imported beside the loop, so that the Registry, for which the workers wait, can answer.
        for load in (_registry, _health, _billing, _storage):
            start = await asyncio.to_thread(load)
            service = await start(settings, catalog)
            services.append(service)
            started.push_async_callback(service.drain)
        background = Background()
        loops = [*(service.background for service in services), background]
        exposition, lag = await asyncio.to_thread(_exposition, settings, services, loops)
        # All are up; from here on they stop when they are told to.
        started.pop_all()

    sockets = SocketWatch(map(settings.socket, SERVICES), lambda: signal.raise_signal(SIGTERM))
    background.run("sockets", sockets.run, every=LOOK_SECONDS)
    background.run("loop_lag", lag.measure)
    background.run("metrics_file", exposition.write, every=METRICS_SECONDS)
    if backups is not None:
        schedule = await asyncio.to_thread(_schedule, settings.data_dir, backups)
        background.run("backups", schedule.step, every=BACKUP_LOOK_SECONDS)

    async def drain() -> None:
        await asyncio.gather(*(service.drain() for service in services))
        await background.stop()
        with contextlib.suppress(OSError):
            # Whoever is scraped takes it for that of a process that died.
            await exposition.close()

    return drain


def _registry() -> Starter:
    from conduit_registry.bootstrap import start  # noqa: PLC0415 # see where it is called

    return start


def _health() -> Starter:
    from conduit_health.bootstrap import start  # noqa: PLC0415 # see where it is called

    return start


def _billing() -> Starter:
    from conduit_billing.bootstrap import start  # noqa: PLC0415 # see where it is called

    return start


def _storage() -> Starter:
    from conduit_storage.bootstrap import start  # noqa: PLC0415 # see where it is called

    return lambda settings, _: start(settings)


def _schedule(data_dir: Path, backups: BackupSettings) -> "BackupSchedule":
    from conduit_cli.backups.schedule import BackupSchedule  # noqa: PLC0415 # as above

    return BackupSchedule(data_dir, backups)


def _exposition(
    settings: Settings, services: Sequence[HostedService], loops: Sequence[Background]
) -> "tuple[Exposition, LoopLag]":
    """Return what shows at the workers' `/metrics` what these services and their loop count."""
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 # as above

    from conduit_kernel.background_metrics import BackgroundMetrics  # noqa: PLC0415 # as above
    from conduit_kernel.exposition import Exposition  # noqa: PLC0415 # as above
    from conduit_kernel.loop_lag import LoopLag  # noqa: PLC0415 # as above
    from conduit_kernel.process_metrics import ProcessMetrics  # noqa: PLC0415 # as above

    registry = CollectorRegistry()
    for collector in (each for service in services for each in service.collectors):
        registry.register(collector)
    registry.register(BackgroundMetrics(loops))
    registry.register(lag := LoopLag())
    folder = settings.data_dir / "metrics"
    process = ProcessMetrics(NAME)
    return Exposition(registry, process=process, folder=folder, worker=NAME), lag


if __name__ == "__main__":
    run_child(NAME, _start)
