"""Charges added up that count in the same sums, as most of a delivery are like others. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conduit_billing.ledger.charges import Attribution, PostedCharge
from conduit_billing.timestamps import DAY_MICROS
from conduit_providers.quantities import INPUT_LEAVES, OUTPUT_LEAVES

# What they cost, how many there are, and how many without a price; tokens read, and written.
Sums = tuple[int, int, int, int, int]
# Named tuples' own takes several times as long.
_new = tuple.__new__


class Alike(NamedTuple):
    """The part that charges count by."""

    day: int
    attribution: Attribution
    virtual_key_id: int
    tags: tuple[str, ...]


LikeCharges = Mapping[Alike, Sums]


def alike_of(charges: Iterable[PostedCharge]) -> dict[Alike, Sums]:
    """Add up charges that are alike."""
    alike: dict[Alike, Sums] = {}
    for charge in charges:
        read = written = 0
        for unit, quantity, _ in charge.lines:
            if unit in INPUT_LEAVES:
                read += quantity
            elif unit in OUTPUT_LEAVES:
                written += quantity
        day = charge.occurred_at // DAY_MICROS
        like = _new(Alike, (day, charge.attribution, charge.virtual_key_id, charge.tags))
        cost = charge.cost
        more = (cost or 0, 1, 1 if cost is None else 0, read, written)
        there = alike.get(like)
        alike[like] = more if there is None else added(there, more)
    return alike


def added(some: Sums, more: Sums) -> Sums:
    """Return the sums of both."""
    a, b, c, d, e = some
    f, g, h, i, j = more
    return (a + f, b + g, c + h, d + i, e + j)
