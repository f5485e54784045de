"""What charges cost by other prices than those that they were made with: adjustments. Pure.

A charge stays as it is, and so does its posting. What it costs now is said by its last adjustment.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from conduit_billing.ledger.charges import Line, PostedCharge
from conduit_billing.ledger.days import DayKey, DaySum, GroupOf, days_of, no_group
from conduit_billing.ledger.postings import (
    Entry,
    Posting,
    PostingKind,
    expense_account,
    payable_account,
)
from conduit_providers.quantities import CACHE_HIT, REQUEST

# Returns a charge that has no prices with those of now, as it is where one is unknown.
Price = Callable[[PostedCharge], PostedCharge]


class Standing(NamedTuple):
    """The last adjustment of a charge."""

    number: int
    cost: int
    price_version: str


class Adjustment(NamedTuple):
    """A charge that costs something else now."""

    charge: PostedCharge
    # Of all of the charge's, from 1 on.
    number: int
    price_version: str
    # None of a charge that had no known price.
    before: int | None
    after: int

    @property
    def difference(self) -> int:
        """Return how much more it costs."""
        return self.after - (self.before or 0)


class Repriced(NamedTuple):
    """The outcome of pricing charges anew."""

    adjustments: Sequence[Adjustment]
    # How many have no known price now.
    unpriced: int


def reprice(
    charges: Iterable[PostedCharge], standings: Mapping[str, Standing], price: Price
) -> Repriced:
    """Return the adjustments of charges that cost something else now; `standings` by their ids.

    A provider's own word on the cost, which came without prices, stands; and so does the share that
    an answer from the cache was charged.
    """
    found, unpriced = list[Adjustment](), 0
    for charge in charges:
        if charge.cost is not None and all(line.price is None for line in charge.lines):
            continue
        if CACHE_HIT in charge.qualifiers:
            continue
        fresh = _priced(charge, price)
        if fresh.cost is None:
            unpriced += 1
            continue
        standing = standings.get(charge.id)
        before = charge.cost if standing is None else standing.cost
        if fresh.cost != before:
            number = 1 if standing is None else standing.number + 1
            found.append(
                Adjustment(charge, number, fresh.attribution.price_version, before, fresh.cost)
            )
    return Repriced(found, unpriced)


def adjustment_posting(
    name: str, adjustments: Iterable[Adjustment], posted_at: int
) -> Posting | None:
    """Return the posting of what charges cost more, or less; None if nothing moves."""
    expenses, payables = Counter[int](), Counter[tuple[int, str]]()
    for each in adjustments:
        expenses[each.charge.virtual_key_id] += each.difference
        of = each.charge.attribution
        payables[of.provider_id, of.account_group] -= each.difference
    entries = (
        *(Entry(expense_account(key), amount) for key, amount in expenses.items() if amount),
        *(Entry(payable_account(*owed), amount) for owed, amount in payables.items() if amount),
    )
    return Posting(name, PostingKind.ADJUSTMENT, posted_at, entries) if entries else None


def adjusted_days(
    adjustments: Iterable[Adjustment], group_of: GroupOf = no_group
) -> dict[DayKey, DaySum]:
    """Add up what charges cost more, or less, by day: they were counted when they came."""
    priced, unpriced = list[PostedCharge](), list[PostedCharge]()
    for each in adjustments:
        only_cost = each.charge._replace(cost=each.difference, lines=())
        (unpriced if each.before is None else priced).append(only_cost)
    days = {key: DaySum(cost=of.cost) for key, of in days_of(priced, group_of).items()}
    for key, of in days_of(unpriced, group_of).items():
        before = days.get(key, DaySum())
        # They have a price from now on.
        days[key] = DaySum(before.cost + of.cost, unpriced_requests=-of.requests)
    return days


def _priced(charge: PostedCharge, price: Price) -> PostedCharge:
    """Return a charge with the prices of now, and with that of being asked where there is one."""
    bare = charge._replace(
        cost=None,
        attribution=charge.attribution._replace(price_version=""),
        lines=tuple(line._replace(price=None) for line in charge.lines if line.unit != REQUEST),
    )
    asked = price(bare._replace(lines=(*bare.lines, Line(REQUEST, 1, None))))
    return price(bare) if asked.cost is None else asked
