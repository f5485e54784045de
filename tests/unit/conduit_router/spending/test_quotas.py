"""What calls use of the limits of their virtual keys, at a router."""

import pytest
from tests.unit.conduit_router.spending.test_lease_pool import Ledger

from conduit_kernel.errors import RateLimited
from conduit_providers.quantities import INPUT, OUTPUT, Quantities
from conduit_router.routing.policy import UsagePolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.leases import Grant
from conduit_router.spending.quotas import CONCURRENT, CallQuotas, Quotas
from conduit_router.spending.standing import REQUESTS, TOKENS, Standing

USAGE = UsagePolicy(requests=3, tokens=100, concurrent=2)
CALLER = Caller(4, is_enabled=True, expires_at=1e18, allowed=None, usage=USAGE)
USED = Quantities(((INPUT, 20), (OUTPUT, 10)))


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
        self.quotas = Quotas(lambda metric: self.limits[metric], self._name, lambda: self.now)

    def _name(self) -> str:
        self._count += 1
        return f"quota {self._count}"

    async def take(self, tokens: int = 30, usage: UsagePolicy = USAGE) -> CallQuotas:
        """Take what a call may need."""
        return await self.quotas.take(CALLER, usage, tokens, 5.0)

    async def settle(self) -> None:
        """Give back what goes back by itself."""
        for pool in self.quotas.pools.values():
            await pool.give_back_missed()

    @property
    def left(self) -> list[int]:
        """Return what is left of the limits."""
        return [each.left for each in self.limits.values()]


async def test_a_call_takes_its_part_of_each_limit_and_gives_back_what_it_did_not_use() -> None:
    """At once where others may wait for it: a request, the tokens that it used, and no place."""
    bench = Bench()
    call = await bench.take(50)
    assert bench.left == [2, 50, 1]
    call.begin()
    call.use(USED)
    call.end()
    await bench.settle()
    await bench.quotas.pools[REQUESTS].keep()
    assert bench.left == [2, 70, 2]


async def test_a_call_that_asks_nobody_counts_nothing() -> None:
    """As one that its budget does not cover."""
    bench = Bench()
    (await bench.take()).end()
    await bench.settle()
    assert bench.left == [3, 100, 2]


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
    assert bench.left == [2, 10, 1]
    first.end()


async def test_a_call_that_may_need_more_than_the_limit_takes_all_of_it() -> None:
    """Else it could never be made."""
    bench = Bench()
    call = await bench.take(10**9)
    assert bench.left[1] == 0
    call.use(USED)
    call.end()
    await bench.settle()
    assert bench.left[1] == 70


async def test_what_is_not_limited_is_not_asked_for() -> None:
    """Each limit stands for itself."""
    bench = Bench()
    await bench.take(usage=UsagePolicy(requests=3))
    assert bench.left == [2, 100, 2]


async def test_limits_are_told_as_they_stand_after_the_call() -> None:
    """What it reserved and did not use is left."""
    bench = Bench()
    call = await bench.take(50)
    call.begin()
    call.use(USED)
    bench.now += 10
    assert call.standings() == (Standing(REQUESTS, 3, 2, 20.0), Standing(TOKENS, 100, 70, 20.0))


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
        call.begin()
        call.use(USED)
        call.end()
    with pytest.raises(RateLimited) as caught:
        await bench.take()
    assert caught.value.metadata["retry_after_ms"] == "60000"
    assert len(bench.limits[TOKENS].asked) == 1
    bench.now += 60
    await bench.take()


async def test_a_router_alone_counts_its_own_calls() -> None:
    """As one that has no control plane."""
    quotas = Quotas.alone(lambda: 0.0)
    usage = UsagePolicy(concurrent=1)
    caller = Caller(4, is_enabled=True, expires_at=1e18, allowed=None, usage=usage)
    call = await quotas.take(caller, usage, 0, 5.0)
    with pytest.raises(RateLimited, match="limit of 1 concurrent requests"):
        await quotas.take(caller, usage, 0, 5.0)
    call.end()
    await quotas.take(caller, usage, 0, 5.0)
