"""Double entry: what charges do to the accounts, and to the sums that reports read. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.timestamps import DAY_MICROS


class Entry(NamedTuple):
    """One side of a posting: debits are positive, credits negative."""

    charge_id: str
    account: str
    amount: int


class DayKey(NamedTuple):
    """What a day's sum is kept by."""

    day: int
    provider_id: int
    account_group: str
    virtual_key_id: int
    model_alias: str


class DaySum(NamedTuple):
    """Charges added up; `cost` leaves those out whose price is unknown."""

    cost: int = 0
    requests: int = 0
    unpriced_requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


def entries_of(charge: PostedCharge) -> tuple[Entry, ...]:
    """Return the posting of a charge: the caller's expense, and what we owe the provider.

    Nothing is posted for what cost nothing or has no price.
    """
    if not charge.cost:
        return ()
    return (
        Entry(charge.id, expense_account(charge.virtual_key_id), charge.cost),
        Entry(charge.id, payable_account(charge.provider_id, charge.account_group), -charge.cost),
    )


def expense_account(virtual_key_id: int) -> str:
    """Return the account of a virtual key's spending; 0 is Conduit's own."""
    return f"expense:virtual-key:{virtual_key_id}" if virtual_key_id else "expense:internal"


def payable_account(provider_id: int, account_group: str) -> str:
    """Return the account of what is owed to an instance, apart for each account group."""
    return f"payable:{provider_id}:{account_group}"


def balances_of(entries: Iterable[Entry]) -> Mapping[str, int]:
    """Return how much each account changes."""
    balances: Counter[str] = Counter()
    for entry in entries:
        balances[entry.account] += entry.amount
    return balances


def days_of(charges: Iterable[PostedCharge]) -> dict[DayKey, DaySum]:
    """Add charges up by day, instance, account group, virtual key and alias."""
    days: dict[DayKey, DaySum] = {}
    for charge in charges:
        key = DayKey(
            charge.occurred_at // DAY_MICROS,
            charge.provider_id,
            charge.account_group,
            charge.virtual_key_id,
            charge.model_alias,
        )
        old = days.get(key, DaySum())
        days[key] = DaySum(
            old.cost + (charge.cost or 0),
            old.requests + 1,
            old.unpriced_requests + (charge.cost is None),
            old.input_tokens + charge.input_tokens,
            old.output_tokens + charge.output_tokens,
        )
    return days
