"""State written as the contract says it."""

import pytest
from tests.integration.health.conftest import NOW

from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_OPEN,
    HEALTH_STATUS_UNHEALTHY,
    HEALTH_STATUS_UNKNOWN,
    KEY_STATUS_ACTIVE,
    KEY_STATUS_DISABLED,
    KeyRateLimits,
    RateLimit,
)
from conduit_health.publish.messages import health_message, limits_messages, moment
from conduit_health.state.instance_state import MAX_MODELS, InstanceState
from conduit_health.state.observation import Classification, Observation
from conduit_health.state.provider_config import InstanceConfig, KeyConfig

LIMITS = KeyRateLimits(requests_per_minute=RateLimit(limit=100, remaining=0))


def config(*keys: KeyConfig) -> InstanceConfig:
    """Return an instance."""
    return InstanceConfig(1, "Main", "OpenAI", True, 1, keys, frozenset())  # noqa: FBT003 # a tuple's field


def key(number: int, *, is_enabled: bool = True, last_used: float = 0) -> KeyConfig:
    """Return a key."""
    return KeyConfig(f"key_{number}", is_enabled=is_enabled, version=1, last_used=last_used)


def seen(*observations: Observation) -> InstanceState:
    """Return the state after observations."""
    state = InstanceState()
    for each in observations:
        state.observe(each)
    return state


@pytest.mark.parametrize("seconds", [None, 0, 0.0])
def test_no_time_is_unset(seconds: float | None) -> None:
    """Which is not 1970."""
    assert moment(seconds) is None


def test_a_time_is_exact_to_the_millisecond() -> None:
    """Whatever floats make of it."""
    stamp = moment(NOW + 0.1234)
    assert stamp is not None
    assert (stamp.seconds, stamp.nanos) == (int(NOW), 123_000_000)
    rounded = moment(NOW + 0.9999)
    assert rounded is not None
    assert (rounded.seconds, rounded.nanos) == (int(NOW) + 1, 0)


def test_an_instance_of_which_nothing_is_known_says_so() -> None:
    """Its keys are there all the same."""
    message = health_message(config(key(1)), InstanceState(), CIRCUIT_STATE_CLOSED, NOW)
    assert (message.status, message.provider_name) == (HEALTH_STATUS_UNKNOWN, "Main")
    assert not message.HasField("last_check_time")
    assert not message.HasField("response_time_ms")
    assert [each.key_id for each in message.key_credentials] == ["key_1"]


def test_what_was_seen_is_told_with_the_circuit() -> None:
    """A number of failures that a field cannot hold is as large as it can."""
    away = Observation(NOW, Classification.FAILED, "key_1", 12, "is away", times=2**31)
    message = health_message(config(key(1)), seen(away), CIRCUIT_STATE_OPEN, NOW)
    assert (message.status, message.circuit) == (HEALTH_STATUS_UNHEALTHY, CIRCUIT_STATE_OPEN)
    assert message.consecutive_failures == 2**31 - 1
    assert (message.response_time_ms, message.last_error) == (12, "is away")
    assert message.last_check_time.seconds == NOW


def test_more_models_than_there_is_room_for_are_cut() -> None:
    """The first ones stay."""
    state = InstanceState()
    state.list_models([f"m{number}" for number in range(MAX_MODELS + 1)])
    message = health_message(config(), state, CIRCUIT_STATE_CLOSED, NOW)
    assert len(message.available_models) == MAX_MODELS
    assert message.available_models[0] == "m0"


def test_keys_are_as_operators_and_providers_have_them() -> None:
    """A disabled one is that; a use that the Registry remembers counts."""
    state = seen(Observation(NOW, Classification.WORKS, "key_1", limits=LIMITS))
    message = health_message(
        config(key(1, last_used=NOW - 5), key(2, is_enabled=False, last_used=NOW - 7), key(3)),
        state,
        CIRCUIT_STATE_CLOSED,
        NOW,
    )
    first, second, third = message.key_credentials
    assert (first.status, first.last_used.seconds) == (KEY_STATUS_ACTIVE, NOW)
    assert (first.HasField("rate_limit_remaining"), first.rate_limit_remaining) == (True, 0)
    assert (second.status, second.last_used.seconds) == (KEY_STATUS_DISABLED, NOW - 7)
    assert not third.HasField("last_used")
    assert not third.HasField("rate_limit_remaining")


def test_limits_are_told_of_keys_that_have_some() -> None:
    """A copy: what is told cannot be changed by whoever is told."""
    state = seen(
        Observation(NOW, Classification.WORKS, "key_1", limits=LIMITS),
        Observation(NOW, Classification.WORKS, "key_2"),
    )
    [message] = limits_messages(config(key(1), key(2), key(3)), state)
    assert (message.key_id, message.requests_per_minute.limit) == ("key_1", 100)
    message.Clear()
    assert limits_messages(config(key(1)), state)[0].requests_per_minute.limit == 100
