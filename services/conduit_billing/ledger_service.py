"""The LedgerService: charges come in from routers, prices go out to them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from math import inf

from conduit.internal.v1 import ledger_service_pb2 as pb
from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceServicer
from conduit.internal.v1.price_pb2 import Price, PricedModel
from conduit_billing.ledger.attempt_stats import RETENTION_MICROS, read_attempt_stats
from conduit_billing.ledger.charges import price_charge, read_charge
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.pricing.price_list import PriceList
from conduit_billing.timestamps import micros_at
from conduit_billing.validation import at_most
from conduit_kernel.errors import NotImplementedYet
from conduit_kernel.followers import Followers
from conduit_kernel.rpc.auth_interceptor import Context

MAX_DELIVERY = 1_000
MAX_WATCHED = 100_000
# Prices of one message, so that neither side holds others up.
PIECE = 500
# Watchers take silence of three times as long for a lost connection.
SIGN_OF_LIFE_SECONDS = 10.0
# Some of the catalog's prices change with the time of day; to look costs seconds for thousands.
CATALOG_SECONDS = 60.0
# Older than any.
NO_REVISION = -1
_NO_LEASES = "Budgets are not leased to routers yet"


class LedgerService(LedgerServiceServicer):
    """Answers Conduit's own services."""

    def __init__(
        self,
        *,
        ledger: LedgerStore,
        prices: PriceList,
        followers: Followers,
        clock: Callable[[], float],
    ) -> None:
        """Take the ledger, what models cost, who follows it, and a clock of seconds since 1970."""
        self._ledger = ledger
        self._prices = prices
        self._followers = followers
        self._clock = clock

    async def WatchPrices(
        self, request: pb.WatchPricesRequest, context: Context
    ) -> AsyncIterator[pb.WatchPricesResponse]:
        """Stream the prices of models: all first, and all again whenever one changes."""
        at_most("models", len(request.models), MAX_WATCHED)
        with self._followers.following(request.follower, NO_REVISION):
            async for message in self._watch(request.models):
                yield message

    async def ConfirmPrices(
        self, request: pb.ConfirmPricesRequest, context: Context
    ) -> pb.ConfirmPricesResponse:
        """Note which prices a router works by."""
        self._followers.confirm(request.follower, request.revision)
        return pb.ConfirmPricesResponse()

    async def _watch(
        self, models: Collection[PricedModel]
    ) -> AsyncIterator[pb.WatchPricesResponse]:
        sent, revision, looked_at = b"", NO_REVISION, -inf
        while not self._prices.is_closed:
            prices: Sequence[Price] = ()
            now = self._clock()
            # A clock that was set back is no reason to wait.
            is_recent = 0 <= now - looked_at < CATALOG_SECONDS
            if self._prices.revision != revision or not is_recent:
                revision, looked_at = self._prices.revision, now
                found = await self._prices.prices_of(models, self._now())
                fresh = await asyncio.to_thread(_digest, found)
                if fresh != sent:
                    prices, sent = found, fresh
            # Without prices it is a sign of life, and says that these are still those in use.
            for message in _messages(prices, revision):
                yield message
            await self._prices.wait_beyond(revision, SIGN_OF_LIFE_SECONDS)

    async def RecordCharges(
        self, request: pb.RecordChargesRequest, context: Context
    ) -> pb.RecordChargesResponse:
        """Store charges: all of them or, with an error, none."""
        at_most("charges", len(request.charges), MAX_DELIVERY)
        at_most("tallies", len(request.tallies), MAX_DELIVERY)
        charges = [read_charge(c, f"charges[{i}]") for i, c in enumerate(request.charges)]
        stats = [read_attempt_stats(s, f"tallies[{i}]") for i, s in enumerate(request.tallies)]
        if any(charge.cost is None for charge in charges):
            find = self._prices.price
            # The first question loads the catalog, which must not hold up everybody else.
            charges = await asyncio.to_thread(lambda: [price_charge(c, find) for c in charges])
        now = micros_at(self._now())
        oldest = now - RETENTION_MICROS
        recent = [each for each in stats if each.started_at >= oldest]
        recorded = await self._ledger.record(charges, recent, now)
        return pb.RecordChargesResponse(recorded=recorded)

    async def AcquireLease(
        self, request: pb.AcquireLeaseRequest, context: Context
    ) -> pb.AcquireLeaseResponse:
        """Refuse: charges do not name their lease yet, so no lease could be settled."""
        raise NotImplementedYet(_NO_LEASES, method="AcquireLease")

    async def ReleaseLease(
        self, request: pb.ReleaseLeaseRequest, context: Context
    ) -> pb.ReleaseLeaseResponse:
        """Refuse: there are no leases yet."""
        raise NotImplementedYet(_NO_LEASES, method="ReleaseLease")

    def end_watches(self) -> None:
        """End all streams, so that a draining server need not wait for them."""
        self._prices.close()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _digest(prices: Iterable[Price]) -> bytes:
    digest = hashlib.sha256()
    for price in prices:
        digest.update(price.SerializeToString(deterministic=True))
    return digest.digest()


def _messages(prices: Sequence[Price], revision: int) -> Iterator[pb.WatchPricesResponse]:
    # Of no prices there is a message, too.
    for start in range(0, max(1, len(prices)), PIECE):
        end = start + PIECE
        has_more = end < len(prices)
        yield pb.WatchPricesResponse(prices=prices[start:end], has_more=has_more, revision=revision)
