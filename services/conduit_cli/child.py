"""What the processes of `conduit serve` have in common.

They look for no garbage until they are ready, see `launch`, report when that is, or why it will not
be, and stop when they are asked to or when their parent is gone.
"""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Coroutine

import structlog
import uvloop

from conduit_cli.layout import MOST_SAID, READY, READY_VARIABLE
from conduit_kernel.http.descriptors import raise_descriptor_limit
from conduit_kernel.logs import configure_logs
from conduit_kernel.process import exit_in_words, stop_event, to_stderr
from conduit_kernel.process_guard import guard_process
from conduit_kernel.settings import Settings, environment, read_settings
from conduit_kernel.telemetry.setup import exporting, log_processors

_STDIN = 0

Drain = Callable[[], Awaitable[None]]
Start = Callable[[Settings], Coroutine[None, None, Drain]]


def run_child(name: str, start: Start) -> None:
    """Run services in this process. Exits as `exit_in_words` does if they cannot start."""
    gc.disable()
    with exit_in_words(_tell_parent if READY_VARIABLE in environment() else to_stderr(name)):
        guard_process(environment())
        raise_descriptor_limit()
        settings = read_settings(environment())
        with exporting(environment(), name):
            configure_logs(settings.log_level, name, correlated=log_processors())
            uvloop.run(_run(settings, start))


async def _run(settings: Settings, start: Start) -> None:
    stop = stop_event()
    _stop_with_parent(stop)
    starting = asyncio.create_task(start(settings))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
        return
    drain = starting.result()
    # All that a start leaves stays; looking through it would take a tenth of the time once more.
    gc.freeze()
    # What calls under way hold comes and goes in thousands of objects, and is no garbage either.
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    _tell_ready()
    await stopping
    log = structlog.get_logger("process")
    log.info("draining")
    await drain()
    log.info("stopped")


def _stop_with_parent(stop: asyncio.Event) -> None:
    """Set the event when standard input ends: only the parent holds its other end."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        if not os.read(_STDIN, 1024):
            loop.remove_reader(_STDIN)
            stop.set()

    if READY_VARIABLE in environment():
        loop.add_reader(_STDIN, ended)


def _tell_ready() -> None:
    if READY_VARIABLE in environment():
        _tell_parent(READY)


def _tell_parent(words: str) -> None:
    # Whole, as the pipe takes it in one piece, and takes nothing more.
    with os.fdopen(int(environment()[READY_VARIABLE]), "wb", buffering=0) as pipe:
        pipe.write(words.encode(errors="replace")[:MOST_SAID])
