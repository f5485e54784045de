"""Ends the leases that nobody renews, and forgets those that ended long ago."""

from collections.abc import Callable

import structlog

from conduit_billing.budgets.lease_store import LEASE_MICROS, RETENTION_MICROS, LeaseStore
from conduit_billing.timestamps import MICRO

EXPIRY_SECONDS = 10.0


class LeaseUpkeep:
    """The steps of Billing's loops that have to do with leases."""

    def __init__(self, leases: LeaseStore, clock: Callable[[], float]) -> None:
        """Take the leases, and a clock of seconds since 1970."""
        self._leases = leases
        self._clock = clock
        # Who renews leases could not, while nobody was here to hear of it.
        self._begins_at = self._now() + LEASE_MICROS
        self._log = structlog.get_logger("leases")

    async def expire(self) -> None:
        """End the leases whose deadline has passed."""
        now = self._now()
        if now < self._begins_at:
            return
        if count := await self._leases.expire(now):
            self._log.info("leases_expired", count=count)

    async def forget(self) -> None:
        """Delete the leases that ended long ago."""
        await self._leases.forget(self._now() - RETENTION_MICROS)

    def _now(self) -> int:
        return int(self._clock() * MICRO)
