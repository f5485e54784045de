"""Charges added up by day, once for each way in which reports group them. Pure.

Each way has rows of its own, so that a day has as many as it has keys, aliases and so on together,
rather than as there are combinations of them.
"""

from collections.abc import Callable, Hashable, Iterable
from enum import IntEnum, unique
from typing import Any, NamedTuple

from conduit_billing.ledger.charges import Attribution, PostedCharge
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
    days = _Sums()
    by_key, by_caller, by_tags = _Sums(), _Sums(), _Sums()
    # In steps: most of a delivery are like others, and most of those have the same key and tags.
    for (day, of, virtual_key_id, tags), sums in _alike(charges).items():
        _add(by_key, (day, of.provider_id, of.key_id, of.account_group), sums)
        _add(by_caller, (day, virtual_key_id, of.model_alias), sums)
        _add(by_tags, (day, tags), sums)
    for (day, provider_id, key_id, account_group), sums in by_key.items():
        _add(days, (_PROVIDER, day, "", provider_id), sums)
        _add(days, (_KEY, day, key_id, provider_id), sums)
        _add(days, (_ACCOUNT_GROUP, day, account_group, provider_id), sums)
    for (day, virtual_key_id, model_alias), sums in by_caller.items():
        _add(days, (_VIRTUAL_KEY, day, "", virtual_key_id), sums)
        _add(days, (_MODEL, day, model_alias, 0), sums)
        _add(days, (_GROUP, day, "", group_of(virtual_key_id)), sums)
        _add(days, (_VIRTUAL_KEY_MODEL, day, model_alias, virtual_key_id), sums)
    for (day, tags), sums in by_tags.items():
        _add(days, (_DAY, day, "", 0), sums)
        for tag in tags or ("",):
            _add(days, (_TAG, day, tag, 0), sums)
    return {
        DayKey(Dimension(dimension), day, name, number): DaySum(*sums)
        for (dimension, day, name, number), sums in days.items()
    }


# As `DaySum` has them.
_Sum = tuple[int, int, int, int, int]
_Sums = dict[Any, _Sum]
# The day, what charges have in common, the virtual key, and the tags.
_Like = tuple[int, Attribution, int, tuple[str, ...]]
_DAY, _PROVIDER, _KEY, _ACCOUNT_GROUP, _VIRTUAL_KEY, _MODEL, _TAG, _VIRTUAL_KEY_MODEL, _GROUP = (
    dimension.value for dimension in Dimension
)


def _alike(charges: Iterable[PostedCharge]) -> dict[_Like, _Sum]:
    """Add up charges that count in the same sums."""
    alike: dict[_Like, _Sum] = {}
    for charge in charges:
        read = written = 0
        for unit, quantity, _ in charge.lines:
            if unit in INPUT_LEAVES:
                read += quantity
            elif unit in OUTPUT_LEAVES:
                written += quantity
        like = (
            charge.occurred_at // DAY_MICROS,
            charge.attribution,
            charge.virtual_key_id,
            charge.tags,
        )
        cost = charge.cost
        _add(alike, like, (cost or 0, 1, 1 if cost is None else 0, read, written))
    return alike


def _add(sums: _Sums, key: Hashable, more: _Sum) -> None:
    there = sums.get(key)
    if there is None:
        sums[key] = more
    else:
        a, b, c, d, e = there
        f, g, h, i, j = more
        sums[key] = (a + f, b + g, c + h, d + i, e + j)
