"""Gives calls what they may use of their virtual keys' budgets and limits, all at once."""

from collections.abc import Callable
from functools import partial
from math import inf

from conduit_kernel.errors import RateLimited
from conduit_router.routing.policy import NO_USAGE_POLICY, UsagePolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.lease_pool import LeasePool, Leases, NoLeases
from conduit_router.spending.leases import Reservation
from conduit_router.spending.outages import BUDGET_OUTAGE, MINUTE, Outage, quota_outage
from conduit_router.spending.purse import Needs, Purse, Reserved
from conduit_router.spending.standing import REQUESTS, TOKENS, Standing, described

BUDGET, CONCURRENT = "budget", "concurrent_requests"


class Reserver:
    """Gives calls their parts of the budgets and limits of their virtual keys."""

    def __init__(
        self,
        leases: Callable[[str], Leases],
        new_id: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        """Take what asks Billing for a metric, what makes ids of leases, and a clock of seconds."""

        def pool(metric: str, outage: Outage) -> LeasePool:
            return LeasePool(
                leases(metric),
                new_id,
                clock,
                outage=outage,
                comes_back=metric != REQUESTS,
                on_change=self._forget,
            )

        self._clock = clock
        # By virtual key: of those that have a lease of everything that is limited.
        self._purses: dict[int, Purse] = {}
        self._budgets = pool(BUDGET, BUDGET_OUTAGE)
        self._requests = pool(REQUESTS, _outage(REQUESTS, MINUTE, lambda usage: usage.requests))
        self._tokens = pool(TOKENS, _outage(TOKENS, MINUTE, lambda usage: usage.tokens))
        self._places = pool(CONCURRENT, _outage(CONCURRENT, inf, lambda usage: usage.concurrent))
        self.pools = {
            BUDGET: self._budgets,
            REQUESTS: self._requests,
            TOKENS: self._tokens,
            CONCURRENT: self._places,
        }

    @classmethod
    def alone(cls, clock: Callable[[], float]) -> "Reserver":
        """Return that of a router without a control plane, which counts its own calls only."""
        return cls(lambda _: NoLeases(), str, clock)

    def at_hand(
        self, virtual_key_id: int, usage: UsagePolicy, needs: Needs, now: float
    ) -> Reserved | None:
        """Return a call's parts of the leases at hand; None unless all have room for it.

        `now` is the time by the router's clock.
        """
        purse = self._purses.get(virtual_key_id)
        if purse is None or purse.usage is not usage:
            return None
        return purse.take(needs, now)

    async def take(
        self, caller: Caller, usage: UsagePolicy, needs: Needs, seconds: float
    ) -> Reserved:
        """Return a call's parts, for which Billing may have to be asked within some seconds.

        RateLimited if a limit has no room for it, BudgetExceeded if a budget has none,
        ServiceUnavailable if Billing cannot be asked for that.
        """
        taken = Reserved()
        request: Reservation | None = None
        try:
            if usage.concurrent:
                taken.place = (await self._places.take(caller, 1, seconds)).source
            if usage.requests:
                request = await self._requests.take(caller, 1, seconds)
                taken.request = request.source
            if usage.tokens:
                tokens = await self._tokens.take(caller, needs.tokens, seconds)
                taken.tokens, taken.most_tokens = tokens.source, tokens.amount
            if needs.cost:
                cost = await self._budgets.take(caller, needs.cost, seconds)
                taken.cost, taken.most_cost = cost.source, cost.amount
        except BaseException as error:
            if isinstance(error, RateLimited):
                error.metadata |= _refused(error) | described(taken.standings(self._clock()))
            taken.end()
            if request is not None:
                request.end()
            raise
        if request is not None:
            # It asks somebody from now on.
            request.spent = 1
            request.end()
        self._gather(caller.virtual_key_id, usage)
        return taken

    async def more(self, caller: Caller, cost: int, seconds: float) -> Reservation:
        """Reserve more of a virtual key's budgets; raises what `take` does."""
        return await self._budgets.take(caller, cost, seconds)

    def _gather(self, virtual_key_id: int, usage: UsagePolicy) -> None:
        """Put the leases at hand into a purse, if there is one of all that is limited."""
        place = self._places.current(virtual_key_id) if usage.concurrent else None
        request = self._requests.current(virtual_key_id) if usage.requests else None
        tokens = self._tokens.current(virtual_key_id) if usage.tokens else None
        cost = self._budgets.current(virtual_key_id) if usage.has_budget else None
        limits = usage.concurrent, usage.requests, usage.tokens
        if any(
            limit and lease is None
            for limit, lease in zip(limits, (place, request, tokens), strict=True)
        ):
            return
        leases = [each for each in (place, request, tokens, cost) if each is not None]
        until = min((each.usable_until for each in leases), default=-inf)
        self._purses[virtual_key_id] = Purse(usage, place, request, tokens, cost, until)

    def _forget(self, virtual_key_id: int) -> None:
        """Forget a purse of which a lease is no longer at hand."""
        self._purses.pop(virtual_key_id, None)


def _outage(metric: str, renews_after: float, limit_of: Callable[[UsagePolicy], int]) -> Outage:
    return quota_outage(metric, partial(_limit, limit_of), renews_after)


def _limit(limit_of: Callable[[UsagePolicy], int], caller: Caller) -> int:
    return limit_of(caller.usage or NO_USAGE_POLICY)


def _refused(error: RateLimited) -> dict[str, str]:
    """Return how the limit stands that refused a call, which has nothing left for it."""
    metric, known = error.metadata.get("metric", ""), error.metadata
    if metric not in {REQUESTS, TOKENS} or "limit" not in known:
        return {}
    seconds = int(known.get("retry_after_ms", "0")) / 1000
    left = int(known.get("remaining", "0"))
    return described((Standing(metric, int(known["limit"]), left, seconds),))
