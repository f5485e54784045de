"""The state of one key."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.integration.health.conftest import NOW

from conduit.v1.provider_health_pb2 import (
    KEY_STATUS_ACTIVE,
    KEY_STATUS_INVALID_CREDENTIALS,
    KEY_STATUS_NO_FUNDS,
    KEY_STATUS_RATE_LIMITED,
    KEY_STATUS_UNSPECIFIED,
    KeyRateLimits,
    KeyStatus,
    RateLimit,
)
from conduit_health.state.key_state import COOLDOWN_SECONDS, MAX_COOLDOWN_SECONDS, KeyState
from conduit_health.state.observation import Classification, Observation

C = Classification


def seen(*classifications: Classification, limits: KeyRateLimits | None = None) -> KeyState:
    """Return the state after attempts at one moment."""
    state = KeyState()
    for each in classifications:
        state.observe(Observation(NOW, each, "key_1", detail=each.value, limits=limits))
    return state


def limits_of(remaining: int, resets_at: float) -> KeyRateLimits:
    """Return the limits of requests."""
    stamp = Timestamp(seconds=int(resets_at))
    return KeyRateLimits(requests_per_minute=RateLimit(remaining=remaining, resets_at=stamp))


@pytest.mark.parametrize(
    ("classifications", "status"),
    [
        ([], KEY_STATUS_UNSPECIFIED),
        ([C.NOTHING], KEY_STATUS_UNSPECIFIED),
        ([C.FAILED], KEY_STATUS_UNSPECIFIED),
        ([C.WORKS], KEY_STATUS_ACTIVE),
        ([C.ANSWERED], KEY_STATUS_ACTIVE),
        ([C.KEY_REFUSED], KEY_STATUS_INVALID_CREDENTIALS),
        ([C.KEY_WITHOUT_FUNDS], KEY_STATUS_NO_FUNDS),
        ([C.KEY_LIMITED], KEY_STATUS_RATE_LIMITED),
        ([C.KEY_REFUSED, C.FAILED], KEY_STATUS_INVALID_CREDENTIALS),
        ([C.KEY_REFUSED, C.WORKS], KEY_STATUS_ACTIVE),
        ([C.WORKS, C.KEY_WITHOUT_FUNDS], KEY_STATUS_NO_FUNDS),
    ],
)
def test_a_status_is_that_of_the_last_word_on_the_key(
    classifications: list[Classification], status: KeyStatus.ValueType
) -> None:
    """An instance that does not work says nothing of its keys."""
    state = seen(*classifications)
    assert state.status(NOW) == status
    assert state.is_refused() == (status in {KEY_STATUS_INVALID_CREDENTIALS, KEY_STATUS_NO_FUNDS})


def test_what_was_wrong_is_told_until_it_is_right() -> None:
    """In the provider's words."""
    assert seen(C.KEY_REFUSED).detail == "key-refused"
    assert seen(C.KEY_REFUSED, C.FAILED).detail == "key-refused"
    assert seen(C.KEY_REFUSED, C.WORKS).detail == ""


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (None, COOLDOWN_SECONDS),
        (limits_of(0, NOW + 90), 90),
        (limits_of(5, NOW + 90), COOLDOWN_SECONDS),
        (limits_of(0, NOW + 10**9), MAX_COOLDOWN_SECONDS),
        (limits_of(0, 2**40), MAX_COOLDOWN_SECONDS),
    ],
)
def test_a_key_that_must_rest_does_so_as_long_as_its_provider_says(
    limits: KeyRateLimits | None, seconds: float
) -> None:
    """Within reason; the rest ends by itself."""
    state = seen(C.KEY_LIMITED, limits=limits)
    assert state.status(NOW + seconds - 0.5) == KEY_STATUS_RATE_LIMITED
    assert state.status(NOW + seconds) == KEY_STATUS_ACTIVE


def test_a_new_value_is_judged_anew() -> None:
    """What is known of the account stays."""
    state = seen(C.KEY_REFUSED, limits=limits_of(3, NOW))
    state.renew(NOW)
    assert (state.status(NOW), state.detail, state.is_refused()) == (
        KEY_STATUS_UNSPECIFIED,
        "",
        False,
    )
    assert state.remaining() == 3


def test_probes_are_no_use_of_a_key() -> None:
    """Of calls the latest counts, in whichever order they are heard of."""
    state = KeyState()
    state.observe(Observation(NOW, C.WORKS, "key_1", is_probe=True))
    assert state.last_used is None
    for ago in (10, 20):
        state.observe(Observation(NOW - ago, C.FAILED, "key_1"))
    assert state.last_used == NOW - 10


def test_limits_are_kept_apart() -> None:
    """An answer may tell of one kind alone; what was told of the other still holds."""
    state = seen(C.WORKS, limits=limits_of(5, NOW))
    state.observe(
        Observation(
            NOW,
            C.WORKS,
            "key_1",
            limits=KeyRateLimits(tokens_per_minute=RateLimit(remaining=7)),
        )
    )
    assert state.remaining() == 5
    assert state.limits is not None
    assert state.limits.tokens_per_minute.remaining == 7
    assert KeyState().remaining() is None


def checked(ago: float, classification: C, *, is_test: bool = False) -> Observation:
    """Return what a free request showed that began a while ago."""
    return Observation(NOW - ago, classification, "key_1", is_probe=True, is_test=is_test)


def test_what_began_earlier_says_nothing_against_what_was_met_later() -> None:
    """In whichever order it is heard of; what is much older was seen before the clock was set."""
    state = seen(C.KEY_REFUSED)
    assert not state.observe(checked(1, C.WORKS))
    assert state.is_refused()
    assert state.is_suspect
    assert state.observe(checked(0, C.WORKS))
    assert not state.is_refused()
    assert state.observe(checked(3600, C.KEY_REFUSED))
    assert state.is_refused()


def test_routers_hear_of_checks_that_change_what_they_do() -> None:
    """Of refused keys, of those that calls were refused for, and of what operators test."""
    state = KeyState()
    assert not state.observe(checked(9, C.WORKS))
    assert not state.observe(checked(8, C.WORKS))
    assert state.observe(checked(7, C.WORKS, is_test=True))
    assert state.observe(checked(6, C.KEY_REFUSED))
    assert state.observe(checked(5, C.KEY_REFUSED))
    assert state.observe(checked(4, C.WORKS))
    assert not state.observe(checked(3, C.WORKS))
    assert not state.observe(Observation(NOW - 2, C.KEY_REFUSED, "key_1"))
    assert not state.observe(checked(2, C.KEY_LIMITED))
    assert state.observe(checked(1, C.WORKS))


def test_an_operators_test_shows_funds_at_once() -> None:
    """Who tests a key has paid; a check that nobody asked for may pass without."""
    state = seen(C.KEY_WITHOUT_FUNDS)
    state.observe(checked(0, C.WORKS))
    assert state.status(NOW) == KEY_STATUS_NO_FUNDS
    state.observe(checked(0, C.WORKS, is_test=True))
    assert state.status(NOW) == KEY_STATUS_ACTIVE


def test_what_is_still_reported_of_a_former_value_is_not_the_new_ones() -> None:
    """Reports are late by a second."""
    state = seen(C.KEY_REFUSED)
    state.observe(checked(0, C.KEY_REFUSED))
    state.renew(NOW + 1)
    assert state.check is None
    state.observe(Observation(NOW + 0.9, C.KEY_REFUSED, "key_1"))
    assert not state.is_refused()
