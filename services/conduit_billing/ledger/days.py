"""Charges added up by day: what reports of costs read. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from conduit_billing.ledger.charges import PostedCharge
from conduit_billing.timestamps import DAY_MICROS
from conduit_providers.quantities import INPUT_LEAVES, OUTPUT_LEAVES


class DayKey(NamedTuple):
    """The key of a day's sum."""

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


def days_of(charges: Iterable[PostedCharge]) -> dict[DayKey, DaySum]:
    """Add charges up by day, instance, account group, virtual key and alias."""
    days: dict[tuple[int, int, str, int, str], list[int]] = {}
    for charge in charges:
        key = (
            charge.occurred_at // DAY_MICROS,
            charge.provider_id,
            charge.account_group,
            charge.virtual_key_id,
            charge.model_alias,
        )
        sums = days.get(key)
        if sums is None:
            sums = days[key] = [0, 0, 0, 0, 0]
        sums[1] += 1
        if charge.cost is None:
            sums[2] += 1
        else:
            sums[0] += charge.cost
        for unit, quantity, _ in charge.lines:
            if unit in INPUT_LEAVES:
                sums[3] += quantity
            elif unit in OUTPUT_LEAVES:
                sums[4] += quantity
    return {DayKey(*key): DaySum(*sums) for key, sums in days.items()}
