"""Ends the quotas that nobody renews."""

from collections.abc import Callable

import structlog

from conduit_billing.quotas.store import LASTS_MICROS, QuotaStore
from conduit_billing.timestamps import MICRO

EXPIRY_SECONDS = 5.0


class QuotaUpkeep:
    """The step of Billing's loop that has to do with quotas."""

    def __init__(self, quotas: QuotaStore, clock: Callable[[], float]) -> None:
        """Take the quotas, and a clock of seconds since 1970."""
        self._quotas = quotas
        self._clock = clock
        # Who renews quotas could not, while nobody was here to hear of it.
        self._begins_at = self._now() + LASTS_MICROS
        self._log = structlog.get_logger("quotas")

    async def expire(self) -> None:
        """End the quotas whose deadline has passed."""
        now = self._now()
        if now < self._begins_at:
            return
        if count := await self._quotas.expire(now):
            self._log.info("quotas_expired", count=count)

    def _now(self) -> int:
        return int(self._clock() * MICRO)
