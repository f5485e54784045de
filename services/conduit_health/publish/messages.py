"""InstanceState written as the contract says them."""

from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.provider_health_pb2 import (
    KEY_STATUS_DISABLED,
    KeyHealth,
    KeyRateLimits,
    ProviderHealth,
)
from conduit_health.state.instance_state import MAX_MODELS, InstanceState
from conduit_health.state.key_state import KeyState
from conduit_health.state.provider_config import InstanceConfig, KeyConfig


def health_message(facts: InstanceConfig, vitals: InstanceState, now: float) -> ProviderHealth:
    """Return how an instance is."""
    return ProviderHealth(
        provider_id=facts.id,
        provider_name=facts.name,
        provider_type=facts.provider_type,
        status=vitals.status(facts, now),
        last_check_time=moment(vitals.last_check),
        response_time_ms=vitals.response_time_ms,
        available_models=(vitals.models or ())[:MAX_MODELS],
        health_details=vitals.details(facts, now),
        key_credentials=[
            _key_message(key, vitals.keys.get(key.id) or KeyState(), now) for key in facts.keys
        ],
        consecutive_failures=min(vitals.circuit.failures, _INT32_MAX),
        circuit=vitals.circuit.state(now),
        last_error=vitals.last_error,
    )


def limits_messages(facts: InstanceConfig, vitals: InstanceState) -> list[KeyRateLimits]:
    """Return the limits of the keys whose limits are known."""
    found = []
    for key in facts.keys:
        limits = vitals.keys[key.id].limits if key.id in vitals.keys else None
        if limits is not None:
            message = KeyRateLimits()
            message.CopyFrom(limits)
            message.key_id = key.id
            found.append(message)
    return found


def moment(seconds: float | None) -> Timestamp | None:
    """Return a time in seconds since 1970 as a message, to the millisecond."""
    if not seconds:
        return None
    millis = round(seconds * 1000)
    return Timestamp(seconds=millis // 1000, nanos=millis % 1000 * 1_000_000)


_INT32_MAX = 2**31 - 1


def _key_message(facts: KeyConfig, vitals: KeyState, now: float) -> KeyHealth:
    return KeyHealth(
        key_id=facts.id,
        status=vitals.status(now) if facts.is_enabled else KEY_STATUS_DISABLED,
        # The Registry remembers what this process has not seen.
        last_used=moment(max(facts.last_used, vitals.last_used or 0.0)),
        rate_limit_remaining=vitals.remaining(),
        detail=vitals.detail,
    )
