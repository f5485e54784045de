"""Waiting for what comes by itself, with a bound."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LIMIT_SECONDS = 10.0
STEP_SECONDS = 0.02


async def eventually(
    condition: Callable[[], Awaitable[bool]], seconds: float = LIMIT_SECONDS
) -> None:
    """Wait until a condition holds; AssertionError after the time given."""
    until = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < until, f"not within {seconds} s"
        await asyncio.sleep(STEP_SECONDS)
