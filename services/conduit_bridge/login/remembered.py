"""What a login provider says of itself, asked for once by all who need it."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import Generic, TypeVar

from conduit_kernel.errors import ServiceUnavailable

T = TypeVar("T")

# Who comes so soon after a failure is told of it: anybody may begin a login.
RETRY_SECONDS = 2.0


class Remembered(Generic[T]):
    """Something that is asked for when it is needed, by one at a time, and kept for a while."""

    def __init__(self, ask: Callable[[], Awaitable[T]], timer: Callable[[], float]) -> None:
        """Take what asks, which raises ServiceUnavailable, and a clock of seconds."""
        self._ask = ask
        self._timer = timer
        self._lock = asyncio.Lock()
        self._known: tuple[float, T] | None = None
        self._failure = -inf, ""

    async def get(self, seconds: float) -> T:
        """Return it, not older than some seconds. ServiceUnavailable if it cannot be had."""
        async with self._lock:
            now = self._timer()
            if self._known is not None and now - self._known[0] < seconds:
                return self._known[1]
            failed_at, why = self._failure
            if now - failed_at < RETRY_SECONDS:
                raise ServiceUnavailable(why, service="oidc")
            try:
                found = await self._ask()
            except ServiceUnavailable as error:
                self._failure = now, error.message
                raise
            self._known = now, found
            return found
