"""Stores the deliveries of many routers together, one transaction at a time (group commit)."""

import asyncio
from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

from conduit_billing.ledger.attempt_stats import AttemptStats
from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.ledger.store import LedgerStore
from conduit_kernel.errors import ServiceUnavailable

# A transaction follows another after so many seconds, or as soon as so many charges wait. What
# comes when there was none lately is stored at once.
GATHER_SECONDS = 0.02
ENOUGH_CHARGES = 500


class Delivery(NamedTuple):
    """The charges and statistics that a router delivers at once, at a time in microseconds."""

    charges: Sequence[PostedCharge]
    stats: Sequence[AttemptStats]
    now: int


class GroupCommit:
    """Lets one of the deliveries that wait store all of them, while the others wait for it."""

    def __init__(self, store: LedgerStore, gather_seconds: float = GATHER_SECONDS) -> None:
        self._store = store
        self._gather_seconds = gather_seconds
        self._waiting: list[_Waiting] = []
        self._turn = asyncio.Lock()
        self._is_enough = asyncio.Event()
        self._not_before = 0.0

    async def record(self, delivery: Delivery) -> int:
        """Store a delivery, and what waits beside it; return how many of its charges were new.

        Where all together cannot be stored, each is tried by itself.
        """
        ours = _Waiting(delivery)
        self._waiting.append(ours)
        self._look()
        try:
            async with self._turn:
                if not ours.is_done:
                    await self._gather()
                    await self._store_with(ours)
        finally:
            # Its caller is gone, or it failed.
            if ours in self._waiting:
                self._waiting.remove(ours)
        if ours.error is not None:
            # A copy: this call is not to be kept by what is kept of it.
            raise copy(ours.error)
        return ours.recorded

    def _look(self) -> None:
        if sum(len(each.delivery.charges) for each in self._waiting) >= ENOUGH_CHARGES:
            self._is_enough.set()

    async def _gather(self) -> None:
        """Wait until it is time for another transaction, or there is enough for one."""
        left = self._not_before - asyncio.get_running_loop().time()
        if left > 0:
            try:
                async with asyncio.timeout(left):
                    await self._is_enough.wait()
            except TimeoutError:
                pass

    async def _store_with(self, ours: "_Waiting") -> None:
        together = [ours] if ours.is_alone else self._next(ours)
        try:
            await self._store_all(together)
        except ServiceUnavailable as error:
            # Each by itself would fail alike, and take as long.
            for each in together:
                each.error, each.is_done = copy(error), True
        except Exception:
            if len(together) == 1:
                raise
            for each in together:
                each.is_alone = True
            await self._store_all([ours])
        finally:
            self._not_before = asyncio.get_running_loop().time() + self._gather_seconds
            self._waiting = [each for each in self._waiting if not each.is_done]
            self._is_enough.clear()
            self._look()

    def _next(self, ours: "_Waiting") -> list["_Waiting"]:
        """Return ours and as many others as are enough for a transaction."""
        together, count = [ours], len(ours.delivery.charges)
        for each in self._waiting:
            if count >= ENOUGH_CHARGES:
                break
            if each is not ours and not each.is_alone:
                together.append(each)
                count += len(each.delivery.charges)
        return together

    async def _store_all(self, together: list["_Waiting"]) -> None:
        charges = [charge for each in together for charge in each.delivery.charges]
        stats = [stats for each in together for stats in each.delivery.stats]
        now = max(each.delivery.now for each in together)
        fresh = await self._store.record(charges, stats, now)
        for each in together:
            new = fresh & {charge.id for charge in each.delivery.charges}
            fresh -= new
            each.recorded, each.is_done = len(new), True


class _Waiting:
    """A delivery that waits, and what became of it."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.is_done = False
        # Something among those with which it was to be stored cannot be stored.
        self.is_alone = False
        self.recorded = 0
        self.error: ServiceUnavailable | None = None
