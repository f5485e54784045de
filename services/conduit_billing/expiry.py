"""Ends what routers hold and nobody renews: leases of budgets, and quotas."""

from collections.abc import Awaitable, Callable

import structlog

from conduit_billing.timestamps import MICRO


class Expiry:
    """The step of a loop that ends what is past its deadline."""

    def __init__(
        self,
        expire: Callable[[int], Awaitable[int]],
        lasts_micros: int,
        clock: Callable[[], float],
        event: str,
    ) -> None:
        """Take what ends all that is due at a moment, and returns how much that was.

        `lasts_micros` is how long one lasts unless it is renewed, and `event` how the log names
        that some ended. The clock gives seconds since 1970.
        """
        self._expire = expire
        self._clock = clock
        self._event = event
        # Who renews could not, while nobody was here to hear of it.
        self._begins_at = self._now() + lasts_micros
        self._log = structlog.get_logger("expiry")

    async def run(self) -> None:
        """End what is due."""
        now = self._now()
        if now >= self._begins_at and (count := await self._expire(now)):
            self._log.info(self._event, count=count)

    def _now(self) -> int:
        return int(self._clock() * MICRO)
