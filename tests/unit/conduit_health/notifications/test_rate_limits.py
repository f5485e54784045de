"""When a limit of a key is told to be nearly used up."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1 import notification_pb2 as pb
from conduit.v1.provider_health_pb2 import KeyRateLimits, RateLimit
from conduit_health.notifications.rate_limits import QUIET_SECONDS, RateLimitWatch


def limits(remaining: int | None, limit: int = 100, **fields: object) -> KeyRateLimits:
    """Return limits of requests."""
    given = RateLimit(limit=limit, remaining=remaining, **fields)  # type: ignore[arg-type] # checked by protobuf
    return KeyRateLimits(requests_per_minute=given)


def observe(
    watch: RateLimitWatch, given: KeyRateLimits, now: float = 0, provider_id: int = 1
) -> list[pb.Notification]:
    """Return what is told of an answer."""
    return list(watch.observe(provider_id, "key_1", given, now))


@pytest.mark.parametrize(
    ("given", "is_told"),
    [
        (limits(21), False),
        (limits(20), True),
        (limits(0), True),
        (limits(-5), True),
        (limits(200), False),
        (limits(None), False),
        (limits(0, limit=0), False),
        (limits(0, limit=-1), False),
        (KeyRateLimits(), False),
    ],
)
def test_four_fifths_are_near_the_end(given: KeyRateLimits, *, is_told: bool) -> None:
    """A provider that says odd things of its limits is no reason to divide by nothing."""
    assert bool(observe(RateLimitWatch(), given)) is is_told


def test_what_is_told_says_how_much_is_left_and_until_when() -> None:
    """Of requests as of tokens."""
    given = limits(5, resets_at=Timestamp(seconds=9))
    given.tokens_per_minute.CopyFrom(RateLimit(limit=3, remaining=-7))
    first, second = observe(RateLimitWatch(), given)
    assert first.message == "The key key_1 has used 95 % of its limit of requests"
    assert (first.rate_limit.remaining, first.rate_limit.resets_at.seconds) == (5, 9)
    assert (second.rate_limit.limit_name, second.rate_limit.percentage_used) == ("tokens", 100)
    assert not second.rate_limit.HasField("resets_at")


def test_a_limit_is_told_of_once_until_there_is_room_again() -> None:
    """One that goes up and down around the mark no more often than every five minutes."""
    watch = RateLimitWatch()
    assert len(observe(watch, limits(5))) == 1
    assert observe(watch, limits(1), now=QUIET_SECONDS + 1) == []
    watch = RateLimitWatch()
    assert len(observe(watch, limits(5))) == 1
    for now, told in ((1, 0), (QUIET_SECONDS - 1, 0), (QUIET_SECONDS, 1)):
        observe(watch, limits(90), now)
        assert len(observe(watch, limits(5), now)) == told


def test_an_instance_that_is_gone_is_forgotten() -> None:
    """Another one is not."""
    watch = RateLimitWatch()
    for provider_id in (1, 2):
        assert observe(watch, limits(5), provider_id=provider_id)
    watch.forget(1)
    assert observe(watch, limits(5), provider_id=1)
    assert not observe(watch, limits(5), provider_id=2)
