"""Which charges are asked for, as values and as clauses of a query."""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, LargeBinary, Select, func, literal, or_, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, aliased

from conduit_billing.ledger.charge_columns import ChargeColumns
from conduit_billing.ledger.charges import Attribution
from conduit_billing.ledger.days import Dimension
from conduit_billing.packed_id import PackedId
from conduit_billing.tables import AttributionRow, ChargeRow, DayRow
from conduit_billing.timestamps import HOUR_MICROS
from conduit_kernel.ids import first_id_of, pack_id

# Ids tell when charges were made, by the clock that says a moment later when that was: the hour
# before and after are read with a range of them, so that a report of a day reads no other.
_SLACK_MICROS = HOUR_MICROS
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

    @property
    def is_seldom(self) -> bool:
        """Return whether few charges are asked for, which have an index of their own."""
        return bool(self.request_id) or self.is_unpriced or self.cost_differs


ALL_CHARGES = ChargeFilter()


_OWN: tuple[InstrumentedAttribute[Any], ...] = tuple(
    getattr(ChargeRow, name) for name in ChargeColumns._fields
)
_COMMON: tuple[InstrumentedAttribute[Any], ...] = tuple(
    getattr(AttributionRow, name) for name in Attribution._fields
)


def select_charges(
    of: ChargeFilter, *, limit: int, before: str = "", by_attribution: bool = False
) -> Select[Any]:
    """Return the query for charges, newest first, older than `before`.

    Its columns are those of `ChargeColumns`, as they are stored, and then those of `Attribution`.
    Charges of a virtual key are found by their attributions if it is said so: if fewer have those.
    """
    selected: list[Any] = [*(_stored(column) for column in _OWN), *_COMMON]
    row, common = ChargeRow, list(_common_clauses(of))
    has_index = of.is_seldom or (of.virtual_key_id and not by_attribution)
    is_by_attribution = bool(common) and not has_index
    # A sum has no index: SQLite would else go through all charges, and look up each one's.
    number = AttributionRow.id + 0 if is_by_attribution else AttributionRow.id
    query = select(*selected).join(AttributionRow, number == row.attribution_id)
    query = query.where(*_own_clauses(of, row, before, by_attribution=is_by_attribution), *common)
    if is_by_attribution:
        # The only least id: with another one SQLite would read all charges between them.
        query = query.where(row.id >= _oldest_needed(of, limit, before))
    elif of.since:
        query = query.where(row.id >= _first_id_of(of))
    # Its columns are as many as there are, which types cannot say.
    return cast("Select[Any]", query.order_by(row.id.desc()).limit(limit))


def select_rarer(of: ChargeFilter) -> Select[Any] | None:
    """Return the query for whether fewer charges have the attributions that are asked for.

    Fewer than the virtual key that is asked for as well; None unless both are.
    """
    counts = [
        _requests(dimension, name, number)
        for dimension, name, number in (
            (Dimension.PROVIDER, None, of.provider_id),
            (Dimension.KEY, of.key_id, None),
            (Dimension.ACCOUNT_GROUP, of.account_group, None),
            (Dimension.MODEL, of.model_alias, None),
        )
        if name or number
    ]
    if not (of.virtual_key_id and counts):
        return None
    own = _requests(Dimension.VIRTUAL_KEY_MODEL, None, of.virtual_key_id)
    return select(or_(*(count < own for count in counts)))


def _requests(dimension: Dimension, name: str | None, number: int | None) -> ColumnElement[int]:
    row = DayRow
    # Written into the statement: one of the indexes is of one dimension alone.
    query = select(func.coalesce(func.sum(row.requests), 0)).where(
        row.dimension == literal(dimension.value, literal_execute=True)
    )
    if name is not None:
        query = query.where(row.name == name)
    if number is not None:
        query = query.where(row.number == number)
    return query.scalar_subquery()


def _oldest_needed(of: ChargeFilter, limit: int, before: str) -> ColumnElement[Any]:
    """Return the oldest charge of an attribution of which a page may have need.

    Each attribution's newest are found by its index, however many there are of others.
    """
    row = aliased(ChargeRow)
    oldest = (
        select(row.id)
        .where(
            row.attribution_id == AttributionRow.id,
            row.id >= _first_id_of(of),
            *_own_clauses(of, row, before, by_attribution=True),
        )
        .order_by(row.id.desc())
        .offset(limit - 1)
        .limit(1)
        .correlate(AttributionRow)
        .scalar_subquery()
    )
    first = literal(pack_id(_first_id_of(of)), LargeBinary)
    return func.coalesce(type_coerce(oldest, LargeBinary), first)


def _first_id_of(of: ChargeFilter) -> str:
    """Return the least id that a charge may have which is asked for."""
    return first_id_of((of.since - _SLACK_MICROS) // 1000)


def _own_clauses(
    of: ChargeFilter, row: type[ChargeRow], before: str, *, by_attribution: bool
) -> Iterator[ColumnElement[bool]]:
    """Yield what must hold of a charge's own columns."""
    if of.request_id:
        yield row.request_id == of.request_id
    if of.virtual_key_id:
        # A sum has no index, and the attributions' is to be used.
        number = row.virtual_key_id + 0 if by_attribution else row.virtual_key_id
        yield number == of.virtual_key_id
    if of.since:
        yield row.occurred_at >= of.since
    if of.until:
        yield row.occurred_at < of.until
        yield row.id < first_id_of((of.until + _SLACK_MICROS) // 1000)
    if of.is_unpriced:
        yield row.cost.is_(None)
    if of.cost_differs:
        yield row.provider_cost.is_not(None)
        difference = func.abs(row.cost - row.provider_cost)
        yield or_(row.cost.is_(None), difference > LEAST_DIFFERENCE_NANO)
    if before:
        yield row.id < before


def _common_clauses(of: ChargeFilter) -> Iterator[ColumnElement[bool]]:
    row = AttributionRow
    for column, value in (
        (row.provider_id, of.provider_id),
        (row.key_id, of.key_id),
        (row.account_group, of.account_group),
        (row.model_alias, of.model_alias),
    ):
        if value:
            yield column == value


def _stored(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    is_id = isinstance(column.type, PackedId)
    return type_coerce(column, LargeBinary) if is_id else column.expression
