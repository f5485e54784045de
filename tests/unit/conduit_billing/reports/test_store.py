"""The sums that reports are made of."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.billing import DAY, DOLLAR, NOW, charge

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit_billing.ledger.attempt_stats import HourSum, read_attempt_stats
from conduit_billing.ledger.charges import read_charge
from conduit_billing.ledger.days import DaySum
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.reports.messages import GROUPINGS
from conduit_billing.reports.store import Days, ReportStore
from conduit_kernel.errors import ServiceUnavailable

TODAY = NOW // DAY
MIDNIGHT = TODAY * DAY
ALL = Days(0, TODAY + 1)


@pytest.fixture
async def reports(engine: AsyncEngine) -> ReportStore:
    """Return the sums of a few charges and attempts of two days."""
    ledger = LedgerStore(engine)
    charges = [
        charge(at=MIDNIGHT - 1),
        charge(at=MIDNIGHT, provider_id=2),
        charge(at=MIDNIGHT, price=None, virtual_key_id=0),
        charge(at=MIDNIGHT + DAY - 1, provider_account_group="development"),
    ]
    tallies = [
        CallTally(
            id=str(seconds),
            started_at=Timestamp(seconds=seconds),
            provider_id=1,
            successes=1,
            failures=2,
            duration_buckets={5: 3},
            duration_ms_sum=30,
        )
        for seconds in (MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + DAY - 1, MIDNIGHT + DAY)
    ]
    await ledger.record(
        [read_charge(each, "charge") for each in charges],
        [read_attempt_stats(each, "tally") for each in tallies],
        NOW * 1_000_000,
    )
    return ReportStore(engine)


async def test_costs_are_grouped_by_what_is_asked_for(reports: ReportStore) -> None:
    """Each way adds up to the same."""
    for grouping, groups in (("provider", 2), ("virtual-key", 2), ("model", 1), ("day", 2)):
        found = await reports.costs(GROUPINGS[grouping], ALL)
        assert len(found) == groups
        assert sum(total.cost for _, total in found) == 3 * DOLLAR
        assert sum(total.requests for _, total in found) == 4
    found = await reports.costs(GROUPINGS["account-group"], ALL)
    assert {(key.name, key.number) for key, _ in found} == {
        ("production", 1),
        ("production", 2),
        ("development", 1),
    }


async def test_both_days_of_a_range_are_inside(reports: ReportStore) -> None:
    """And nothing before or behind."""
    for days, requests in (
        (Days(TODAY, TODAY), 3),
        (Days(TODAY - 1, TODAY), 4),
        (Days(TODAY - 1, TODAY - 1), 1),
        (Days(TODAY + 1, TODAY + 9), 0),
    ):
        found = await reports.costs(GROUPINGS["day"], days)
        assert sum(total.requests for _, total in found) == requests


async def test_performance_is_of_one_instance_and_whole_days(reports: ReportStore) -> None:
    """Hours in their order; what has none is zero."""
    found = await reports.performance(1, Days(TODAY, TODAY))
    assert found.hours == {
        TODAY * 24: HourSum(1, 2, 30),
        TODAY * 24 + 23: HourSum(1, 2, 30),
    }
    assert list(found.hours) == sorted(found.hours)
    assert found.buckets == {5: 6}
    assert found.total == DaySum(DOLLAR, 2, 1, 2_000_000, 0)
    nobody = await reports.performance(9, ALL)
    assert (nobody.hours, nobody.buckets, nobody.total) == ({}, {}, DaySum())


async def test_names_are_kept_and_replaced(reports: ReportStore) -> None:
    """Those that are not named stay."""
    await reports.remember_names({})
    await reports.remember_names({1: "Main", 2: "Other"})
    await reports.remember_names({1: "Renamed"})
    assert await reports.provider_names() == {1: "Renamed", 2: "Other"}


async def test_a_database_that_fails_is_the_services_trouble(
    reports: ReportStore, engine: AsyncEngine
) -> None:
    """Whatever is asked of it."""
    async with engine.begin() as connection:
        for table in ("day_totals", "hours", "providers"):
            await connection.exec_driver_sql(f"DROP TABLE billing_{table}")
    for attempt in (
        reports.costs(GROUPINGS["day"], ALL),
        reports.performance(1, ALL),
        reports.provider_names(),
        reports.remember_names({1: "Main"}),
    ):
        with pytest.raises(ServiceUnavailable):
            await attempt
