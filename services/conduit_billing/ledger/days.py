"""Charges added up by day, once for each way in which reports group them. Pure.

Each way has rows of its own, so that a day has as many as it has keys, aliases and so on together,
rather than as there are combinations of them.
"""

from collections.abc import Callable, Hashable, Iterable
from enum import IntEnum, unique
from typing import Any, NamedTuple

from conduit_billing.ledger.alike import LikeCharges, Sums, added, alike_of
from conduit_billing.ledger.charges import PostedCharge


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
    """Add charges up by day, as `days_of_alike` does."""
    return days_of_alike(alike_of(charges), group_of)


def days_of_alike(alike: LikeCharges, group_of: GroupOf = no_group) -> dict[DayKey, DaySum]:
    """Add charges up by day, in each dimension; `group_of` returns a virtual key's group, or 0.

    One with several tags counts for each of them; one without counts for the empty tag.
    """
    days = _Sums()
    by_key, by_caller, by_tags = _Sums(), _Sums(), _Sums()
    # In steps, as most that are alike have the same key and tags.
    for (day, of, virtual_key_id, tags), sums in alike.items():
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
        DayKey(_DIMENSIONS[dimension], day, name, number): DaySum(*sums)
        for (dimension, day, name, number), sums in days.items()
    }


_Sums = dict[Any, Sums]
_DAY, _PROVIDER, _KEY, _ACCOUNT_GROUP, _VIRTUAL_KEY, _MODEL, _TAG, _VIRTUAL_KEY_MODEL, _GROUP = (
    dimension.value for dimension in Dimension
)
# Faster than to call the enum.
_DIMENSIONS = {dimension.value: dimension for dimension in Dimension}


def _add(sums: _Sums, key: Hashable, more: Sums) -> None:
    there = sums.get(key)
    sums[key] = more if there is None else added(there, more)
