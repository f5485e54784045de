"""What happened between two scrapes is told, whatever was started again meanwhile."""

import pytest

from conduit_cli.live.samples import Interval, quantile, read

BEFORE = """
# TYPE conduit_calls counter
conduit_calls_total{alias="a",outcome="OK"} 10
conduit_calls_total{alias="b",outcome="OK"} 100
# TYPE conduit_attempt_seconds histogram
conduit_attempt_seconds_bucket{provider="P",le="0.1"} 5
conduit_attempt_seconds_bucket{provider="P",le="1.0"} 5
conduit_attempt_seconds_bucket{provider="P",le="+Inf"} 5
"""
AFTER = """
# TYPE conduit_calls counter
conduit_calls_total{alias="a",outcome="OK"} 30
conduit_calls_total{alias="b",outcome="OK"} 4
conduit_calls_total{alias="c",outcome="OK"} 6
# TYPE conduit_attempt_seconds histogram
conduit_attempt_seconds_bucket{provider="P",le="0.1"} 5
conduit_attempt_seconds_bucket{provider="P",le="1.0"} 15
conduit_attempt_seconds_bucket{provider="P",le="+Inf"} 15
conduit_attempt_seconds_bucket{provider="Q",le="0.1"} 10
conduit_attempt_seconds_bucket{provider="Q",le="1.0"} 10
conduit_attempt_seconds_bucket{provider="Q",le="+Inf"} 10
# TYPE conduit_under_way gauge
conduit_under_way{route="/x"} 3
conduit_under_way{route="/y"} 4
"""


def change(seconds: float = 2.0) -> Interval:
    """Return what happened."""
    return Interval(read(BEFORE, 0.0), read(AFTER, seconds))


def test_counters_are_told_by_the_second() -> None:
    """One that begins anew has counted what it says; one that is new, too."""
    rates = change().rates("conduit_calls_total", "alias")
    assert rates == {("a",): 10.0, ("b",): 2.0, ("c",): 3.0}
    assert change().rates("conduit_calls_total") == {(): 15.0}
    assert change().rates("nothing", "alias") == {}


def test_gauges_are_told_as_they_are() -> None:
    """All that have the same labels together."""
    assert change().now("conduit_under_way") == {(): 7.0}


def test_quantiles_are_of_what_happened_between() -> None:
    """Of all, or of those with a label."""
    assert change().quantile("conduit_attempt_seconds", 0.5, provider="P") == pytest.approx(0.55)
    assert change().quantile("conduit_attempt_seconds", 0.5, provider="Q") == pytest.approx(0.05)
    assert change().quantile("conduit_attempt_seconds", 0.5) == pytest.approx(0.1)
    assert change().quantile("conduit_attempt_seconds", 0.5, provider="R") is None


def test_what_is_beyond_all_bounds_is_at_least_the_last_one() -> None:
    """Nobody knows more of it."""
    assert quantile([(0.1, 0.0), (1.0, 1.0), (float("inf"), 10.0)], 0.9) == 1.0
    assert quantile([], 0.5) is None
    assert quantile([(0.1, 0.0), (float("inf"), 0.0)], 0.5) is None


def test_two_scrapes_of_one_moment_divide_by_nothing() -> None:
    """A clock may stand still."""
    assert change(0.0).rates("nothing") == {}


def test_what_is_no_scrape_is_refused() -> None:
    """Such as a page of a proxy."""
    with pytest.raises(ValueError, match=r".*"):
        read("<html>hello</html>", 0.0)
