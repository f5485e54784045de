"""Leases as a router asks for them, spends them and gives them back."""

import asyncio

import pytest

from conduit_kernel.errors import BudgetExceeded, ServiceUnavailable
from conduit_router.routing.policy import UsagePolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.key_leases import LEAST_SPARE
from conduit_router.spending.lease_pool import AWAY_SECONDS, LeasePool, NoLeases
from conduit_router.spending.leases import Grant


def caller(virtual_key_id: int = 4, allowance: int = 0) -> Caller:
    """Return a virtual key with a hard budget."""
    usage = UsagePolicy(has_budget=True, outage_allowance=allowance)
    return Caller(virtual_key_id, is_enabled=True, expires_at=1e18, allowed=None, usage=usage)


class Ledger:
    """Grants what it has; each answer waits until the test lets it go."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.open: dict[str, int] = {}
        self.asked: list[tuple[int, int, int]] = []
        self.released: dict[str, int] = {}
        # How often one was to be taken back.
        self.returns = 0
        self.renewed: list[str] = []
        self.gone: list[str] = []
        self.is_away = False
        self.most_spare = 10**12
        self.gate = asyncio.Event()
        self.gate.set()
        self.way_back = asyncio.Event()
        self.way_back.set()

    async def acquire(
        self, name: str, virtual_key_id: int, least: int, amount: int, spare: int
    ) -> Grant:
        """Grant what waits, and a spare as far as there is any."""
        self.asked.append((least, amount, spare))
        await self.gate.wait()
        if self.is_away:
            raise ServiceUnavailable("away", service="billing")
        if self.left < least:
            raise BudgetExceeded("no room", subject=f"virtual_key:{virtual_key_id}")
        granted = min(self.left, amount + min(spare, self.most_spare))
        self.left -= granted
        self.open[name] = granted
        return Grant(granted, 60.0, 120.0)

    async def renew(self, names: list[str]) -> list[str]:
        """Renew them."""
        self.renewed += names
        return [name for name in names if name in self.gone]

    async def release(self, name: str, spent: int, left: int) -> None:
        """Take back the rest of a lease."""
        self.returns += 1
        await self.way_back.wait()
        if self.is_away:
            raise ServiceUnavailable("away", service="billing")
        self.left += self.open.pop(name, 0) - spent
        self.released[name] = spent


class Bench:
    """Budgets at a router, with time of the test's own."""

    def __init__(self, left: int) -> None:
        self.now = 100.0
        self.ledger = Ledger(left)
        self._count = 0
        self.budgets = LeasePool(self.ledger, self._name, lambda: self.now)

    def _name(self) -> str:
        self._count += 1
        return f"lease {self._count}"

    def at_hand(self, virtual_key_id: int = 4) -> bool:
        """Return whether a call would find room for it."""
        return self.budgets.at_hand(virtual_key_id, 10, self.now) is not None


async def test_calls_pay_from_the_lease_at_hand_without_asking() -> None:
    """The first one asks, for more than itself."""
    bench = Bench(10_000)
    assert not bench.at_hand()
    first = await bench.budgets.acquire(caller(), 10)
    assert bench.at_hand()
    second = await bench.budgets.take(caller(), 10, 5.0)
    assert first.source.id == second.source.id == "lease 1"
    assert bench.ledger.asked == [(10, 10, 10 * LEAST_SPARE)]
    assert not bench.at_hand(5)


async def test_calls_that_wait_are_asked_for_together() -> None:
    """Of two hundred at once the first asks for itself, the second for all others."""
    bench = Bench(500)
    bench.ledger.gate.clear()
    calls = [asyncio.create_task(bench.budgets.acquire(caller(), 10)) for _ in range(200)]
    await asyncio.sleep(0)
    bench.ledger.gate.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(not isinstance(each, BudgetExceeded) for each in answers) == 50
    assert [amount for _, amount, _ in bench.ledger.asked[:2]] == [10, 1_830]
    assert len(bench.ledger.asked) < 10


async def test_a_long_absence_of_billing_makes_no_call_wait_longer() -> None:
    """What may have been granted each time goes back later, not with each call that asks."""
    bench = Bench(10_000)
    bench.ledger.is_away = True
    for _ in range(100):
        bench.now += AWAY_SECONDS
        asked, returns = len(bench.ledger.asked), bench.ledger.returns
        await bench.budgets.acquire(caller(allowance=10**9), 10)
        assert len(bench.ledger.asked) == asked + 1
        assert bench.ledger.returns <= returns + 1
    bench.ledger.is_away = False
    await bench.budgets.keep()
    assert len(bench.ledger.released) == 100


async def test_a_refusal_holds_for_those_who_waited_and_ask_for_no_less() -> None:
    """Each has an error of its own; one that needs less asks for itself."""
    bench = Bench(5)
    bench.ledger.gate.clear()
    amounts = (10, 10, 20, 5)
    calls = [asyncio.create_task(bench.budgets.acquire(caller(), each)) for each in amounts]
    await asyncio.sleep(0)
    bench.ledger.gate.set()
    *refused, small = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, BudgetExceeded) for each in refused)
    assert len({id(each) for each in refused}) == 3
    assert not isinstance(small, BaseException)
    assert [least for least, _, _ in bench.ledger.asked] == [10, 5]


async def test_a_lease_that_nobody_uses_goes_back() -> None:
    """With what was spent of it; one that pays for a call is kept until that ends."""
    bench = Bench(1_000)
    call = await bench.budgets.acquire(caller(), 10)
    bench.now += 5
    await bench.budgets.keep()
    assert bench.ledger.released == {}
    call.spent = 7
    call.end()
    await bench.budgets.keep()
    assert bench.ledger.released == {"lease 1": 7}
    assert bench.ledger.left == 993
    assert not bench.at_hand()


async def test_a_call_waits_for_what_its_key_is_just_giving_back() -> None:
    """Else it would be refused for what nobody uses any more."""
    bench = Bench(10)
    first = await bench.budgets.acquire(caller(), 10)
    bench.ledger.way_back.clear()
    first.end()
    going = asyncio.create_task(bench.budgets.give_back_missed())
    await asyncio.sleep(0)
    again = asyncio.create_task(bench.budgets.acquire(caller(), 10))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not again.done()
    bench.ledger.way_back.set()
    await going
    assert (await again).amount == 10


async def test_what_is_too_little_for_a_call_goes_back_before_more_is_asked_for() -> None:
    """With it the budget may have enough; nothing is held twice."""
    bench = Bench(100)
    bench.ledger.most_spare = 0
    first = await bench.budgets.acquire(caller(), 90)
    first.spent = 15
    first.end()
    second = await bench.budgets.acquire(caller(), 85)
    assert bench.ledger.released == {"lease 1": 15}
    assert (second.amount, bench.ledger.left) == (85, 0)


async def test_what_calls_leave_of_older_leases_is_spent_first() -> None:
    """A lease that pays for a call is kept, and what is left of it serves the next one."""
    bench = Bench(1_000)
    bench.ledger.most_spare = 0
    first = await bench.budgets.acquire(caller(), 90)
    second = await bench.budgets.acquire(caller(), 90)
    assert (first.source.id, second.source.id) == ("lease 1", "lease 2")
    first.end()
    again = await bench.budgets.acquire(caller(), 90)
    assert (again.source.id, len(bench.ledger.asked)) == ("lease 1", 2)
    for each in (second, again):
        each.end()
    bench.now += 2
    await bench.budgets.keep()
    assert sorted(bench.ledger.released) == ["lease 1", "lease 2"]


async def test_no_calls_begin_on_a_lease_that_is_too_old() -> None:
    """Those that began on it are paid from it, and for them it is renewed."""
    bench = Bench(1_000)
    call = await bench.budgets.acquire(caller(), 10)
    bench.now += 61
    assert not bench.at_hand()
    await bench.budgets.keep()
    assert bench.ledger.renewed == ["lease 1"]
    await bench.budgets.keep()
    assert bench.ledger.renewed == ["lease 1"]
    call.end()
    await bench.budgets.keep()
    assert bench.ledger.released == {"lease 1": 0}


async def test_nothing_more_is_spent_of_a_lease_that_has_ended() -> None:
    """Where Billing did not hear of its router for too long."""
    bench = Bench(1_000)
    await bench.budgets.acquire(caller(), 10)
    bench.ledger.gone = ["lease 1"]
    bench.now += 31
    await bench.budgets.keep()
    assert not bench.at_hand()


async def test_without_billing_a_key_spends_its_allowance() -> None:
    """What is over comes back to it; with Billing back there is a new one."""
    bench = Bench(1_000)
    bench.ledger.is_away = True
    with pytest.raises(ServiceUnavailable):
        await bench.budgets.acquire(caller(), 10)
    lenient = caller(5, allowance=15)
    call = await bench.budgets.acquire(lenient, 10)
    assert call.source.id == ""
    with pytest.raises(ServiceUnavailable, match="which keeps the virtual key's budget"):
        await bench.budgets.acquire(lenient, 10)
    call.spent = 4
    call.end()
    await bench.budgets.acquire(lenient, 10)
    bench.ledger.is_away = False
    assert (await bench.budgets.acquire(lenient, 10)).source.id
    # The ids of those that were asked for go back: they may have been granted.
    bench.now += 2
    await bench.budgets.keep()
    assert len(bench.ledger.released) == 3


async def test_a_billing_that_is_silent_is_waited_for_a_while() -> None:
    """By all together, not by one after the other."""
    bench = Bench(1_000)
    bench.ledger.gate.clear()
    started = asyncio.get_running_loop().time()
    calls = [asyncio.create_task(bench.budgets.acquire(caller(), 10, 0.1)) for _ in range(5)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, ServiceUnavailable) for each in answers)
    assert asyncio.get_running_loop().time() - started < 1


async def test_a_key_that_waits_for_billing_holds_up_no_other() -> None:
    """Those go on with what they hold; a lease that nobody waits for any more goes back."""
    bench = Bench(10_000)
    (await bench.budgets.acquire(caller(5), 10)).end()
    bench.ledger.gate.clear()
    waiting = asyncio.create_task(bench.budgets.acquire(caller(4), 10, 0.1))
    await asyncio.sleep(0)
    for _ in range(3):
        assert bench.at_hand(5)
        (await bench.budgets.take(caller(5), 10, 5.0)).end()
    with pytest.raises(ServiceUnavailable):
        await waiting
    bench.ledger.gate.set()
    await bench.budgets.keep()
    assert bench.ledger.released == {"lease 2": 0}


async def test_a_caller_who_leaves_holds_up_nobody() -> None:
    """What may have been granted for the call goes back."""
    bench = Bench(1_000)
    bench.ledger.gate.clear()
    gone = asyncio.create_task(bench.budgets.acquire(caller(), 10))
    stays = asyncio.create_task(bench.budgets.acquire(caller(), 20))
    await asyncio.sleep(0)
    gone.cancel()
    bench.ledger.gate.set()
    assert (await stays).amount == 20
    await bench.budgets.keep()
    assert "lease 1" in bench.ledger.released


async def test_a_lease_that_is_soon_used_up_is_followed_by_a_larger_one() -> None:
    """So that a busy key asks seldom; an idle one asks for little again."""
    bench = Bench(10**9)
    for _ in range(3):
        await bench.budgets.acquire(caller(), 10)
        while bench.at_hand():
            await bench.budgets.take(caller(), 10, 5.0)
        bench.now += 4
    spares = [spare // 10 for _, _, spare in bench.ledger.asked]
    assert spares == [LEAST_SPARE, 2 * LEAST_SPARE, 4 * LEAST_SPARE]
    bench.now += 50
    await bench.budgets.acquire(caller(), 10)
    assert bench.ledger.asked[-1][2] == 10 * 2 * LEAST_SPARE


async def test_a_router_that_ends_gives_back_what_pays_for_no_call() -> None:
    """The rest expires."""
    bench = Bench(1_000)
    busy = await bench.budgets.acquire(caller(4), 10)
    (await bench.budgets.acquire(caller(5), 10)).end()
    await bench.budgets.close()
    assert bench.ledger.released == {"lease 2": 0}
    assert busy.source.id == "lease 1"


async def test_where_there_is_no_billing_nothing_is_granted() -> None:
    """Nor held, nor given back."""
    none = NoLeases()
    with pytest.raises(ServiceUnavailable):
        await none.acquire("l", 1, 1, 1, 0)
    assert await none.renew(["a"]) == ["a"]
    await none.release("a", 1, 0)
