"""Charges added up by day, once for each way in which reports group them. Pure.

Each way has rows of its own, so that a day has as many as it has keys, aliases and so on together,
rather than as there are combinations of them.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum, unique
from typing import NamedTuple

from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.timestamps import DAY_MICROS
from conduit_providers.quantities import INPUT_LEAVES, OUTPUT_LEAVES


@unique
class Dimension(IntEnum):
    """The ways in which charges are added up. Numbers are stored."""

    DAY = 1
    PROVIDER = 2
    KEY = 3
    ACCOUNT_GROUP = 4
    VIRTUAL_KEY = 5
    MODEL = 6
    TAG = 7
    # What holders of virtual keys ask for: their own, by model.
    VIRTUAL_KEY_MODEL = 8
    # Groups of virtual keys.
    GROUP = 9


class DayKey(NamedTuple):
    """The key of a day's sum in one dimension.

    `name` is a key's id, an account group, an alias or a tag, and `number` an instance, a virtual
    key or a group of those; what a dimension has not is empty, or 0.
    """

    dimension: Dimension
    day: int
    name: str = ""
    number: int = 0


class DaySum(NamedTuple):
    """Charges added up; `cost` leaves those out whose price is unknown."""

    cost: int = 0
    requests: int = 0
    unpriced_requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


GroupOf = Callable[[int], int]


def no_group(_: int) -> int:
    """Return 0: without a Registry there are no groups."""
    return 0


def days_of(charges: Iterable[PostedCharge], group_of: GroupOf = no_group) -> dict[DayKey, DaySum]:
    """Add charges up by day, in each dimension; `group_of` returns a virtual key's group, or 0.

    One with several tags counts for each of them; one without counts for the empty tag.
    """
    days: dict[DayKey, list[int]] = {}
    for charge in charges:
        read = sum([quantity for unit, quantity, _ in charge.lines if unit in INPUT_LEAVES])
        written = sum([quantity for unit, quantity, _ in charge.lines if unit in OUTPUT_LEAVES])
        added = (charge.cost or 0, 1, charge.cost is None, read, written)
        for key in _keys_of(charge, group_of):
            sums = days.get(key)
            if sums is None:
                days[key] = list(added)
            else:
                for at, more in enumerate(added):
                    sums[at] += more
    return {key: DaySum(*map(int, sums)) for key, sums in days.items()}


def _keys_of(charge: PostedCharge, group_of: GroupOf) -> Iterator[DayKey]:
    day = charge.occurred_at // DAY_MICROS
    yield DayKey(Dimension.DAY, day)
    yield DayKey(Dimension.PROVIDER, day, "", charge.provider_id)
    yield DayKey(Dimension.KEY, day, charge.key_id, charge.provider_id)
    yield DayKey(Dimension.ACCOUNT_GROUP, day, charge.account_group, charge.provider_id)
    yield DayKey(Dimension.VIRTUAL_KEY, day, "", charge.virtual_key_id)
    yield DayKey(Dimension.MODEL, day, charge.model_alias)
    yield DayKey(Dimension.GROUP, day, "", group_of(charge.virtual_key_id))
    yield DayKey(Dimension.VIRTUAL_KEY_MODEL, day, charge.model_alias, charge.virtual_key_id)
    for tag in charge.tags or ("",):
        yield DayKey(Dimension.TAG, day, tag)
