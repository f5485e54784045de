"""What the books allow."""

import random

import pytest
from tests.support.billing import charge

from conduit_billing.ledger.alike import alike_of
from conduit_billing.ledger.charges import read_charge
from conduit_billing.ledger.postings import (
    Account,
    AccountType,
    Books,
    Entry,
    Posting,
    PostingError,
    PostingKind,
    adjustment,
    budget_account,
    charge_posting,
    expire,
    hold,
    prepaid_account,
    settle,
    top_up,
    void,
)

OWNER = prepaid_account("virtual-key:4")
HELD = Account("held:prepaid:virtual-key:4", AccountType.HOLD)
SPENT = Account("spent:prepaid:virtual-key:4", AccountType.SPENT)


def books_with(amount: int) -> Books:
    """Return books of an owner who paid an amount in."""
    books = Books()
    assert books.post(top_up("paid", "virtual-key:4", amount, 1))
    return books


def test_charges_of_a_delivery_are_one_posting_that_adds_up_to_zero() -> None:
    """What callers are charged with is owed to providers, to the nano-dollar."""
    chance = random.Random(5)  # noqa: S311 # the same charges in every run
    for _ in range(100):
        made = [
            read_charge(
                charge(
                    tokens=chance.randrange(10**9),
                    price=chance.randrange(10**12),
                    provider_id=chance.randrange(1, 9),
                    virtual_key_id=chance.randrange(9),
                ),
                "charge",
            )
            for _ in range(chance.randrange(1, 20))
        ]
        posting = charge_posting(made[0].id, alike_of(made), 7)
        assert posting is not None
        books = Books()
        assert books.post(posting)
        assert sum(books.balances.values()) == 0
        spent = sum(
            v for account, v in books.balances.items() if account.type is AccountType.EXPENSE
        )
        assert spent == sum(each.cost or 0 for each in made)


def test_accounts_are_the_callers_and_the_providers_account_groups() -> None:
    """A virtual key's expense, or Conduit's own, against what its provider's account is owed."""
    made = [charge(), charge(virtual_key_id=0, provider_account_group=""), charge()]
    posting = charge_posting(made[0].id, alike_of(read_charge(each, "charge") for each in made), 7)
    assert posting is not None
    assert (posting.id, posting.kind) == (made[0].id, PostingKind.CHARGE)
    assert {(entry.account.code, entry.amount) for entry in posting.entries} == {
        ("expense:virtual-key:4", 2_000_000_000),
        ("payable:1:production", -2_000_000_000),
        ("expense:internal", 1_000_000_000),
        ("payable:1:", -1_000_000_000),
    }


def test_charges_without_a_price_are_not_posted() -> None:
    """Nor are those that cost nothing: they move no money."""
    made = [read_charge(charge(price=None), "charge"), read_charge(charge(tokens=0), "charge")]
    assert charge_posting(made[0].id, alike_of(made), 7) is None


def test_a_posting_counts_once() -> None:
    """However often it is delivered, by its id."""
    books = books_with(100)
    assert not books.post(top_up("paid", "virtual-key:4", 100, 1))
    assert books.balances[OWNER] == -100


def test_a_hold_is_not_there_to_be_spent_again() -> None:
    """What is posted and held never exceeds what was paid in."""
    books = books_with(100)
    assert books.is_spendable(OWNER, 100)
    books.post(hold("h", OWNER, 60, 2, 50))
    assert not books.is_spendable(OWNER, 41)
    assert books.is_spendable(OWNER, 40)


@pytest.mark.parametrize("cost", [0, 25, 60, 75])
def test_settling_ends_all_of_a_hold_by_what_was_spent(cost: int) -> None:
    """Less than was held, all of it, or more, which the source pays, too."""
    books = books_with(100)
    held = hold("h", OWNER, 60, 2, 50)
    books.post(held)
    assert books.post(settle("s", held, cost, 3))
    assert (books.balances[OWNER], books.balances[HELD]) == (cost - 100, 0)
    assert books.balances[SPENT] == -cost


def test_voided_and_expired_holds_go_back() -> None:
    """Nothing was spent; an expiry must wait for the deadline."""
    books = books_with(100)
    one, two = hold("one", OWNER, 60, 2, 50), hold("two", OWNER, 30, 2, 50)
    books.post(one)
    books.post(two)
    books.post(void("v", one, 3))
    with pytest.raises(PostingError, match="not expired"):
        books.post(expire("e", two, 49))
    books.post(expire("e", two, 50))
    assert (books.balances[OWNER], books.balances[HELD]) == (-100, 0)


def test_each_hold_is_ended_once() -> None:
    """Whoever comes second is told so; the same ending again is no second one."""
    books = books_with(100)
    held = hold("h", OWNER, 60, 2, 50)
    books.post(held)
    books.post(settle("s", held, 10, 3))
    assert not books.post(settle("s", held, 10, 3))
    for late in (void("v", held, 60), expire("e", held, 60), settle("t", held, 1, 60)):
        with pytest.raises(PostingError, match="ended by s already"):
            books.post(late)
    assert books.balances[HELD] == 0


def test_a_budget_is_granted_held_and_spent() -> None:
    """Its account has what nobody spent of it yet."""
    source = budget_account("virtual-key:4", "2026-11")
    books = Books()
    books.post(adjustment("granted", source, -500, 1))
    held = hold("h", source, 200, 2, 50)
    books.post(held)
    books.post(settle("s", held, 120, 3))
    assert books.is_spendable(source, 380)
    assert not books.is_spendable(source, 381)


A, B = Account("a", AccountType.EXPENSE), Account("b", AccountType.PAYABLE)
SOUND = hold("h", OWNER, 60, 2, 50)
UNSOUND = {
    "does not add up": Posting("x", PostingKind.ADJUSTMENT, 1, (Entry(A, 1), Entry(B, -2))),
    "moves nothing": Posting("x", PostingKind.ADJUSTMENT, 1, ()),
    "moves nothing to b": Posting("x", PostingKind.ADJUSTMENT, 1, (Entry(B, 0),)),
    "an account twice": Posting("x", PostingKind.ADJUSTMENT, 1, (Entry(A, 1), Entry(A, -1))),
    "ends no hold": void("x", SOUND, 3)._replace(hold_id=None),
    "ends an unknown hold": void("x", SOUND, 3)._replace(hold_id="none"),
    "ends what is none": void("x", SOUND, 3)._replace(hold_id="paid"),
    "ends a part": Posting(
        "x", PostingKind.VOID, 3, (Entry(OWNER, -59), Entry(HELD, 59)), hold_id="h"
    ),
    "charge that ends a hold": void("x", SOUND, 3)._replace(kind=PostingKind.CHARGE),
    "hold without deadline": SOUND._replace(id="x", expires_at=None),
    "charge with deadline": SOUND._replace(id="x", kind=PostingKind.CHARGE),
    "hold below zero": hold("x", OWNER, -60, 2, 50),
    "hold of an expense": hold("x", A, 60, 2, 50),
    "top-up below zero": top_up("x", "virtual-key:4", -1, 1),
}


@pytest.mark.parametrize("posting", UNSOUND.values(), ids=UNSOUND.keys())
def test_what_is_not_sound_is_not_posted(posting: Posting) -> None:
    """The books stay as they were."""
    books = books_with(100)
    books.post(SOUND)
    before = dict(books.balances)
    with pytest.raises(PostingError):
        books.post(posting)
    assert dict(books.balances) == before


def test_books_balance_whatever_happens() -> None:
    """After any postings all balances add up to zero, and holds that are ended hold nothing."""
    chance = random.Random(7)  # noqa: S311 # the same postings in every run
    books = books_with(10**6)
    held: list[Posting] = []
    for number in range(1000):
        name = f"p{chance.randrange(700)}"
        if not held or chance.random() < 0.4:
            held.append(hold(name, OWNER, chance.randrange(1, 1000), number, number + 20))
            books.post(held[-1])
            continue
        one = chance.choice(held)
        endings = [void(name, one, number), expire(name, one, number)]
        try:
            books.post(chance.choice([*endings, settle(name, one, one.taken.amount + 5, number)]))
        except PostingError:
            continue
    assert sum(books.balances.values()) == 0
    open_holds = [
        posting
        for posting in books.postings.values()
        if posting.kind is PostingKind.HOLD and posting.id not in books.ended_by
    ]
    assert books.balances[HELD] == sum(each.held.amount for each in open_holds)
    assert len(set(books.ended_by.values())) == len(books.ended_by) > 100
