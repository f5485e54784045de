"""A service as a process of its own: settings, logs, loop, signals, a clean end."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import structlog
import uvloop

from conduit_kernel.background import Background
from conduit_kernel.errors import ConduitError
from conduit_kernel.file_errors import in_words
from conduit_kernel.http.descriptors import raise_descriptor_limit
from conduit_kernel.logs import configure_logs
from conduit_kernel.process_guard import guard_process
from conduit_kernel.setting_names import report_unknown_names
from conduit_kernel.settings import Settings, environment, read_settings
from conduit_kernel.telemetry.setup import exporting, log_processors

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

FAILED, WRONG_CONFIGURATION = 1, 2


class Process(Protocol):
    """A started service, as the services' `start` functions return it."""

    @property
    def port(self) -> int:
        """Return the port on which the service listens."""
        ...

    @property
    def collectors(self) -> "Sequence[Collector]":
        """Return what it counts; nothing if it shows that itself."""
        ...

    @property
    def background(self) -> Background:
        """Return its loops."""
        ...

    def announce_drain(self) -> None:
        """Say that it is not ready; calls are still taken."""
        ...

    async def drain(self, grace_seconds: float) -> None:
        """Finish what is under way, then stop."""
        ...


def run_service(name: str, start: Callable[[Settings], Awaitable[Process]]) -> None:
    """Run a service until SIGTERM or SIGINT. Exits as `exit_in_words` does if it cannot."""
    with exit_in_words(to_stderr(name)):
        guard_process(environment())
        raise_descriptor_limit()
        settings = read_settings(environment())
        with exporting(environment(), name):
            configure_logs(settings.log_level, name, correlated=log_processors())
            report_unknown_names(environment())
            uvloop.run(_run(name, settings, start))


@contextlib.contextmanager
def exit_in_words(tell: Callable[[str], object]) -> Iterator[None]:
    """Tell in one line why a process cannot do its work, and exit.

    With 2 if the configuration is not right, else with 1.
    """
    try:
        yield
    except ValueError as error:
        tell(str(error))
        sys.exit(WRONG_CONFIGURATION)
    except ConduitError as error:
        tell(str(error))
        sys.exit(FAILED)
    except OSError as error:
        tell(in_words(error))
        sys.exit(FAILED)


def to_stderr(name: str) -> Callable[[str], object]:
    """Return what tells whoever started a service."""
    return lambda words: sys.stderr.write(f"conduit {name}: {words}\n")


async def _run(
    name: str, settings: Settings, start: Callable[[Settings], Awaitable[Process]]
) -> None:
    stop = stop_event()
    process = await start(settings)
    log = structlog.get_logger(name)
    async with _metrics(name, settings, process):
        log.info("started", port=process.port)
        await stop.wait()
        await _end(log, settings, process)


async def _end(log: structlog.BoundLogger, settings: Settings, process: Process) -> None:
    log.info("draining")
    process.announce_drain()
    await asyncio.sleep(settings.drain_delay_seconds)
    await process.drain(settings.drain_seconds)
    log.info("stopped")


@contextlib.asynccontextmanager
async def _metrics(name: str, settings: Settings, process: Process) -> AsyncIterator[None]:
    """Show what a service counts, where a port is set for it; it is told which in the log."""
    if settings.metrics_port is None or not process.collectors:
        yield
        return
    from conduit_kernel.metrics_server import MetricsServer  # noqa: PLC0415 # it takes its time

    server = MetricsServer(name, process.collectors, process.background)
    try:
        await server.start(settings.host, settings.metrics_port, settings.tls)
    except BaseException:
        await process.drain(0.0)
        raise
    structlog.get_logger(name).info("metrics_served", port=server.port)
    yield
    await server.close()


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
