"""Rolling budgets, prepaid balances and adjustments as a state machine, held against a model."""

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
from tests.integration.billing.test_prepaid import PrepaidBench
from tests.integration.billing.test_repricing import AUTHOR, costing
from tests.support.budgets import MICRO, BudgetBench

from conduit.internal.v1.snapshot_pb2 import SnapshotVirtualKey
from conduit.v1.budget_pb2 import BUDGET_PERIOD_ROLLING, Budget
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.accounts import Balance
from conduit_billing.ledger.adjustment_store import AdjustmentStore
from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.tables import AUDIT_OUTBOX
from conduit_kernel.audit.outbox import AuditOutbox
from conduit_kernel.database import open_database
from conduit_kernel.errors import BudgetExceeded
from conduit_kernel.settings import Settings

T = TypeVar("T")
# More where `make crashes` asks for many rounds.
EXAMPLES = max(5, int(os.environ.get("CONDUIT_CRASH_ROUNDS", "0")) // 40)
LIMIT = 1_000
PART = 300 * MICRO
# Those of the last hour, with the one that is under way.
PARTS = 13
AMOUNTS = st.integers(1, 400)


class BudgetsModel(RuleBasedStateMachine):
    """Calls, payments, corrections, new prices and time, in any order."""

    charges = Bundle("charges")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        # What each charge costs now, and the part of the hour in which its call began.
        self.costs: dict[str, int] = {}
        self.parts: dict[str, int] = {}
        self.received = 0

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
        """Begin with an empty ledger, and a key with a budget of an hour in a prepaid group."""
        where = Settings(Path(self.folder.name), "m", bytes(32))
        self.engine = self.run(open_database(where, SERVICE, MIGRATIONS))
        self.bench = PrepaidBench(BudgetBench(self.engine))
        budget = Budget(limit_nano_usd=LIMIT, period=BUDGET_PERIOD_ROLLING, rolling_hours=1)
        key = VirtualKey(id=4, group_id=2, budgets=[budget])
        self.bench.state.virtual_keys[4] = SnapshotVirtualKey(virtual_key=key)
        spending = self.bench.ledger._spending  # noqa: SLF001 # the ledger's own
        assert spending is not None
        outbox = AuditOutbox(self.engine, AUDIT_OUTBOX, SERVICE)
        self.adjustments = AdjustmentStore(self.engine, spending, outbox, self.bench.ids.next)

    @property
    def spent(self) -> tuple[int, int]:
        """Return what the model has spent of the last hour, and of what was paid in."""
        now = self.bench.now // PART
        recent = sum(cost for name, cost in self.costs.items() if self.parts[name] > now - PARTS)
        return recent, sum(self.costs.values())

    @rule(target=charges, cost=AMOUNTS, most=AMOUNTS)
    def call(self, cost: int, most: int) -> object:
        """Make a call: it is made exactly if both have room for what it may cost at most."""
        recent, paid = self.spent
        has_room = LIMIT - recent >= most and self.received - paid >= most
        try:
            lease = self.run(self.bench.acquire(most))
        except BudgetExceeded:
            assert not has_room
            return multiple()
        assert has_room
        charge = self.bench.charge(min(cost, most), lease)
        self.run(self.bench.record(charge))
        self.run(self.bench.leases.release(lease.id, charge.cost or 0, self.bench.now))
        self.costs[charge.id], self.parts[charge.id] = charge.cost or 0, self.bench.now // PART
        return charge

    @rule(target=charges, cost=AMOUNTS)
    def call_without_a_lease(self, cost: int) -> PostedCharge:
        """Deliver what no budget was asked for: it is spent, whatever is left."""
        charge = self.bench.charge(cost)
        self.run(self.bench.record(charge))
        self.costs[charge.id], self.parts[charge.id] = cost, self.bench.now // PART
        return charge

    @rule(amount=st.integers(1, 2_000))
    def pay_in(self, amount: int) -> None:
        """Pay in."""
        self.run(self.bench.pay(amount))
        self.received += amount

    @rule(amount=st.integers(-300, -1))
    def correct(self, amount: int) -> None:
        """Take some of what was paid in away."""
        self.run(self.bench.adjust(amount))
        self.received += amount

    @rule(some=st.lists(charges, min_size=1, max_size=4), cost=st.integers(0, 500))
    def reprice(self, some: list[PostedCharge], cost: int) -> None:
        """Price charges anew, some of them twice."""
        unique = {each.id: each for each in some}
        changed = [name for name in unique if self.costs[name] != cost]
        found = self.run(
            self.adjustments.adjust([*unique.values()], costing(cost), self.bench.now, AUTHOR, {})
        )
        assert sorted(each.charge.id for each in found.adjustments) == sorted(changed)
        self.costs |= dict.fromkeys(unique, cost)

    @rule(minutes=st.integers(1, 40))
    def pass_time(self, minutes: int) -> None:
        """Let time pass."""
        self.bench.now += minutes * 60 * MICRO

    @invariant()
    def agrees(self) -> None:
        """Hold both balances to the model, and the ledger to its rules."""
        if not hasattr(self, "bench"):
            return
        recent, paid = self.spent
        assert self.run(self.bench.balances()) == [
            Balance(LIMIT - recent, 0, recent),
            Balance(self.received - paid, 0, paid),
        ]
        assert self.run(self.bench.breaches()) == []


TestBudgetsModel = BudgetsModel.TestCase
TestBudgetsModel.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
