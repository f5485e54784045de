"""When the periods of budgets begin and end, by the calendar of a time zone. Pure."""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from conduit.v1.budget_pb2 import (
    BUDGET_PERIOD_DAY,
    BUDGET_PERIOD_MONTH,
    BUDGET_PERIOD_WEEK,
    BudgetPeriod,
)
from conduit_billing.timestamps import EPOCH, MICRO, datetime_of, micros_at

HOUR_MICROS = 3_600 * MICRO
# Of how many parts a period over the last hours is, and how short each may be.
PARTS = 24
LEAST_PART = 300 * MICRO


class Span(NamedTuple):
    """A period, in microseconds since 1970, from its beginning to before its end."""

    starts_at: int
    # None for what never ends.
    ends_at: int | None


ALWAYS = Span(micros_at(EPOCH), None)


def span_at(period: BudgetPeriod.ValueType, zone: ZoneInfo, at: int) -> Span:
    """Return the period that a moment is in."""
    day = datetime_of(at).astimezone(zone).date()
    match period:
        case _ if period == BUDGET_PERIOD_DAY:
            first, next_first = day, day + timedelta(days=1)
        case _ if period == BUDGET_PERIOD_WEEK:
            first = day - timedelta(days=day.weekday())
            next_first = first + timedelta(days=7)
        case _ if period == BUDGET_PERIOD_MONTH:
            first = day.replace(day=1)
            next_first = (first + timedelta(days=31)).replace(day=1)
        case _:
            return ALWAYS
    return Span(_midnight(first, zone), _midnight(next_first, zone))


def rolling_span_at(hours: int, at: int) -> Span:
    """Return the part of a rolling period that a moment is in: a twenty-fourth, or five minutes.

    Its end is not the period's: until then what is spent counts as spent at once.
    """
    part = max(LEAST_PART, hours * HOUR_MICROS // PARTS)
    starts_at = at // part * part
    return Span(starts_at, starts_at + part)


def _midnight(day: date, zone: ZoneInfo) -> int:
    # Where clocks are put forward at midnight, it is the moment at which that happens.
    return micros_at(datetime(day.year, day.month, day.day, tzinfo=zone))
