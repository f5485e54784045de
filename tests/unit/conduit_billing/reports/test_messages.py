"""Sums made into reports."""

from conduit.v1.usage_report_json import provider_metrics_to_json
from conduit_billing.ledger.attempt_stats import HourSum
from conduit_billing.ledger.days import DaySum
from conduit_billing.reports.messages import GROUPINGS, cost_groups, metrics
from conduit_billing.reports.store import Performance

NAMES = {1: "Main", 2: "Other"}


def name_of(number: int) -> str:
    """Return what an instance is called."""
    return NAMES.get(number, f"Provider {number}")


def cost(amount: int, requests: int = 1) -> DaySum:
    """Return a sum."""
    return DaySum(amount, requests, 0, 10, 20)


def test_groups_are_dearest_first_and_equal_ones_in_order_of_what_they_are() -> None:
    """So that a report reads the same each time."""
    sums = [((3,), cost(5)), ((2,), cost(7)), ((1,), cost(5))]
    groups = cost_groups("provider", sums, name_of)
    assert [(each.provider_id, each.provider_name) for each in groups] == [
        (2, "Other"),
        (1, "Main"),
        (3, "Provider 3"),
    ]
    models = cost_groups("model", [(("b",), cost(5)), (("a",), cost(5))], name_of)
    assert [each.model_alias for each in models] == ["a", "b"]
    keys = cost_groups("virtual-key", [((4,), cost(5)), ((0,), cost(5))], name_of)
    assert [each.virtual_key_id for each in keys] == [0, 4]


def test_days_are_in_order_of_time() -> None:
    """Whatever they cost."""
    groups = cost_groups("day", [((20_780,), cost(1)), ((20_779,), cost(9))], name_of)
    assert [group.day for group in groups] == ["2026-11-22", "2026-11-23"]


def test_an_account_group_adds_its_instances_up() -> None:
    """Each instance is named with what it cost; a group without a name is one of its own."""
    sums = [
        (("b", 2), cost(3, requests=2)),
        (("", 1), cost(1)),
        (("b", 1), DaySum(4, 1, 1, 100, 200)),
    ]
    first, second = cost_groups("account-group", sums, name_of)
    assert (first.provider_account_group, first.total_cost_nano_usd) == ("b", 7)
    assert (first.requests, first.unpriced_requests) == (3, 1)
    assert (first.input_tokens, first.output_tokens) == (110, 220)
    assert [(each.provider_name, each.cost_nano_usd) for each in first.providers] == [
        ("Main", 4),
        ("Other", 3),
    ]
    assert (second.provider_account_group, len(second.providers)) == ("", 1)


def test_of_nothing_there_is_no_group() -> None:
    """Whichever way it is grouped."""
    for grouping in GROUPINGS:
        assert cost_groups(grouping, [], name_of) == []


def test_performance_is_that_of_all_hours() -> None:
    """Times are those of attempts, whatever came of them."""
    performance = Performance(
        {10: HourSum(3, 1, 500), 12: HourSum(1, 0, 100)}, {0: 4, 30: 1}, DaySum(9, 5, 0, 100, 50)
    )
    found = metrics(performance)
    assert (found.total_requests, found.successful_requests, found.failed_requests) == (5, 4, 1)
    assert found.average_response_time == 120
    assert found.median_response_time == 10.5
    assert 170 < found.p95_response_time < 190
    assert (found.total_tokens_processed, found.total_cost_nano_usd) == (150, 9)
    assert [(each.hour.seconds // 3600, each.count) for each in found.requests_per_hour] == [
        (10, 4),
        (12, 1),
    ]


def test_without_attempts_there_are_no_times() -> None:
    """They are unknown, which is not zero."""
    found = metrics(Performance({}, {}, DaySum()))
    assert found.total_requests == 0
    written = provider_metrics_to_json(found)
    times = ("averageResponseTime", "medianResponseTime", "p95ResponseTime")
    assert [written[name] for name in times] == [None, None, None]
