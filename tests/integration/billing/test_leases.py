"""Leases on both databases: what is spent and held of a hard budget never exceeds it."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from tests.integration.billing.conftest import Bench
from tests.support.budgets import MICRO, BudgetBench

from conduit.v1 import budget_pb2 as pb
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.accounts import Balance
from conduit_billing.budgets.lease_grants import LeaseRequest
from conduit_billing.budgets.lease_store import LEASE_MICROS, Lease
from conduit_billing.ledger.charges import PostedCharge
from conduit_kernel.database import open_database
from conduit_kernel.errors import BudgetExceeded

DAY_SECONDS = 86_400


def day(limit: int, *, is_hard: bool = True) -> pb.Budget:
    """Return a budget of a day."""
    return pb.Budget(limit_nano_usd=limit, period=pb.BUDGET_PERIOD_DAY, is_hard=is_hard)


def month(limit: int) -> pb.Budget:
    """Return a hard budget of a month."""
    return pb.Budget(limit_nano_usd=limit, period=pb.BUDGET_PERIOD_MONTH)


@pytest.fixture
async def budgets(bench: Bench) -> AsyncIterator[BudgetBench]:
    """Return a ledger with its leases."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    yield BudgetBench(engine)
    await engine.dispose()


async def test_a_lease_is_held_until_its_charges_are_there(budgets: BudgetBench) -> None:
    """Then what they cost is spent, and the rest is left for others."""
    budgets.give(4, day(1_000))
    lease = await budgets.acquire(300)
    assert await budgets.balances() == [Balance(700, 300, 0)]
    await budgets.record(budgets.charge(120, lease))
    await budgets.leases.release(lease.id, 170, budgets.now)
    # A charge of 50 is on its way; what no charge will come of is left for others.
    assert await budgets.balances() == [Balance(830, 170, 0)]
    await budgets.leases.release(lease.id, 170, budgets.now)
    await budgets.record(budgets.charge(50, lease))
    assert await budgets.balances() == [Balance(830, 0, 170)]
    assert await budgets.breaches() == []


async def test_a_lease_that_paid_for_nothing_is_given_back_whole(budgets: BudgetBench) -> None:
    """As often as its router says so, once."""
    budgets.give(4, day(1_000))
    lease = await budgets.acquire(300)
    for _ in range(2):
        await budgets.leases.release(lease.id, 0, budgets.now)
    await budgets.leases.release("f" * 26, 0, budgets.now)
    assert await budgets.balances() == [Balance(1_000, 0, 0)]


async def test_every_budget_of_a_key_must_cover_a_call(budgets: BudgetBench) -> None:
    """The tightest decides, and the error names it; soft ones are counted and refuse nobody."""
    budgets.give(4, day(1_000), month(1_500))
    await budgets.acquire(900)
    with pytest.raises(BudgetExceeded) as caught:
        await budgets.acquire(200)
    assert caught.value.metadata == {
        "subject": "virtual_key:4",
        "period": "day",
        "limit_usd": "0.000001",
        "used_usd": "0.00",
        "needed_usd": "0.0000002",
        "resets_at": "2026-11-24T00:00:00Z",
        "retry_after_ms": str(12 * 3_600_000),
    }
    budgets.now += DAY_SECONDS * MICRO
    with pytest.raises(BudgetExceeded) as caught:
        await budgets.acquire(700)
    assert caught.value.metadata["period"] == "month"
    budgets.give(4, day(10, is_hard=False), month(1_500))
    await budgets.acquire(600)
    assert await budgets.balances() == [Balance(-590, 600, 0), Balance(0, 1_500, 0)]


async def test_what_was_charged_to_an_open_lease_is_told_as_used(budgets: BudgetBench) -> None:
    """Though it is still among what is held."""
    budgets.give(4, day(1_000))
    lease = await budgets.acquire(900)
    await budgets.record(budgets.charge(400, lease))
    with pytest.raises(BudgetExceeded, match=r"\$0.0000004 are used") as caught:
        await budgets.acquire(200)
    assert caught.value.metadata["used_usd"] == "0.0000004"


async def test_a_router_gets_what_its_calls_need_and_a_share_of_the_rest(
    budgets: BudgetBench,
) -> None:
    """Spare is granted in whole calls, as long as sixteen times as much is left for others."""
    budgets.give(4, day(10_000))
    assert (await budgets.acquire(300, least=100, spare=5_000)).amount == 300 + 600
    assert (await budgets.acquire(9_100, least=100)).amount == 9_100
    with pytest.raises(BudgetExceeded):
        await budgets.acquire(1)


async def test_of_many_calls_so_many_are_covered_as_the_budget_has(budgets: BudgetBench) -> None:
    """A router with more of them gets what is left."""
    budgets.give(4, day(1_000))
    assert (await budgets.acquire(5_000, least=10)).amount == 1_000


async def test_a_lease_that_is_asked_for_again_is_the_same(budgets: BudgetBench) -> None:
    """A router whose answer was lost asks again, and nothing is held twice."""
    budgets.give(4, day(1_000))
    request = LeaseRequest("a" * 26, 4, 100, 100, 0)
    first = await budgets.leases.acquire(request, budgets.windows(), budgets.now)
    again = await budgets.leases.acquire(request, budgets.windows(), budgets.now)
    assert first == again
    assert await budgets.balances() == [Balance(900, 100, 0)]


async def test_a_lease_ends_at_its_deadline_unless_it_is_renewed(budgets: BudgetBench) -> None:
    """What its charges cost is spent; what was left of it goes back."""
    budgets.give(4, day(1_000))
    lease = await budgets.acquire(300)
    await budgets.record(budgets.charge(100, lease))
    budgets.now += LEASE_MICROS - 1
    assert await budgets.leases.renew([lease.id], budgets.now) == []
    budgets.now += LEASE_MICROS - 1
    assert await budgets.leases.expire(budgets.now) == 0
    budgets.now += 1
    assert await budgets.breaches() == []
    budgets.now += 1
    assert await budgets.breaches() == [f"{lease.id}.0: a hold is ended by its deadline"]
    assert await budgets.leases.expire(budgets.now) == 1
    assert await budgets.balances() == [Balance(900, 0, 100)]
    assert await budgets.leases.renew([lease.id], budgets.now) == [lease.id]
    assert await budgets.breaches() == []


async def test_charges_that_come_after_the_end_of_their_lease_are_spent(
    budgets: BudgetBench,
) -> None:
    """Of the budgets that the lease was of, in the period in which it was; each once."""
    budgets.give(4, day(1_000))
    lease = await budgets.acquire(300)
    late = budgets.charge(250, lease)
    budgets.now += LEASE_MICROS
    await budgets.leases.expire(budgets.now)
    for _ in range(2):
        await budgets.record(late)
    assert await budgets.balances() == [Balance(750, 0, 250)]
    budgets.now += DAY_SECONDS * MICRO
    await budgets.record(budgets.charge(50, lease))
    assert await budgets.balances() == [Balance(1_000, 0, 0)]
    budgets.now -= DAY_SECONDS * MICRO
    assert await budgets.balances() == [Balance(700, 0, 300)]


async def test_charges_without_a_lease_are_spent_in_the_period_of_their_call(
    budgets: BudgetBench,
) -> None:
    """Those of soft budgets, of routers that were cut off, and of a lease that nobody knows."""
    budgets.give(4, day(1_000), month(9_000))
    unknown = Lease("f" * 26, 4, 0, 0, 0)
    yesterday = budgets.now // MICRO - DAY_SECONDS
    await budgets.record(
        budgets.charge(10),
        budgets.charge(20, unknown),
        budgets.charge(40, at=yesterday),
        budgets.charge(500, virtual_key_id=5),
        budgets.charge(500, virtual_key_id=0),
    )
    assert await budgets.balances() == [Balance(970, 0, 30), Balance(8_930, 0, 70)]
    assert await budgets.breaches() == []


async def test_a_new_budget_counts_what_was_charged_in_its_period_before(
    budgets: BudgetBench,
) -> None:
    """So a month's budget that is set on the last day is no whole one."""
    yesterday = budgets.now // MICRO - DAY_SECONDS
    await budgets.record(budgets.charge(100, at=yesterday), budgets.charge(30))
    budgets.give(4, day(1_000), month(9_000))
    assert await budgets.balances() == [Balance(970, 0, 30), Balance(8_870, 0, 130)]
    # Opened by a charge, it counts that one once.
    budgets.give(5, day(1_000))
    await budgets.record(budgets.charge(7, virtual_key_id=5))
    assert await budgets.balances(5) == [Balance(993, 0, 7)]


async def test_charges_after_the_end_of_a_lease_that_shrank_are_spent_once(
    budgets: BudgetBench,
) -> None:
    """Though there were two holds for it of the same budget."""
    budgets.give(4, day(1_000))
    lease = await budgets.acquire(300)
    await budgets.leases.release(lease.id, 50, budgets.now)
    budgets.now += LEASE_MICROS
    assert await budgets.leases.expire(budgets.now) == 1
    await budgets.record(budgets.charge(50, lease))
    assert await budgets.balances() == [Balance(950, 0, 50)]
    assert await budgets.breaches() == []


async def test_a_limit_that_changes_moves_what_is_left(budgets: BudgetBench) -> None:
    """Below what is spent and held nothing more is granted; above, the difference is."""
    budgets.give(4, day(1_000))
    await budgets.acquire(600)
    budgets.give(4, day(500))
    with pytest.raises(BudgetExceeded):
        await budgets.acquire(1)
    assert await budgets.balances() == [Balance(-100, 600, 0)]
    budgets.give(4, day(2_000))
    await budgets.acquire(1_400)
    assert await budgets.breaches() == []


async def test_no_lease_reaches_into_the_next_period(budgets: BudgetBench) -> None:
    """Calls begin on it until the first of its budgets begins anew."""
    budgets.give(4, day(1_000), month(9_000))
    midnight = (budgets.now // MICRO // DAY_SECONDS + 1) * DAY_SECONDS * MICRO
    budgets.now = midnight - 5 * MICRO
    assert (await budgets.acquire(10)).usable_for == 5 * MICRO
    budgets.now = midnight
    assert (await budgets.acquire(10)).usable_for == 60 * MICRO
    assert (await budgets.balances())[0] == Balance(990, 10, 0)


async def test_routers_that_ask_at_once_share_what_there_is(budgets: BudgetBench) -> None:
    """Of thirty that want a tenth each, ten have it."""
    budgets.give(4, day(1_000), month(5_000))
    asked = [budgets.acquire(100) for _ in range(30)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, Lease) for answer in answers) == 10
    assert sum(isinstance(answer, BudgetExceeded) for answer in answers) == 20
    assert await budgets.balances() == [Balance(0, 1_000, 0), Balance(4_000, 1_000, 0)]


class Model:
    """What a ledger of one budget should come to, in the plainest way."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        # By lease: what is open of it, and its deadline; what its charges cost so far.
        self.open: dict[str, tuple[int, int]] = {}
        self.costs: dict[str, int] = {}
        self.finals: dict[str, int] = {}
        self.spent = 0

    @property
    def balance(self) -> Balance:
        """Return what is left, held and spent."""
        held = sum(amount for amount, _ in self.open.values())
        return Balance(self.limit - held - self.spent, held, self.spent)

    def charge(self, name: str, cost: int) -> None:
        """Take in a charge of a lease."""
        if name not in self.open:
            self.spent += cost
            return
        self.costs[name] += cost
        if self.costs[name] >= self.finals.get(name, self.limit * 10):
            self.end(name)

    def release(self, name: str, final: int) -> None:
        """Take in that a lease comes to so much."""
        self.finals[name] = final
        if self.costs[name] >= final:
            self.end(name)
        else:
            self.open[name] = final, self.open[name][1]

    def end(self, name: str) -> None:
        """End a lease."""
        del self.open[name]
        self.spent += self.costs[name]

    def expire(self, now: int) -> None:
        """End what is due."""
        for name in [name for name, (_, due) in self.open.items() if due <= now]:
            self.end(name)


class History:
    """What happens to a ledger and to its model alike, by chance."""

    def __init__(self, budgets: BudgetBench, model: Model, chance: random.Random) -> None:
        self._budgets = budgets
        self._model = model
        self._chance = chance
        self._leases: list[Lease] = []
        self._delivered: list[PostedCharge] = []
        self.steps = (
            self.acquire,
            self.charge,
            self.deliver_again,
            self.renew,
            self.release,
            self.wait,
            self.charge_another,
        )

    async def acquire(self) -> None:
        """Ask for a lease."""
        least = self._chance.randrange(1, 80)
        amount, left = least * self._chance.randrange(1, 4), self._model.balance.left
        spare = self._chance.choice([0, 50, 500])
        try:
            lease = await self._budgets.acquire(amount, least=least, spare=spare)
        except BudgetExceeded:
            assert left < least
            return
        assert least <= lease.amount <= left
        self._leases.append(lease)
        self._model.open[lease.id] = lease.amount, lease.expires_at
        self._model.costs[lease.id] = 0

    async def charge(self) -> None:
        """Deliver a charge that a lease covers."""
        for lease in self._chance.sample(self._leases, len(self._leases)):
            amount, _ = self._model.open.get(lease.id, (0, 0))
            room = amount - self._model.costs[lease.id]
            if room > 0:
                cost = self._chance.randrange(1, room + 1)
                self._delivered.append(self._budgets.charge(cost, lease))
                assert await self._budgets.record(self._delivered[-1]) == 1
                self._model.charge(lease.id, cost)
                return

    async def deliver_again(self) -> None:
        """Deliver a charge that is there already."""
        if self._delivered:
            assert await self._budgets.record(self._chance.choice(self._delivered)) == 0

    async def renew(self) -> None:
        """Put off the deadline of a lease."""
        for name in self._chance.sample([*self._model.open], min(1, len(self._model.open))):
            assert await self._budgets.leases.renew([name], self._budgets.now) == []
            amount, _ = self._model.open[name]
            self._model.open[name] = amount, self._budgets.now + LEASE_MICROS

    async def release(self) -> None:
        """Give a lease back, some with charges on their way."""
        for name in self._chance.sample([*self._model.open], min(1, len(self._model.open))):
            spent, amount = self._model.costs[name], self._model.open[name][0]
            final = self._chance.randrange(spent, amount + 1)
            await self._budgets.leases.release(name, final, self._budgets.now)
            self._model.release(name, final)

    async def wait(self) -> None:
        """Let time pass, and end what is due."""
        self._budgets.now += self._chance.randrange(LEASE_MICROS)
        await self._budgets.leases.expire(self._budgets.now)
        self._model.expire(self._budgets.now)

    async def charge_another(self) -> None:
        """Deliver a charge of another virtual key."""
        await self._budgets.record(self._budgets.charge(1, virtual_key_id=5))


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_happens_the_ledger_comes_to_what_a_plain_model_does(
    budgets: BudgetBench, seed: int
) -> None:
    """After each of many steps in any order; nothing exceeds the limit at any of them."""
    chance = random.Random(seed)  # noqa: S311 # the same each time
    model = Model(1_000)
    budgets.give(4, month(1_000))
    budgets.give(5, month(1_000))
    history = History(budgets, model, chance)
    for _ in range(100):
        await chance.choice(history.steps)()
        assert await budgets.balances() == [model.balance]
        assert model.balance.left >= 0
    assert await budgets.breaches() == []
