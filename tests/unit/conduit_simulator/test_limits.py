"""Rate limits by a clock of the test's."""

import pytest
from tests.support.clock import Clock

from conduit_simulator.limits import MAX_BUCKETS, TOKENS_PER_MINUTE, Bucket, RateLimits


def test_an_allowance_flows_back_evenly() -> None:
    """60 a minute are one a second; a refused amount takes nothing."""
    bucket = Bucket(60, 60, 0.0)
    assert bucket.spend(60, 0.0)
    assert not bucket.spend(1, 0.5)
    assert bucket.seconds_until(1) == 0.5
    assert bucket.spend(1, 1.0)
    assert bucket.left == 0.0


def test_no_more_flows_back_than_the_limit() -> None:
    """An idle hour saves nothing up."""
    bucket = Bucket(5, 5, 0.0)
    assert bucket.spend(0, 3600.0)
    assert bucket.left == 5


def test_each_key_has_its_own_requests() -> None:
    """What is over says when there is room again."""
    clock = Clock()
    limits = RateLimits(clock)
    assert [limits.count_request("a", 2) for _ in range(3)] == [None, None, 30.0]
    assert limits.count_request("b", 2) is None
    clock.now = 30.0
    assert limits.count_request("a", 2) is None


def test_tokens_are_counted_and_never_refused() -> None:
    """Headers show what is left of both."""
    limits = RateLimits(Clock())
    limits.count_request("a", 60)
    limits.count_tokens("a", 1000)
    limits.count_tokens("a", 2 * TOKENS_PER_MINUTE)
    told = dict(limits.headers("a", 60))
    assert told[b"x-ratelimit-limit-requests"] == b"60"
    assert told[b"x-ratelimit-remaining-requests"] == b"59"
    assert told[b"x-ratelimit-reset-requests"] == b"1s"
    assert told[b"x-ratelimit-remaining-tokens"] == b"%d" % (TOKENS_PER_MINUTE - 1000)


@pytest.mark.parametrize(
    ("spent", "reset"), [(0, b"0ms"), (1, b"500ms"), (3, b"1.5s"), (119, b"59.5s"), (120, b"1m0s")]
)
def test_durations_are_spelt_as_openai_does(spent: int, reset: bytes) -> None:
    """In the largest units that fit."""
    limits = RateLimits(Clock())
    for _ in range(spent):
        limits.count_request("a", 120)
    assert dict(limits.headers("a", 120))[b"x-ratelimit-reset-requests"] == reset


def test_keys_without_number_cost_no_memory_without_bound() -> None:
    """The oldest bucket goes, and begins anew."""
    limits = RateLimits(Clock())
    assert limits.count_request("first", 1) is None
    for number in range(MAX_BUCKETS):
        limits.count_request(str(number), 1)
    assert limits.count_request("first", 1) is None
    assert limits.count_request("first", 1) == 60.0
