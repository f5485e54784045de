"""Budgets and leases for tests, on Billing's own tables."""

from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.billing import NOW, charge

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotVirtualKey
from conduit.v1.budget_pb2 import Budget
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.budgets.accounts import Balance, balances_of, open_accounts
from conduit_billing.budgets.lease_grants import LeaseRequest
from conduit_billing.budgets.lease_store import Lease, LeaseStore
from conduit_billing.budgets.rules import BudgetRules, BudgetWindow
from conduit_billing.budgets.spending import BudgetSpending
from conduit_billing.ledger.charges import PostedCharge, read_charge
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.ledger.verification import breaches
from conduit_kernel.database import writer
from conduit_kernel.ids import IdSource
from conduit_kernel.snapshot import SnapshotState

MICRO = 1_000_000


class BudgetBench:
    """The ledger, the leases and the budgets of some virtual keys; time is what the test says."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.now = NOW * MICRO
        self.state = SnapshotState.of(Snapshot(epoch="test", revision=1))
        self.rules = BudgetRules(self.state)
        self.ids = IdSource()
        self.leases = LeaseStore(engine, self.ids.next)
        self.ledger = LedgerStore(engine, BudgetSpending(self.rules, self.ids.next))

    def give(self, virtual_key_id: int, *budgets: Budget) -> None:
        """Let a virtual key have these budgets from now on."""
        key = VirtualKey(id=virtual_key_id, budgets=budgets)
        self.state.virtual_keys[virtual_key_id] = SnapshotVirtualKey(virtual_key=key)

    def windows(self, virtual_key_id: int = 4) -> tuple[BudgetWindow, ...]:
        """Return a virtual key's budgets in the periods of this moment."""
        return self.rules.windows(virtual_key_id, self.now)

    async def acquire(
        self, amount: int, *, least: int = 0, spare: int = 0, virtual_key_id: int = 4
    ) -> Lease:
        """Ask for a lease."""
        request = LeaseRequest(self.ids.next(), virtual_key_id, least or amount, amount, spare)
        return await self.leases.acquire(request, self.windows(virtual_key_id), self.now)

    async def record(self, *charges: PostedCharge) -> int:
        """Deliver charges; return how many were new."""
        return len(await self.ledger.record(charges, (), self.now))

    async def balances(self, virtual_key_id: int = 4) -> list[Balance]:
        """Return what is left, held and spent of a virtual key's budgets, in their order."""
        windows = self.windows(virtual_key_id)
        async with writer(self.engine).begin() as connection:
            await open_accounts(connection, windows, self.now, self.ids.next)
            found = await balances_of(connection, windows)
        return [found[window] for window in windows]

    async def breaches(self) -> list[str]:
        """Return what does not hold of the ledger."""
        return [str(breach) for breach in await breaches(self.engine, self.now)]

    def charge(self, cost: int, lease: Lease | None = None, **fields: object) -> PostedCharge:
        """Return a charge of so many nano-dollars, paid from a lease."""
        name = "" if lease is None else lease.id
        at = self.now // MICRO
        made = charge(tokens=cost, price=MICRO, lease_id=name, **{"at": at, **fields})  # type: ignore[arg-type] # a charge's
        return read_charge(made, "charge")
