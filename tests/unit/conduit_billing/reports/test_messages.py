"""Sums made into reports."""

from conduit.v1.usage_report_json import provider_metrics_to_json
from conduit_billing.ledger.attempt_stats import HourSum
from conduit_billing.ledger.days import DayKey, DaySum, Dimension
from conduit_billing.reports.messages import GROUPINGS, cost_groups, metrics
from conduit_billing.reports.store import Performance

NAMES = {1: "Main", 2: "Other"}


def name_of(number: int) -> str:
    """Return what an instance is called."""
    return NAMES.get(number, f"Provider {number}")


def key(dimension: Dimension, name: str = "", number: int = 0) -> DayKey:
    """Return the key of a sum."""
    return DayKey(dimension, 0, name, number)


def cost(amount: int, requests: int = 1) -> DaySum:
    """Return a sum."""
    return DaySum(amount, requests, 0, 10, 20)


def test_groups_are_dearest_first_and_equal_ones_in_order_of_what_they_are() -> None:
    """So that a report reads the same each time."""
    which = Dimension.PROVIDER
    sums = [(key(which, number=n), cost(c)) for n, c in ((3, 5), (2, 7), (1, 5))]
    groups = cost_groups(which, sums, name_of)
    assert [(each.provider_id, each.provider_name) for each in groups] == [
        (2, "Other"),
        (1, "Main"),
        (3, "Provider 3"),
    ]
    for which, field in (
        (Dimension.MODEL, "model_alias"),
        (Dimension.KEY, "key_id"),
        (Dimension.TAG, "tag"),
    ):
        named = [(key(which, name), cost(5)) for name in ("b", "", "a")]
        groups = cost_groups(which, named, name_of)
        assert [getattr(each, field) for each in groups] == ["", "a", "b"]
        assert all(each.HasField(field) for each in groups)  # type: ignore[arg-type] # one of its own
    which = Dimension.GROUP
    groups = cost_groups(which, [(key(which, number=n), cost(5)) for n in (7, 0)], name_of)
    assert [each.virtual_key_group_id for each in groups] == [0, 7]
    which = Dimension.VIRTUAL_KEY
    groups = cost_groups(which, [(key(which, number=n), cost(5)) for n in (4, 0)], name_of)
    assert [each.virtual_key_id for each in groups] == [0, 4]


def test_keys_name_their_instances() -> None:
    """A key's id is told with whose it is."""
    sums = [(key(Dimension.KEY, "key_7", 2), cost(5))]
    (group,) = cost_groups(Dimension.KEY, sums, name_of)
    assert (group.key_id, group.provider_id, group.provider_name) == ("key_7", 2, "Other")


def test_days_are_in_order_of_time() -> None:
    """Whatever they cost."""
    which = Dimension.DAY
    sums = [(DayKey(which, 20_780), cost(1)), (DayKey(which, 20_779), cost(9))]
    groups = cost_groups(which, sums, name_of)
    assert [group.day for group in groups] == ["2026-11-22", "2026-11-23"]


def test_an_account_group_adds_its_instances_up() -> None:
    """Each instance is named with what it cost; a group without a name is one of its own."""
    which = Dimension.ACCOUNT_GROUP
    sums = [
        (key(which, "b", 2), cost(3, requests=2)),
        (key(which, "", 1), cost(1)),
        (key(which, "b", 1), DaySum(4, 1, 1, 100, 200)),
    ]
    first, second = cost_groups(which, sums, name_of)
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
    for dimension in GROUPINGS.values():
        assert cost_groups(dimension, [], name_of) == []


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
