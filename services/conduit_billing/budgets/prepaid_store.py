"""Keeps what was paid in for groups of virtual keys, and what was corrected of that."""

import hashlib
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_UPDATED
from conduit_billing.budgets.accounts import Balance, NewId, account_of, present_balances
from conduit_billing.budgets.rules import BudgetWindow
from conduit_billing.ledger.posting_store import find_posting, post
from conduit_billing.ledger.postings import Posting, adjustment, top_up
from conduit_billing.money import dollars
from conduit_billing.upserts import take_turns
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.outbox import AuditOutbox, RecordedChange
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.errors import AlreadyExists

SERVICE = "billing"


class PrepaidChange(NamedTuple):
    """A payment, or a correction of a balance."""

    # By which it counts once; empty for one that is not sent again.
    id: str
    amount: int
    # Of a correction; a payment needs none.
    reason: str = ""


class PrepaidStore:
    """Posts payments and corrections, each once, with a record for the audit log."""

    def __init__(self, engine: AsyncEngine, new_id: NewId, outbox: AuditOutbox) -> None:
        """Take what makes ids of postings, and the log of what was done."""
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._new_id = new_id
        self._outbox = outbox

    async def pay_in(
        self, window: BudgetWindow, change: PrepaidChange, now: int, author: Author
    ) -> Balance:
        """Add a payment; return the balance. AlreadyExists if its id is another amount's."""
        name = self._name(window, "top-up", change)
        return await self._post(
            window, top_up(name, window.owner.name, change.amount, now), change, now, author
        )

    async def adjust(
        self, window: BudgetWindow, change: PrepaidChange, now: int, author: Author
    ) -> Balance:
        """Add a correction, which may be below zero; return and raise likewise."""
        name = self._name(window, "adjustment", change)
        posting = adjustment(name, account_of(window), -change.amount, now)
        return await self._post(window, posting, change, now, author)

    async def balance(self, window: BudgetWindow) -> Balance:
        """Return how a balance stands; what was charged to open leases is spent."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            return (await present_balances(connection, [window]))[window]

    def _name(self, window: BudgetWindow, kind: str, change: PrepaidChange) -> str:
        """Return the posting's id, which is the same for the same change."""
        if not change.id:
            return self._new_id()
        said = f"{kind} {window.owner.name} {change.id}"
        return f"prepaid-{hashlib.sha256(said.encode()).hexdigest()[:32]}"

    async def _post(
        self,
        window: BudgetWindow,
        posting: Posting,
        change: PrepaidChange,
        now: int,
        author: Author,
    ) -> Balance:
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            found = await find_posting(connection, posting.id)
            if found is None:
                await post(connection, posting)
                await self._outbox.add(connection, author, _record(window, posting, change), now)
            elif sorted(found.entries) != sorted(posting.entries):
                message = f"{change.id!r} was posted before, with another amount"
                raise AlreadyExists(message, field="id")
            balance = (await present_balances(connection, [window]))[window]
        self._outbox.announce()
        return balance


def _record(window: BudgetWindow, posting: Posting, change: PrepaidChange) -> RecordedChange:
    said = {"kind": posting.kind.name.lower(), "amountUsd": dollars(change.amount)}
    said |= {key: text for key, text in (("id", change.id), ("reason", change.reason)) if text}
    group = str(window.owner.group_id)
    return RecordedChange(AUDIT_ACTION_UPDATED, "virtual_key_group", group, {"prepaid": said})
