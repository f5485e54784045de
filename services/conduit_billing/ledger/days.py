"""Charges added up by day, once for each way in which reports group them. Pure.

Each way has rows of its own, so that a day has as many as it has keys, aliases and so on together,
rather than as there are combinations of them.
"""

from collections.abc import Callable, Iterable
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
    days: dict[_Key, list[int]] = {}
    for like, added in _alike(charges).items():
        for key in _keys_of(like, group_of):
            sums = days.get(key)
            if sums is None:
                days[key] = list(added)
            else:
                for at, more in enumerate(added):
                    sums[at] += more
    return {
        DayKey(Dimension(dimension), day, name, number): DaySum(*sums)
        for (dimension, day, name, number), sums in days.items()
    }


# The day, the instance, its key and account group, the virtual key, the alias, and the tags.
_Like = tuple[int, int, str, str, int, str, tuple[str, ...]]


# As `DayKey`, in a tenth of the time.
_Key = tuple[int, int, str, int]
_DAY, _PROVIDER, _KEY, _ACCOUNT_GROUP, _VIRTUAL_KEY, _MODEL, _TAG, _VIRTUAL_KEY_MODEL, _GROUP = (
    dimension.value for dimension in Dimension
)


def _alike(charges: Iterable[PostedCharge]) -> dict[_Like, list[int]]:
    """Add up charges that count in the same sums: most of a delivery are like others."""
    alike: dict[_Like, list[int]] = {}
    for charge in charges:
        like = (
            charge.occurred_at // DAY_MICROS,
            charge.provider_id,
            charge.key_id,
            charge.account_group,
            charge.virtual_key_id,
            charge.model_alias,
            charge.tags,
        )
        sums = alike.get(like)
        if sums is None:
            sums = alike[like] = [0, 0, 0, 0, 0]
        if charge.cost is None:
            sums[2] += 1
        else:
            sums[0] += charge.cost
        sums[1] += 1
        for unit, quantity, _ in charge.lines:
            if unit in INPUT_LEAVES:
                sums[3] += quantity
            elif unit in OUTPUT_LEAVES:
                sums[4] += quantity
    return alike


def _keys_of(like: _Like, group_of: GroupOf) -> list[_Key]:
    day, provider_id, key_id, account_group, virtual_key_id, model_alias, tags = like
    keys = [
        (_DAY, day, "", 0),
        (_PROVIDER, day, "", provider_id),
        (_KEY, day, key_id, provider_id),
        (_ACCOUNT_GROUP, day, account_group, provider_id),
        (_VIRTUAL_KEY, day, "", virtual_key_id),
        (_MODEL, day, model_alias, 0),
        (_GROUP, day, "", group_of(virtual_key_id)),
        (_VIRTUAL_KEY_MODEL, day, model_alias, virtual_key_id),
    ]
    keys += [(_TAG, day, tag, 0) for tag in tags or ("",)]
    return keys
