"""What one attempt showed."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.integration.health.conftest import NOW

from conduit.internal.v1.outcome_pb2 import Outcome
from conduit.v1.error_reason_pb2 import (
    ERROR_REASON_CONTENT_POLICY,
    ERROR_REASON_INVALID_API_KEY,
    ERROR_REASON_PROVIDER_TIMEOUT,
    ERROR_REASON_VIRTUAL_KEY_INVALID,
    ErrorReason,
)
from conduit.v1.provider_health_pb2 import KeyRateLimits, RateLimit
from conduit_health.state.observation import (
    MAX_DETAIL,
    Classification,
    classify,
    exhausted_until,
    observation_of,
)


def outcome(**fields: object) -> Outcome:
    """Return what a router reports of an attempt that ended just now."""
    given: dict[str, object] = {"provider_id": 1, "ended_at": at(NOW), **fields}
    return Outcome(**given)  # type: ignore[arg-type] # checked by protobuf


def at(seconds: float) -> Timestamp:
    """Return a time."""
    return Timestamp(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))


@pytest.mark.parametrize(
    ("reason", "classification"),
    [
        (0, Classification.WORKS),
        (ERROR_REASON_INVALID_API_KEY, Classification.KEY_REFUSED),
        (ERROR_REASON_PROVIDER_TIMEOUT, Classification.FAILED),
        (ERROR_REASON_CONTENT_POLICY, Classification.ANSWERED),
        (ERROR_REASON_VIRTUAL_KEY_INVALID, Classification.NOTHING),
        (9_999, Classification.NOTHING),
    ],
)
def test_a_reason_says_something_of_the_instance_or_its_key(
    reason: ErrorReason.ValueType, classification: Classification
) -> None:
    """What is the caller's own says nothing, as what a newer router knows does not."""
    assert observation_of(outcome(reason=reason), NOW).classification is classification
    if reason in ErrorReason.values() and reason:
        name = ErrorReason.Name(reason).removeprefix("ERROR_REASON_")
        assert classify(name) is classification


def test_what_a_router_did_not_say_is_unknown() -> None:
    """A time is ours then, and one attempt was made."""
    seen = observation_of(Outcome(provider_id=1), NOW)
    assert (seen.at, seen.times, seen.response_time_ms, seen.limits) == (NOW, 1, None, None)
    assert not seen.is_probe
    said = outcome(
        key_id="key_1",
        response_time_ms=0,
        count=7,
        detail="x" * 9_999,
        rate_limits=KeyRateLimits(),
        ended_at=at(NOW - 1.5),
    )
    seen = observation_of(said, NOW)
    assert (seen.at, seen.key_id, seen.times, seen.response_time_ms) == (NOW - 1.5, "key_1", 7, 0)
    assert (len(seen.detail), seen.limits) == (MAX_DETAIL, KeyRateLimits())


@pytest.mark.parametrize("seconds", [NOW + 3600, 2**62])
def test_a_clock_that_is_ahead_hides_no_later_attempt(seconds: float) -> None:
    """What is in the future was just now."""
    assert observation_of(outcome(ended_at=at(seconds)), NOW).at == NOW


@pytest.mark.parametrize("seconds", [-1, -(2**62)])
def test_a_clock_that_was_never_set_gives_a_time_that_can_be_stored(seconds: int) -> None:
    """Of 1970 at the earliest: no column holds what protobuf can."""
    assert observation_of(outcome(ended_at=Timestamp(seconds=seconds)), NOW).at == 0


@pytest.mark.parametrize("count", [0, -5])
def test_an_outcome_is_of_one_attempt_at_least(count: int) -> None:
    """One of less would undo failures."""
    assert observation_of(outcome(count=count), NOW).times == 1


def limit(remaining: int | None, resets_at: float | None = None) -> RateLimit:
    """Return a limit."""
    stamp = None if resets_at is None else at(resets_at)
    return RateLimit(limit=100, remaining=remaining, resets_at=stamp)


def test_a_key_waits_for_the_last_of_its_limits_that_are_used_up() -> None:
    """One that is not, or does not say when it is whole again, is not waited for."""
    limits = KeyRateLimits(
        requests_per_minute=limit(0, NOW + 10), tokens_per_minute=limit(-1, NOW + 20.5)
    )
    assert exhausted_until(limits) == NOW + 20.5
    limits.tokens_per_minute.remaining = 1
    assert exhausted_until(limits) == NOW + 10
    limits.requests_per_minute.ClearField("resets_at")
    assert exhausted_until(limits) is None
    assert exhausted_until(KeyRateLimits(requests_per_minute=limit(None, NOW))) is None
    assert exhausted_until(None) is None
