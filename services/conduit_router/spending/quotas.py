"""The parts of virtual keys' limits that a router holds, and what calls use of those."""

from collections.abc import Callable
from math import inf

from conduit_kernel.errors import RateLimited
from conduit_providers.quantities import Quantities
from conduit_router.routing.policy import NO_USAGE_POLICY, UsagePolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.lease_pool import LeasePool, Leases, NoLeases
from conduit_router.spending.leases import HeldLease, Reservation
from conduit_router.spending.outages import MINUTE, quota_outage
from conduit_router.spending.standing import REQUESTS, TOKENS, Standing, described

CONCURRENT = "concurrent_requests"
# Of a minute's calls nothing comes back that others wait for.
REFUSAL_SECONDS = 0.5


class Quotas:
    """Gives calls their parts of the limits of their virtual keys."""

    def __init__(
        self,
        leases: Callable[[str], Leases],
        new_id: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        """Take what asks Billing for a metric, what makes ids of quotas, and a clock of seconds."""

        def pool(
            metric: str, limit_of: Callable[[UsagePolicy], int], renews_after: float
        ) -> LeasePool:
            def limit(caller: Caller) -> int:
                return limit_of(caller.usage or NO_USAGE_POLICY)

            return LeasePool(
                leases(metric),
                new_id,
                clock,
                outage=quota_outage(metric, limit, renews_after),
                refusal_seconds=REFUSAL_SECONDS if metric == REQUESTS else 0.0,
            )

        self._clock = clock
        self._requests = pool(REQUESTS, lambda usage: usage.requests, MINUTE)
        self._tokens = pool(TOKENS, lambda usage: usage.tokens, MINUTE)
        self._concurrent = pool(CONCURRENT, lambda usage: usage.concurrent, inf)
        self.pools = {REQUESTS: self._requests, TOKENS: self._tokens, CONCURRENT: self._concurrent}

    @classmethod
    def alone(cls, clock: Callable[[], float]) -> "Quotas":
        """Return those of a router without a control plane, which counts its own calls only."""
        return cls(lambda _: NoLeases(), str, clock)

    def at_hand(
        self, caller: Caller, usage: UsagePolicy, tokens: int, now: float
    ) -> "CallQuotas | None":
        """Return a call's parts of the leases at hand; None unless all have room for it.

        `now` is the time by the router's clock.
        """
        taken = CallQuotas(self._clock)
        if usage.concurrent:
            taken.place = self._concurrent.reserve(caller, 1, now)
            if taken.place is None:
                return None
        if usage.requests:
            taken.request = self._requests.reserve(caller, 1, now)
            if taken.request is None:
                taken.end()
                return None
        if usage.tokens:
            most = max(1, min(tokens, usage.tokens))
            taken.tokens = self._tokens.reserve(caller, most, now)
            if taken.tokens is None:
                taken.end()
                return None
        return taken

    async def take(
        self, caller: Caller, usage: UsagePolicy, tokens: int, seconds: float
    ) -> "CallQuotas":
        """Return a call's parts, for which Billing may have to be asked within some seconds.

        RateLimited if a limit has no room for it.
        """
        taken = CallQuotas(self._clock)
        try:
            if usage.concurrent:
                taken.place = await _reserved(self._concurrent, caller, 1, seconds, self._clock())
            if usage.requests:
                taken.request = await _reserved(self._requests, caller, 1, seconds, self._clock())
            if usage.tokens:
                most = max(1, min(tokens, usage.tokens))
                taken.tokens = await _reserved(self._tokens, caller, most, seconds, self._clock())
        except BaseException as error:
            if isinstance(error, RateLimited):
                error.metadata |= _refused(error) | described(taken.standings())
            taken.end()
            raise
        return taken


class CallQuotas:
    """The parts of limits that one call holds. End it once."""

    __slots__ = ("_clock", "place", "request", "tokens")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.place: Reservation | None = None
        self.request: Reservation | None = None
        self.tokens: Reservation | None = None
        self._clock = clock

    def begin(self) -> None:
        """Count the call, which asks somebody from now on."""
        if self.request is not None:
            self.request.spent = 1

    def use(self, usage: Quantities) -> None:
        """Count what an attempt used."""
        if self.tokens is not None:
            self.tokens.spent += usage.input_tokens + usage.output_tokens

    def end(self) -> None:
        """Give back what was not used."""
        for each in (self.place, self.request, self.tokens):
            if each is not None:
                each.end()

    def standings(self) -> tuple[Standing, ...]:
        """Return how the limits of the minute stand, as far as this router knows."""
        now, found = self._clock(), list[Standing]()
        for metric, part in ((REQUESTS, self.request), (TOKENS, self.tokens)):
            if part is not None and (each := _standing(metric, part, now)) is not None:
                found.append(each)
        return tuple(found)


def _standing(metric: str, part: Reservation, now: float) -> Standing | None:
    lease = part.source
    if not isinstance(lease, HeldLease) or not lease.limit:
        return None
    # What this call has reserved and not used goes back.
    unused = part.amount - max(part.spent, metric == REQUESTS)
    remaining = lease.remaining + lease.room + unused
    return Standing(metric, lease.limit, max(0, remaining), max(0.0, lease.resets_at - now))


def _refused(error: RateLimited) -> dict[str, str]:
    """Return how the limit stands that refused a call, which has nothing left for it."""
    metric, known = error.metadata.get("metric", ""), error.metadata
    if metric not in {REQUESTS, TOKENS} or "limit" not in known:
        return {}
    seconds = int(known.get("retry_after_ms", "0")) / 1000
    left = int(known.get("remaining", "0"))
    return described((Standing(metric, int(known["limit"]), left, seconds),))


async def _reserved(
    pool: LeasePool, caller: Caller, amount: int, seconds: float, now: float
) -> Reservation:
    return pool.reserve(caller, amount, now) or await pool.acquire(caller, amount, seconds)
