"""Which charges are asked for, as values and as clauses of a query."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, or_

from conduit_billing.tables import ChargeRow
from conduit_billing.timestamps import DAY_MICROS
from conduit_kernel.ids import first_id_of

# Ids tell when charges were made, by the clock that also says when their calls were: the day before
# and after are read with a range of them, so that a report of a day reads no other.
_SLACK_MICROS = DAY_MICROS
# Providers round otherwise.
LEAST_DIFFERENCE_NANO = 1_000


class ChargeFilter(NamedTuple):
    """The members that charges have in common; empty or 0 for whatever they are."""

    request_id: str = ""
    virtual_key_id: int = 0
    provider_id: int = 0
    key_id: str = ""
    account_group: str = ""
    model_alias: str = ""
    # Microseconds since 1970: from the first, and before the second.
    since: int = 0
    until: int = 0
    # Whether those alone whose price is unknown.
    is_unpriced: bool = False
    # Whether those alone of which the provider says another cost.
    cost_differs: bool = False


ALL_CHARGES = ChargeFilter()


def clauses(of: ChargeFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what must hold of a charge's row."""
    row = ChargeRow
    for column, value in (
        (row.request_id, of.request_id),
        (row.virtual_key_id, of.virtual_key_id),
        (row.provider_id, of.provider_id),
        (row.key_id, of.key_id),
        (row.account_group, of.account_group),
        (row.model_alias, of.model_alias),
    ):
        if value:
            yield column == value
    if of.since:
        yield row.occurred_at >= of.since
        yield row.id >= first_id_of((of.since - _SLACK_MICROS) // 1000)
    if of.until:
        yield row.occurred_at < of.until
        yield row.id < first_id_of((of.until + _SLACK_MICROS) // 1000)
    if of.is_unpriced:
        yield row.cost.is_(None)
    if of.cost_differs:
        yield row.provider_cost.is_not(None)
        difference = func.abs(row.cost - row.provider_cost)
        yield or_(row.cost.is_(None), difference > LEAST_DIFFERENCE_NANO)
