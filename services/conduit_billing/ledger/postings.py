"""Postings: what moves between accounts, and which of them are allowed. Pure.

A posting has an id, by which it counts once, a kind, and entries that add up to zero. Money is held
before it is spent: a hold takes it from its source until it is settled, voided or expired, of which
exactly one happens, once.
"""

from collections import Counter
from collections.abc import Mapping
from enum import IntEnum, unique
from typing import NamedTuple

from conduit_billing.ledger.alike import LikeCharges


class PostingError(ValueError):
    """A posting that the books do not allow."""


@unique
class AccountType(IntEnum):
    """The purpose of an account. Numbers are stored."""

    # What virtual keys spent, and what is owed to providers for it.
    EXPENSE = 1
    PAYABLE = 2
    # What was paid in, and what of it is still there to be spent.
    RECEIVED = 3
    PREPAID = 4
    # What may be spent in a period, as far as nobody spent it.
    BUDGET = 5
    # What is set aside from a prepaid balance or a budget, and what was spent of it.
    HOLD = 6
    SPENT = 7
    # The other side of corrections and of budgets that are granted.
    ADJUSTMENT = 8


@unique
class PostingKind(IntEnum):
    """The reason of a posting. Numbers are stored."""

    # What attempts cost.
    CHARGE = 1
    HOLD = 2
    # Ends a hold: what it was for cost so much.
    SETTLE = 3
    # Ends a hold: what it was for did not happen.
    VOID = 4
    # Ends a hold: nobody ended it by its deadline.
    EXPIRE = 5
    TOP_UP = 6
    ADJUSTMENT = 7
    # What was spent of a budget or a prepaid balance without a hold.
    SPEND = 8


ENDINGS = frozenset({PostingKind.SETTLE, PostingKind.VOID, PostingKind.EXPIRE})
# From where holds are taken.
SOURCES = frozenset({AccountType.PREPAID, AccountType.BUDGET})


class Account(NamedTuple):
    """An account, by its code: `expense:virtual-key:4`, `payable:3:production`."""

    code: str
    type: AccountType


class Entry(NamedTuple):
    """One side of a posting: debits are positive, credits negative."""

    account: Account
    amount: int


class Posting(NamedTuple):
    """Amounts and units that are posted at once."""

    id: str
    kind: PostingKind
    # Microseconds since 1970, as all times.
    posted_at: int
    entries: tuple[Entry, ...]
    # The hold that it ends; None for what ends none.
    hold_id: str | None = None
    # Of holds alone.
    expires_at: int | None = None

    @property
    def taken(self) -> Entry:
        """Return what a hold takes from its source."""
        return next(entry for entry in self.entries if entry.account.type in SOURCES)

    @property
    def held(self) -> Entry:
        """Return what a hold sets aside."""
        return next(entry for entry in self.entries if entry.account.type is AccountType.HOLD)


def expense_account(virtual_key_id: int) -> Account:
    """Return the account of a virtual key's spending; 0 is Conduit's own."""
    code = f"expense:virtual-key:{virtual_key_id}" if virtual_key_id else "expense:internal"
    return Account(code, AccountType.EXPENSE)


def payable_account(provider_id: int, account_group: str) -> Account:
    """Return the account of what is owed to an instance, apart for each account group."""
    return Account(f"payable:{provider_id}:{account_group}", AccountType.PAYABLE)


def charge_posting(name: str, charges: LikeCharges, posted_at: int) -> Posting | None:
    """Return the posting of charges that are delivered together; None if none cost anything.

    Each is the caller's expense, and what we owe the provider. Its id is that of one of them.
    """
    expenses: Counter[int] = Counter()
    payables: Counter[tuple[int, str]] = Counter()
    for (_, of, virtual_key_id, _), (cost, *_) in charges.items():
        if cost:
            expenses[virtual_key_id] += cost
            payables[of.provider_id, of.account_group] -= cost
    if not expenses:
        return None
    entries = (
        *(Entry(expense_account(key), amount) for key, amount in expenses.items()),
        *(Entry(payable_account(*owed), amount) for owed, amount in payables.items()),
    )
    return Posting(name, PostingKind.CHARGE, posted_at, entries)


def top_up(name: str, owner: str, amount: int, posted_at: int) -> Posting:
    """Return the posting of money that an owner, such as `virtual-key:4`, paid in."""
    entries = (
        Entry(Account(f"received:{owner}", AccountType.RECEIVED), amount),
        Entry(prepaid_account(owner), -amount),
    )
    return Posting(name, PostingKind.TOP_UP, posted_at, entries)


def prepaid_account(owner: str) -> Account:
    """Return the account of what an owner paid and did not spend."""
    return Account(f"prepaid:{owner}", AccountType.PREPAID)


def budget_account(owner: str, period: str) -> Account:
    """Return the account of what an owner may still spend in a period, such as `2026-11`."""
    return Account(f"budget:{owner}:{period}", AccountType.BUDGET)


def adjustment(name: str, account: Account, amount: int, posted_at: int) -> Posting:
    """Return the posting that debits an account, or credits it with an amount below zero.

    A budget is granted by a credit to its account.
    """
    other = Account(f"adjustment:{account.code}", AccountType.ADJUSTMENT)
    entries = (Entry(account, amount), Entry(other, -amount))
    return Posting(name, PostingKind.ADJUSTMENT, posted_at, entries)


def hold(name: str, source: Account, amount: int, posted_at: int, expires_at: int) -> Posting:
    """Return the posting that sets an amount aside until a deadline."""
    entries = (Entry(source, amount), Entry(held_account(source), -amount))
    return Posting(name, PostingKind.HOLD, posted_at, entries, expires_at=expires_at)


def held_account(source: Account) -> Account:
    """Return the account of what is set aside from a source."""
    return Account(f"held:{source.code}", AccountType.HOLD)


def spent_account(source: Account) -> Account:
    """Return the account of what was spent of a source."""
    return Account(f"spent:{source.code}", AccountType.SPENT)


def spend(name: str, source: Account, cost: int, posted_at: int) -> Posting:
    """Return the posting of what was spent of a source without a hold, whatever is left of it."""
    entries = (Entry(source, cost), Entry(spent_account(source), -cost))
    return Posting(name, PostingKind.SPEND, posted_at, entries)


def settle(name: str, held: Posting, cost: int, posted_at: int) -> Posting:
    """Return the posting that ends a hold by what was spent, which may be more than was held."""
    source, reserve = held.taken, held.held
    amounts = {
        reserve.account: -reserve.amount,
        source.account: cost - source.amount,
        spent_account(source.account): -cost,
    }
    entries = tuple(Entry(account, amount) for account, amount in amounts.items() if amount)
    return Posting(name, PostingKind.SETTLE, posted_at, entries, held.id)


def void(name: str, held: Posting, posted_at: int) -> Posting:
    """Return the posting that gives a hold back."""
    return Posting(name, PostingKind.VOID, posted_at, _reversed(held), held.id)


def expire(name: str, held: Posting, posted_at: int) -> Posting:
    """Return the posting that gives a hold back which nobody ended by its deadline."""
    return Posting(name, PostingKind.EXPIRE, posted_at, _reversed(held), held.id)


def check(posting: Posting) -> None:
    """Raise PostingError unless a posting is sound by itself."""
    accounts = {entry.account.code for entry in posting.entries}
    if len(accounts) != len(posting.entries) or 0 in {entry.amount for entry in posting.entries}:
        raise PostingError(f"{posting.id} must move something, and each account once")
    if not accounts or sum(entry.amount for entry in posting.entries) != 0:
        raise PostingError(f"the entries of {posting.id} must add up to zero")
    if (posting.hold_id is not None) != (posting.kind in ENDINGS):
        raise PostingError(f"{posting.id} must name a hold if, and only if, it ends one")
    is_hold = posting.kind is PostingKind.HOLD
    if is_hold != (posting.expires_at is not None):
        raise PostingError(f"{posting.id} must have a deadline if, and only if, it is a hold")
    if is_hold and not _is_sound_hold(posting):
        raise PostingError(f"the hold {posting.id} must take an amount from a source")
    if posting.kind is PostingKind.TOP_UP and not _is_sound_top_up(posting):
        raise PostingError(f"the top-up {posting.id} must add to a prepaid balance")


def check_ending(posting: Posting, held: Posting | None, ended_by: str | None) -> None:
    """Raise PostingError unless a posting may end its hold, as the books have it.

    `held` is None if there is no such hold, `ended_by` the posting that has ended it already.
    """
    if held is None or held.kind is not PostingKind.HOLD:
        raise PostingError(f"{posting.id} must end a hold; {posting.hold_id} is none")
    if ended_by is not None:
        raise PostingError(f"the hold {held.id} was ended by {ended_by} already")
    reserve = held.held
    if Entry(reserve.account, -reserve.amount) not in posting.entries:
        raise PostingError(f"{posting.id} must end all of the hold {held.id}")
    if posting.kind is PostingKind.EXPIRE and posting.posted_at < (held.expires_at or 0):
        raise PostingError(f"the hold {held.id} has not expired yet")


class Books:
    """All postings of a ledger, in memory: what the database must come to, too."""

    def __init__(self) -> None:
        self.postings: dict[str, Posting] = {}
        self.ended_by: dict[str, str] = {}
        self._balances: Counter[Account] = Counter()

    @property
    def balances(self) -> Mapping[Account, int]:
        """Return the sum of each account's entries."""
        return self._balances

    def post(self, posting: Posting) -> bool:
        """Post once; return whether it is new. PostingError if the books do not allow it."""
        check(posting)
        if posting.id in self.postings:
            return False
        if posting.hold_id is not None:
            held = self.postings.get(posting.hold_id)
            check_ending(posting, held, self.ended_by.get(posting.hold_id))
            self.ended_by[posting.hold_id] = posting.id
        self.postings[posting.id] = posting
        for account, amount in posting.entries:
            self._balances[account] += amount
        return True

    def is_spendable(self, source: Account, amount: int) -> bool:
        """Return whether a source has so much left: what is posted and held never exceeds it."""
        return -self._balances[source] >= amount


def _is_sound_hold(posting: Posting) -> bool:
    amounts = {entry.account.type: entry.amount for entry in posting.entries}
    held = amounts.pop(AccountType.HOLD, 0)
    return held < 0 and len(posting.entries) == 2 and amounts.keys() <= SOURCES  # noqa: PLR2004 # source and hold


def _is_sound_top_up(posting: Posting) -> bool:
    amounts = {entry.account.type: entry.amount for entry in posting.entries}
    return amounts.get(AccountType.PREPAID, 0) < 0 < amounts.get(AccountType.RECEIVED, 0)


def _reversed(held: Posting) -> tuple[Entry, ...]:
    return tuple(Entry(account, -amount) for account, amount in held.entries)
