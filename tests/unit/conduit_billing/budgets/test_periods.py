"""The periods of budgets by the calendars of their time zones."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from conduit.v1 import budget_pb2 as pb
from conduit_billing.budgets.periods import ALWAYS, rolling_span_at, span_at
from conduit_billing.timestamps import datetime_of, micros_at

DAY, WEEK, MONTH = pb.BUDGET_PERIOD_DAY, pb.BUDGET_PERIOD_WEEK, pb.BUDGET_PERIOD_MONTH
BERLIN = ZoneInfo("Europe/Berlin")


def span_of(period: pb.BudgetPeriod.ValueType, zone: ZoneInfo, text: str) -> tuple[str, str]:
    """Return when a period begins and ends that a moment is in, in the zone's own time."""
    span = span_at(period, zone, micros_at(datetime.fromisoformat(text)))
    assert span.ends_at is not None
    first, last = datetime_of(span.starts_at), datetime_of(span.ends_at)
    return first.astimezone(zone).isoformat(), last.astimezone(zone).isoformat()


def test_a_day_begins_at_the_zones_midnight() -> None:
    """An hour before midnight in London is the next day in Berlin."""
    assert span_of(DAY, BERLIN, "2026-11-23T23:30:00+00:00") == (
        "2026-11-24T00:00:00+01:00",
        "2026-11-25T00:00:00+01:00",
    )


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_the_days_on_which_clocks_change_have_other_lengths(day: str, hours: int) -> None:
    """So has the budget of that day."""
    span = span_at(DAY, BERLIN, micros_at(datetime.fromisoformat(f"{day}T12:00:00+00:00")))
    assert span.ends_at is not None
    assert datetime_of(span.ends_at) - datetime_of(span.starts_at) == timedelta(hours=hours)


def test_a_week_begins_on_monday() -> None:
    """Also in the last week of a year."""
    assert span_of(WEEK, BERLIN, "2027-01-01T00:00:00+01:00") == (
        "2026-12-28T00:00:00+01:00",
        "2027-01-04T00:00:00+01:00",
    )


@pytest.mark.parametrize(
    ("at", "first", "last"),
    [
        ("2026-12-31T23:59:59+01:00", "2026-12-01", "2027-01-01"),
        ("2028-02-29T12:00:00+01:00", "2028-02-01", "2028-03-01"),
        ("2026-01-31T12:00:00+01:00", "2026-01-01", "2026-02-01"),
    ],
)
def test_a_month_is_the_calendars(at: str, first: str, last: str) -> None:
    """Whatever its length, and whatever day a budget was made on."""
    begins, ends = span_of(MONTH, BERLIN, at)
    assert (begins[:10], ends[:10]) == (first, last)


def test_a_day_whose_midnight_is_left_out_begins_when_clocks_are_put_forward() -> None:
    """Beirut has no midnight on the last Sunday of March."""
    beirut = ZoneInfo("Asia/Beirut")
    begins, _ = span_of(DAY, beirut, "2026-03-29T12:00:00+00:00")
    assert begins == "2026-03-29T01:00:00+03:00"


def test_all_of_time_is_one_period() -> None:
    """It has no end."""
    assert span_at(pb.BUDGET_PERIOD_TOTAL, BERLIN, 5) == ALWAYS


def test_every_moment_is_in_the_period_that_it_is_given() -> None:
    """And the next period begins where that ends: nothing is counted twice, nothing never."""
    chance = random.Random(5)  # noqa: S311 # the same each time
    zones = [
        ZoneInfo(name)
        for name in (
            "UTC",
            "Europe/Berlin",
            "Asia/Beirut",
            "America/Santiago",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "Africa/Cairo",
        )
    ]
    epoch = micros_at(datetime(2020, 1, 1, tzinfo=UTC))
    for _ in range(3000):
        zone, period = chance.choice(zones), chance.choice([DAY, WEEK, MONTH])
        at = epoch + chance.randrange(10 * 365 * 86_400) * 1_000_000
        span = span_at(period, zone, at)
        assert span.ends_at is not None
        assert span.starts_at <= at < span.ends_at
        assert span_at(period, zone, span.starts_at) == span
        assert span_at(period, zone, span.ends_at - 1) == span
        assert span_at(period, zone, span.ends_at).starts_at == span.ends_at


@pytest.mark.parametrize(("hours", "minutes"), [(1, 5), (2, 5), (5, 12.5), (24, 60), (720, 1_800)])
def test_the_last_hours_are_of_parts(hours: int, minutes: float) -> None:
    """Twenty-four of them, or fewer where these would be shorter than five minutes."""
    at = micros_at(datetime.fromisoformat("2026-11-23T12:34:56+00:00"))
    begins, ends = rolling_span_at(hours, at)
    assert ends is not None
    assert begins <= at < ends
    assert ends - begins == minutes * 60_000_000
    assert rolling_span_at(hours, ends) == (ends, ends + (ends - begins))
