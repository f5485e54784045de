"""Adjustments of charges, as values."""

from tests.support.billing import charge

from conduit.v1 import charge_pb2 as pb
from conduit_billing.ledger.adjustments import (
    Adjustment,
    Standing,
    adjusted_days,
    adjustment_posting,
    reprice,
)
from conduit_billing.ledger.charges import Line, PostedCharge, price_charge, read_charge
from conduit_billing.ledger.days import DaySum, Dimension, days_of
from conduit_billing.ledger.postings import check
from conduit_billing.pricing.rules import Priced
from conduit_providers.prices import PriceSheet
from conduit_providers.quantities import INPUT, REQUEST

MILLION = 1_000_000


def posted(cost: int = 100, key: int = 4) -> PostedCharge:
    """Return a charge of so many tokens, at a nano-dollar each."""
    return read_charge(charge(tokens=cost, price=MILLION, virtual_key_id=key), "charge")


def by(prices: dict[int, int], version: str = "v2") -> object:
    """Return what prices charges so."""

    def price(each: PostedCharge) -> PostedCharge:
        return price_charge(each, lambda *_: Priced(PriceSheet(prices), version))

    return price


def test_a_charge_costs_what_its_units_do_by_the_prices_of_now() -> None:
    """And being asked, where that has a price now, though it had none before."""
    found = reprice([posted()], {}, by({INPUT: 3 * MILLION}))  # type: ignore[arg-type] # it is one
    assert [(each.before, each.after, each.price_version) for each in found.adjustments] == [
        (100, 300, "v2")
    ]
    asked = by({INPUT: 0, REQUEST: 7 * MILLION})
    (adjustment,) = reprice([posted()], {}, asked).adjustments  # type: ignore[arg-type] # as above
    assert adjustment.after == 7
    before = posted()._replace(lines=(Line(INPUT, 100, MILLION), Line(REQUEST, 1, MILLION)))
    (adjustment,) = reprice([before], {}, by({INPUT: MILLION // 2})).adjustments  # type: ignore[arg-type] # as above
    assert adjustment.after == 50


def test_the_last_adjustment_is_where_the_next_one_begins() -> None:
    """Nothing is adjusted that costs what it does by now."""
    one = posted()
    standings = {one.id: Standing(2, 300, "v1")}
    price = by({INPUT: 3 * MILLION})
    assert reprice([one], standings, price).adjustments == []  # type: ignore[arg-type] # as above
    (adjustment,) = reprice([one], standings, by({INPUT: MILLION})).adjustments  # type: ignore[arg-type] # as above
    assert (adjustment.number, adjustment.before, adjustment.after) == (3, 300, 100)


def test_the_word_of_a_provider_stands() -> None:
    """A cost that came without prices is nobody's to price anew."""
    told = posted()._replace(lines=(Line(INPUT, 100, None),))
    assert reprice([told], {}, by({INPUT: 9 * MILLION})) == ([], 0)  # type: ignore[arg-type] # as above
    unpriced = told._replace(cost=None)
    assert len(reprice([unpriced], {}, by({INPUT: 9})).adjustments) == 1  # type: ignore[arg-type] # as above
    assert reprice([unpriced], {}, by({})) == ([], 1)  # type: ignore[arg-type] # as above


def test_an_answer_from_the_cache_stays_as_it_was_charged() -> None:
    """Its share, or nothing: what prices there are now says nothing of it."""
    hit = posted()._replace(qualifiers=(("cache", "hit"), ("service_tier", "flex")))
    assert reprice([hit], {}, by({INPUT: 9 * MILLION})) == ([], 0)  # type: ignore[arg-type] # as above


def test_a_posting_moves_what_is_more_and_what_is_less() -> None:
    """Each account once; what comes to nothing moves nothing."""
    more, less = Adjustment(posted(), 1, "v", 100, 130), Adjustment(posted(), 1, "v", 100, 80)
    other = Adjustment(posted(key=5), 1, "v", 100, 50)
    posting = adjustment_posting("p", [more, less, other], 9)
    assert posting is not None
    check(posting)
    amounts = {entry.account.code: entry.amount for entry in posting.entries}
    assert amounts == {
        "expense:virtual-key:4": 10,
        "expense:virtual-key:5": -50,
        "payable:1:production": 40,
    }
    assert adjustment_posting("p", [more, Adjustment(posted(), 1, "v", 130, 100)], 9) is None


def test_sums_of_days_come_to_what_they_were_with_the_prices_of_now() -> None:
    """In each dimension: costs change, and what has a price by now, and nothing else."""
    priced, unpriced = posted(), posted()._replace(cost=None)
    days = days_of([priced, unpriced])
    found = adjusted_days(
        [Adjustment(priced, 1, "v", 100, 130), Adjustment(unpriced, 1, "v", None, 70)]
    )
    assert found.keys() == days.keys()
    now = days_of([priced._replace(cost=130), unpriced._replace(cost=70)])
    for key, before in days.items():
        sums = zip(before, found[key], strict=True)
        assert DaySum(*(one + other for one, other in sums)) == now[key]
    assert {key.dimension for key in found} == set(Dimension) - {Dimension.GROUP} | {
        key.dimension for key in days
    }
    assert pb.UNIT_INPUT_TOKEN == INPUT
