"""Double entry."""

import random

from tests.support.billing import charge

from conduit_billing.ledger.charges import charge_message, read_charge
from conduit_billing.ledger.double_entry import balances_of, days_of, entries_of


def test_every_posting_adds_up_to_zero() -> None:
    """What a caller is charged with is owed to a provider, to the nano-dollar."""
    chance = random.Random(5)  # noqa: S311 # the same charges in every run
    for _ in range(500):
        made = charge(
            tokens=chance.randrange(10**9),
            price=chance.randrange(10**12),
            provider_id=chance.randrange(1, 9),
            virtual_key_id=chance.randrange(9),
        )
        posted = entries_of(read_charge(made, "charge"))
        assert sum(entry.amount for entry in posted) == 0
        assert len(posted) in {0, 2}


def test_accounts_are_the_callers_and_the_providers_account_groups() -> None:
    """A virtual key's expense, or Conduit's own, against what its provider's account is owed."""
    own = read_charge(charge(virtual_key_id=0, provider_account_group=""), "charge")
    balances = balances_of([*entries_of(read_charge(charge(), "charge")), *entries_of(own)])
    assert balances == {
        "expense:virtual-key:4": 1_000_000_000,
        "payable:1:production": -1_000_000_000,
        "expense:internal": 1_000_000_000,
        "payable:1:": -1_000_000_000,
    }


def test_a_charge_without_a_price_is_counted_and_not_posted() -> None:
    """It has no entries, but its day has a request and its tokens."""
    made = read_charge(charge(price=None, tokens=12), "charge")
    assert entries_of(made) == ()
    (total,) = days_of([made]).values()
    assert total == (0, 1, 1, 12, 0)


def test_a_charge_survives_being_read_and_written() -> None:
    """The ledger's form of a charge loses nothing of it."""
    made = charge(price=None)
    assert charge_message(read_charge(made, "charge")) == made
