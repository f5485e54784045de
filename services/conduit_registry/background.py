"""Work that goes on as long as the process."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from conduit_kernel.errors import ServiceUnavailable


async def forever(name: str, step: Callable[[], Awaitable[object]], pause_seconds: float) -> None:
    """Do a step again and again, whatever becomes of it; cancel to stop."""
    log = structlog.get_logger("background")
    while True:
        try:
            await step()
        except ServiceUnavailable as error:
            log.warning("background_waits", work=name, reason=error.message)
        except Exception:
            # A bug in one step must not end all others.
            log.exception("background_failed", work=name)
        await asyncio.sleep(pause_seconds)
