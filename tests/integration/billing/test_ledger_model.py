"""The ledger as a state machine, held against a model that is simple enough to be believed."""

import asyncio
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from tests.support.budgets import BudgetBench

from conduit.v1 import budget_pb2 as pb
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.accounts import Balance
from conduit_billing.budgets.lease_store import LEASE_MICROS, Lease
from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.parts import SPARE_SHARE
from conduit_kernel.database import open_database
from conduit_kernel.errors import BudgetExceeded
from conduit_kernel.settings import Settings

T = TypeVar("T")
# More where `make crashes` asks for many rounds.
EXAMPLES = max(5, int(os.environ.get("CONDUIT_CRASH_ROUNDS", "0")) // 40)
LIMIT = 1_000
AMOUNTS = st.integers(1, 300)


class _Held:
    """A lease in the model."""

    def __init__(self, amount: int, expires_at: int) -> None:
        self.amount = amount
        # What is held of it; less than it was once its router has said what it comes to.
        self.held = amount
        self.expires_at = expires_at
        self.spent = 0
        self.final: int | None = None
        self.is_open = True


class LedgerModel(RuleBasedStateMachine):
    """Leases, charges, renewals, releases and time, in any order; twice, late and in vain."""

    leases = Bundle("leases")
    charges = Bundle("charges")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.held: dict[str, _Held] = {}
        # Every charge that was recorded, and its cost.
        self.recorded: dict[str, int] = {}
        self.outside = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something of the ledger's."""
        return self.runner.run(work)

    def teardown(self) -> None:
        """Let go of the database."""
        self.run(self.engine.dispose())
        self.runner.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        """Begin with an empty ledger, and a budget."""
        where = Settings(Path(self.folder.name), "m", bytes(32))
        self.engine = self.run(open_database(where, SERVICE, MIGRATIONS))
        self.bench = BudgetBench(self.engine)
        self.bench.give(4, pb.Budget(limit_nano_usd=LIMIT, period=pb.BUDGET_PERIOD_TOTAL))

    @property
    def left(self) -> int:
        """Return what the model has left of the budget."""
        held = sum(each.held for each in self.held.values() if each.is_open)
        spent = sum(each.spent for each in self.held.values() if not each.is_open)
        return LIMIT - held - spent - self.outside

    @rule(target=leases, least=AMOUNTS, more=st.integers(0, 300), spare=st.integers(0, 500))
    def acquire(self, least: int, more: int, spare: int) -> object:
        """Ask for a lease, as a router: there is one exactly if its least is there."""
        left = self.left
        try:
            lease = self.run(self.bench.acquire(least + more, least=least, spare=spare))
        except BudgetExceeded:
            assert left < least
            return multiple()
        assert least <= lease.amount <= max(left, least)
        assert lease.amount <= least + more + max(left, 0) // SPARE_SHARE + least
        self.held[lease.id] = _Held(lease.amount, lease.expires_at)
        return lease

    @rule(target=charges, lease=leases, cost=st.integers(0, 400))
    def charge(self, lease: Lease, cost: int) -> PostedCharge:
        """Make a call on a lease; its charge waits in a spool."""
        return self.bench.charge(cost, lease)

    @rule(target=charges, cost=AMOUNTS)
    def charge_outside(self, cost: int) -> PostedCharge:
        """Make a call without a lease."""
        return self.bench.charge(cost)

    @rule(some=st.lists(charges, min_size=1, max_size=4))
    def deliver(self, some: list[PostedCharge]) -> None:
        """Deliver charges, in any order, any number of times."""
        new = self.run(self.bench.record(*some))
        fresh = {each.id: each for each in some if each.id not in self.recorded}
        assert new == len(fresh)
        for each in fresh.values():
            cost = each.cost or 0
            self.recorded[each.id] = cost
            held = self.held.get(each.lease_id)
            if held is None or not held.is_open:
                self.outside += cost
                continue
        for name in {each.lease_id for each in fresh.values()}:
            held = self.held.get(name)
            if held is None or not held.is_open:
                continue
            cost = sum(each.cost or 0 for each in fresh.values() if each.lease_id == name)
            if not cost:
                continue
            held.spent += cost
            if held.final is not None and held.spent >= held.final:
                held.is_open = False

    @rule(lease=leases, spent=st.integers(0, 300))
    def release(self, lease: Lease, spent: int) -> None:
        """Give a lease back, as a router, and say what its charges come to."""
        self.run(self.bench.leases.release(lease.id, spent, self.bench.now))
        held = self.held[lease.id]
        if not held.is_open:
            return
        if held.spent >= spent:
            held.is_open = False
        else:
            held.final, held.held = spent, spent

    @rule(lease=leases)
    def renew(self, lease: Lease) -> None:
        """Renew a lease, as a router, and learn whether there is one."""
        held = self.held[lease.id]
        ended = self.run(self.bench.leases.renew([lease.id], self.bench.now))
        assert ended == ([] if held.is_open else [lease.id])
        held.expires_at = self.bench.now + LEASE_MICROS

    @rule(micros=st.integers(1, LEASE_MICROS))
    def pass_time(self, micros: int) -> None:
        """Let time pass, and Billing end what is due."""
        self.bench.now += micros
        self.run(self.bench.leases.expire(self.bench.now))
        for held in self.held.values():
            if held.is_open and held.expires_at <= self.bench.now:
                held.is_open = False

    @invariant()
    def agrees(self) -> None:
        """Hold what is left, held and spent to the model, and the ledger to its rules."""
        if not hasattr(self, "bench"):
            return
        [balance] = self.run(self.bench.balances())
        held = sum(each.held for each in self.held.values() if each.is_open)
        assert balance == Balance(self.left, held, LIMIT - held - self.left)
        assert self.run(self.bench.breaches()) == []


TestLedgerModel = LedgerModel.TestCase
TestLedgerModel.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
