"""InstanceState written as the contract says them."""

from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.provider_health_pb2 import (
    KEY_STATUS_DISABLED,
    CircuitState,
    KeyHealth,
    KeyRateLimits,
    ProviderHealth,
)
from conduit_health.state.instance_state import MAX_MODELS, InstanceState
from conduit_health.state.key_state import KeyState
from conduit_health.state.provider_config import InstanceConfig, KeyConfig


def health_message(
    config: InstanceConfig,
    instance_state: InstanceState,
    circuit: CircuitState.ValueType,
    now: float,
) -> ProviderHealth:
    """Return how an instance is."""
    return ProviderHealth(
        provider_id=config.id,
        provider_name=config.name,
        provider_type=config.provider_type,
        status=instance_state.status(config, now),
        last_check_time=moment(instance_state.last_check),
        response_time_ms=instance_state.response_time_ms,
        available_models=(instance_state.models or ())[:MAX_MODELS],
        health_details=instance_state.details(config, now),
        key_credentials=[
            _key_message(key, instance_state.keys.get(key.id) or KeyState(), now)
            for key in config.keys
        ],
        consecutive_failures=min(instance_state.consecutive_failures, _INT32_MAX),
        circuit=circuit,
        last_error=instance_state.last_error,
    )


def limits_messages(config: InstanceConfig, instance_state: InstanceState) -> list[KeyRateLimits]:
    """Return the limits of the keys whose limits are known."""
    found = []
    for key in config.keys:
        limits = instance_state.keys[key.id].limits if key.id in instance_state.keys else None
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


def _key_message(config: KeyConfig, instance_state: KeyState, now: float) -> KeyHealth:
    return KeyHealth(
        key_id=config.id,
        status=instance_state.status(now) if config.is_enabled else KEY_STATUS_DISABLED,
        # The Registry remembers what this process has not seen.
        last_used=moment(max(config.last_used, instance_state.last_used or 0.0)),
        rate_limit_remaining=instance_state.remaining(),
        detail=instance_state.detail,
    )
