"""Stores the deliveries of many routers together, one transaction at a time (group commit)."""

from collections.abc import Sequence
from typing import NamedTuple

from conduit_billing.gathering import Gatherer
from conduit_billing.ledger.attempt_stats import AttemptStats
from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.ledger.store import LedgerStore

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
        self._deliveries = Gatherer[Delivery, int](
            self._store_all,
            enough=ENOUGH_CHARGES,
            weight=lambda delivery: len(delivery.charges),
            gather_seconds=gather_seconds,
        )

    async def record(self, delivery: Delivery) -> int:
        """Store a delivery, and what waits beside it; return how many of its charges were new.

        Where all together cannot be stored, each is tried by itself.
        """
        return await self._deliveries.ask(delivery)

    async def _store_all(self, together: Sequence[Delivery]) -> list[int]:
        charges = [charge for each in together for charge in each.charges]
        stats = [stats for each in together for stats in each.stats]
        fresh = await self._store.record(charges, stats, max(each.now for each in together))
        counts = []
        for each in together:
            new = fresh & {charge.id for charge in each.charges}
            fresh -= new
            counts.append(len(new))
        return counts
