"""What calls reserve of the budgets and limits of their virtual keys, at a router."""

import pytest
from tests.unit.conduit_router.spending.test_lease_pool import Ledger

from conduit_kernel.errors import BudgetExceeded, RateLimited
from conduit_router.routing.policy import UsagePolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.leases import Grant
from conduit_router.spending.purse import Needs, Reserved
from conduit_router.spending.reserver import BUDGET, CONCURRENT, Reserver
from conduit_router.spending.standing import REQUESTS, TOKENS, Standing

USAGE = UsagePolicy(has_budget=True, requests=3, tokens=100, concurrent=2)
CALLER = Caller(4, is_enabled=True, expires_at=1e18, allowed=None, usage=USAGE)


class Limit(Ledger):
    """A limit at Billing, which refuses as limits do."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most
        self.most_spare = 0

    async def acquire(
        self, name: str, virtual_key_id: int, least: int, amount: int, spare: int
    ) -> Grant:
        """Grant what there is."""
        if not self.is_away and self.left < least:
            self.asked.append((least, amount, spare))
            raise RateLimited("no", metric="tokens", limit=str(self.most), retry_after_ms="9000")
        granted = await super().acquire(name, virtual_key_id, least, amount, spare)
        return Grant(granted.amount, 60.0, 120.0, self.most, self.left, 30.0)


class Bench:
    """The limits of a key, with time of the test's own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.limits = {REQUESTS: Limit(3), TOKENS: Limit(100), CONCURRENT: Limit(2)}
        self._count = 0
        self.budget = Ledger(1_000)
        leases = {BUDGET: self.budget, **self.limits}
        self.reserver = Reserver(lambda metric: leases[metric], self._name, lambda: self.now)

    def _name(self) -> str:
        self._count += 1
        return f"quota {self._count}"

    async def take(self, tokens: int = 30, usage: UsagePolicy = USAGE, cost: int = 0) -> Reserved:
        """Take what a call may need."""
        return await self.reserver.take(CALLER, usage, Needs(cost, tokens), 5.0)

    async def settle(self) -> None:
        """Give back what goes back by itself."""
        for pool in self.reserver.pools.values():
            await pool.give_back_missed()

    @property
    def asked(self) -> int:
        """Return how often Billing was asked for anything."""
        return sum(len(each.asked) for each in (*self.limits.values(), self.budget))

    @property
    def left(self) -> list[int]:
        """Return what is left of the limits."""
        return [each.left for each in self.limits.values()]


async def test_a_call_takes_its_part_of_each_limit_and_gives_back_what_it_did_not_use() -> None:
    """At once where others may wait for it: the tokens that it did not use, and its place."""
    bench = Bench()
    call = await bench.take(50)
    assert bench.left == [2, 50, 1]
    call.used_tokens = 30
    call.end()
    await bench.settle()
    await bench.reserver.pools[REQUESTS].keep()
    assert bench.left == [2, 70, 2]


async def test_a_call_that_is_refused_holds_nothing_and_learns_how_all_limits_stand() -> None:
    """Those that had room for it, too."""
    bench = Bench()
    first = await bench.take(90)
    with pytest.raises(RateLimited) as caught:
        await bench.take(20)
    assert caught.value.metadata == {
        "metric": "tokens",
        "limit": "100",
        "retry_after_ms": "9000",
        "limit_tokens": "100",
        "remaining_tokens": "0",
        "reset_tokens": "9s",
        "limit_requests": "3",
        "remaining_requests": "1",
        "reset_requests": "30s",
    }
    await bench.settle()
    bench.now += 1
    await bench.reserver.pools[REQUESTS].keep()
    assert bench.left == [2, 10, 1]
    first.end()


async def plentiful(needs: Needs) -> Bench:
    """Return a bench with leases at hand that have room for much."""
    bench = Bench()
    for each in (*bench.limits.values(), bench.budget):
        each.most_spare, each.left = 10**9, 1_000
    assert bench.reserver.at_hand(4, USAGE, needs, bench.now) is None
    (await bench.reserver.take(CALLER, USAGE, needs, 5.0)).end()
    return bench


def rooms(call: Reserved) -> list[int]:
    """Return what the leases that a call reserved from have left."""
    sources = (call.place, call.request, call.tokens, call.cost)
    return [each.room for each in sources if each is not None]


async def test_with_all_leases_at_hand_a_call_takes_its_parts_in_one_step() -> None:
    """And gives back what it did not use in one; Billing is not asked."""
    needs = Needs(cost=50, tokens=30)
    bench = await plentiful(needs)
    asked = bench.asked
    first = bench.reserver.at_hand(4, USAGE, needs, bench.now)
    assert first is not None
    before = rooms(first)
    second = bench.reserver.at_hand(4, USAGE, needs, bench.now)
    assert second is not None
    assert [old - new for old, new in zip(before, rooms(second), strict=True)] == [1, 1, 30, 50]
    second.used_tokens, second.spent = 20, 15
    second.end()
    assert [old - new for old, new in zip(before, rooms(first), strict=True)] == [0, 1, 20, 15]
    first.end()
    assert bench.asked == asked


@pytest.mark.parametrize("needs", [Needs(cost=10**6, tokens=30), Needs(cost=50, tokens=10**6)])
async def test_where_one_lease_has_no_room_nothing_is_taken_of_any(needs: Needs) -> None:
    """The call goes on to ask Billing."""
    bench = await plentiful(Needs(cost=50, tokens=30))
    call = bench.reserver.at_hand(4, USAGE, Needs(cost=50, tokens=30), bench.now)
    assert call is not None
    held = rooms(call)
    assert bench.reserver.at_hand(4, USAGE, needs, bench.now) is None
    assert rooms(call) == held


async def test_leases_that_go_back_or_end_are_not_at_hand_any_more() -> None:
    """Nor those of which nobody knows whether they are of the key's limits as they are now."""
    needs = Needs(cost=50, tokens=30)
    for pool in (BUDGET, REQUESTS, TOKENS, CONCURRENT):
        bench = await plentiful(needs)
        other = UsagePolicy(**USAGE._asdict())
        assert bench.reserver.at_hand(4, other, needs, bench.now) is None
        bench.now += 2
        await bench.reserver.pools[pool].keep()
        assert bench.reserver.at_hand(4, USAGE, needs, bench.now) is None
    bench = await plentiful(needs)
    assert bench.reserver.at_hand(4, USAGE, needs, bench.now + 61) is None


async def test_what_costs_nothing_needs_no_lease_of_the_budget() -> None:
    """It passes where nothing is left of it."""
    bench = Bench()
    bench.budget.left = 0
    usage = UsagePolicy(has_budget=True)
    (await bench.take(usage=usage)).end()
    free = bench.reserver.at_hand(4, usage, Needs(), bench.now)
    assert free is None or free.cost is None
    assert bench.budget.asked == []


async def test_a_call_that_its_budget_does_not_cover_counts_in_no_limit() -> None:
    """It asks nobody."""
    bench = Bench()
    with pytest.raises(BudgetExceeded):
        await bench.take(cost=2_000)
    await bench.settle()
    bench.now += 1
    await bench.reserver.pools[REQUESTS].keep()
    assert bench.left == [3, 100, 2]


async def test_what_is_not_limited_is_not_asked_for() -> None:
    """Each limit stands for itself."""
    bench = Bench()
    await bench.take(usage=UsagePolicy(requests=3))
    assert bench.left == [2, 100, 2]


async def test_limits_are_told_as_they_stand_after_the_call() -> None:
    """What it reserved and did not use is left."""
    bench = Bench()
    call = await bench.take(50)
    call.used_tokens = 30
    bench.now += 10
    assert call.standings(bench.now) == (
        Standing(REQUESTS, 3, 2, 20.0),
        Standing(TOKENS, 100, 70, 20.0),
    )


async def test_a_refusal_of_the_minutes_calls_holds_for_a_moment() -> None:
    """Billing is not asked for each of the calls that come nevertheless."""
    bench = Bench()
    bench.limits[REQUESTS].left = 0
    usage = UsagePolicy(requests=3)
    for _ in range(5):
        with pytest.raises(RateLimited):
            await bench.take(usage=usage)
    assert len(bench.limits[REQUESTS].asked) == 1
    bench.now += 1
    with pytest.raises(RateLimited):
        await bench.take(usage=usage)
    assert len(bench.limits[REQUESTS].asked) == 2


async def test_without_billing_a_router_holds_its_own_calls_to_the_limits() -> None:
    """In each minute anew; Billing is asked once in a while alone."""
    bench = Bench()
    for each in bench.limits.values():
        each.is_away = True
    for _ in range(3):
        call = await bench.take()
        call.used_tokens = 30
        call.end()
    with pytest.raises(RateLimited) as caught:
        await bench.take()
    assert caught.value.metadata["retry_after_ms"] == "60000"
    assert len(bench.limits[TOKENS].asked) == 1
    bench.now += 60
    await bench.take()


async def test_a_router_alone_counts_its_own_calls() -> None:
    """As one that has no control plane."""
    reserver = Reserver.alone(lambda: 0.0)
    usage = UsagePolicy(concurrent=1)
    caller = Caller(4, is_enabled=True, expires_at=1e18, allowed=None, usage=usage)
    call = await reserver.take(caller, usage, Needs(), 5.0)
    with pytest.raises(RateLimited, match="limit of 1 concurrent requests"):
        await reserver.take(caller, usage, Needs(), 5.0)
    call.end()
    await reserver.take(caller, usage, Needs(), 5.0)
