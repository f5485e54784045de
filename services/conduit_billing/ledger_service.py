"""The LedgerService: charges come in from routers, prices go out to them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from math import inf

from google.protobuf.duration_pb2 import Duration

from conduit.internal.v1 import ledger_service_pb2 as pb
from conduit.internal.v1.lease_pb2 import Lease as LeaseMessage
from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceServicer
from conduit.internal.v1.price_pb2 import Price, PricedModel
from conduit_billing.budgets.alerts import BudgetAlerts
from conduit_billing.budgets.lease_grants import LeaseRequest
from conduit_billing.budgets.lease_store import LEASE_MICROS, Lease, LeaseStore
from conduit_billing.budgets.rules import BudgetRules
from conduit_billing.ledger.attempt_stats import RETENTION_MICROS, read_attempt_stats
from conduit_billing.ledger.charges import is_charge_id, price_charge, read_charge
from conduit_billing.ledger.group_commit import Delivery, GroupCommit
from conduit_billing.money import MAX_QUANTITY, MAX_SUM_NANO
from conduit_billing.pricing.price_list import PriceList
from conduit_billing.timestamps import micros_at, timestamp_of
from conduit_billing.validation import at_most, bounded, refuse
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
# Between two looks, however near the next change of a rule is.
LEAST_WAIT_SECONDS = 0.01
# Older than any.
NO_REVISION = -1
MAX_RENEWED = 1_000


class LedgerService(LedgerServiceServicer):
    """Answers Conduit's own services."""

    def __init__(
        self,
        *,
        ledger: GroupCommit,
        leases: LeaseStore,
        budgets: BudgetRules,
        alerts: BudgetAlerts,
        prices: PriceList,
        followers: Followers,
        clock: Callable[[], float],
    ) -> None:
        """Take the ledger, leases, the budgets they are of, what models cost, and who follows it.

        `alerts` hears of what was charged. The clock gives seconds since 1970.
        """
        self._ledger = ledger
        self._leases = leases
        self._budgets = budgets
        self._alerts = alerts
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
        sent, revision, looked_at, changes_at = b"", NO_REVISION, -inf, inf
        while not self._prices.is_closed:
            prices: Sequence[Price] = ()
            now = self._clock()
            # A clock that was set back is no reason to wait.
            is_recent = 0 <= now - looked_at < CATALOG_SECONDS
            if self._prices.revision != revision or not is_recent or now >= changes_at:
                revision, looked_at, at = self._prices.revision, now, self._now()
                changes_at = self._prices.next_change(at)
                found = await self._prices.prices_of(models, at)
                fresh = await asyncio.to_thread(_digest, found)
                if fresh != sent:
                    prices, sent = found, fresh
            # Without prices it is a sign of life, and says that these are still those in use.
            for message in _messages(prices, revision):
                yield message
            due = max(changes_at - self._clock(), LEAST_WAIT_SECONDS)
            await self._prices.wait_beyond(revision, min(SIGN_OF_LIFE_SECONDS, due))

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
        recorded = await self._ledger.record(Delivery(charges, recent, now))
        self._alerts.note((each.virtual_key_id, each.cost or 0) for each in charges)
        return pb.RecordChargesResponse(recorded=recorded)

    async def AcquireLease(
        self, request: pb.AcquireLeaseRequest, context: Context
    ) -> pb.AcquireLeaseResponse:
        """Hold a part of what a virtual key may spend."""
        wish = _lease_request(request)
        self._budgets.must_be_known()
        now = micros_at(self._now())
        windows = self._budgets.windows(wish.virtual_key_id, now)
        lease = await self._leases.acquire(wish, windows, now)
        return pb.AcquireLeaseResponse(lease=_lease_message(lease))

    async def RenewLeases(
        self, request: pb.RenewLeasesRequest, context: Context
    ) -> pb.RenewLeasesResponse:
        """Put off the deadline of leases."""
        at_most("leaseIds", len(request.lease_ids), MAX_RENEWED)
        ended = await self._leases.renew(request.lease_ids, micros_at(self._now()))
        return pb.RenewLeasesResponse(ended_lease_ids=ended)

    async def ReleaseLease(
        self, request: pb.ReleaseLeaseRequest, context: Context
    ) -> pb.ReleaseLeaseResponse:
        """Give back what is left of a lease."""
        spent = bounded("spent", request.spent_nano_usd, 0, MAX_SUM_NANO)
        await self._leases.release(request.lease_id, spent, micros_at(self._now()))
        return pb.ReleaseLeaseResponse()

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


def _lease_request(request: pb.AcquireLeaseRequest) -> LeaseRequest:
    """Read a request for a lease. InvalidRequest if it makes no sense."""
    if not is_charge_id(request.lease_id):
        refuse("leaseId", "must have 26 digits and small letters")
    bounded("virtualKeyId", request.virtual_key_id, 1, MAX_QUANTITY)
    amount = bounded("amount", request.amount_nano_usd, 1, MAX_SUM_NANO)
    least = bounded("least", request.least_nano_usd, 1, amount)
    spare = bounded("spare", request.spare_nano_usd, 0, MAX_SUM_NANO)
    return LeaseRequest(request.lease_id, request.virtual_key_id, least, amount, spare)


def _lease_message(lease: Lease) -> LeaseMessage:
    return LeaseMessage(
        id=lease.id,
        virtual_key_id=lease.virtual_key_id,
        amount_nano_usd=lease.amount,
        expires_at=timestamp_of(lease.expires_at),
        usable_for=_duration(lease.usable_for),
        lasts_for=_duration(LEASE_MICROS),
    )


def _duration(micros: int) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(micros)
    return duration
