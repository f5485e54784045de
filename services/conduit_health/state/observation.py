"""What one attempt at an instance showed, whether a call or a probe made it."""

import enum
from collections.abc import Mapping
from typing import NamedTuple

from conduit.internal.v1.outcome_pb2 import KeyCheck, Outcome
from conduit.v1.error_reason_pb2 import (
    ERROR_REASON_INSUFFICIENT_FUNDS,
    ERROR_REASON_INVALID_API_KEY,
    ERROR_REASON_UNSPECIFIED,
    ErrorReason,
)
from conduit.v1.provider_health_pb2 import KeyRateLimits, RateLimit

MAX_DETAIL = 500


class Classification(enum.Enum):
    """The meaning of an attempt for its instance or its key."""

    # The instance works, and so does the key.
    WORKS = "works"
    # The provider refused the request alone: it is there, and took the key.
    ANSWERED = "answered"
    # The instance does not work.
    FAILED = "failed"
    # The provider does not know the model; nothing else is wrong.
    NO_MODEL = "no-model"
    # The key is not accepted, has no funds, or must rest.
    KEY_REFUSED = "key-refused"
    KEY_WITHOUT_FUNDS = "key-without-funds"
    KEY_LIMITED = "key-limited"
    # Nothing, such as when the caller's own time was up.
    NOTHING = "nothing"


class Observation(NamedTuple):
    """An attempt, or several alike. `at` is in seconds since 1970."""

    at: float
    classification: Classification
    key_id: str = ""
    response_time_ms: int | None = None
    detail: str = ""
    limits: KeyRateLimits | None = None
    times: int = 1
    # Whether a free request showed it; then `at` is when that began.
    is_probe: bool = False
    # Whether an operator asked for that.
    is_test: bool = False
    # The virtual key whose request it was; 0 where it says the same whoever asks.
    caller: int = 0


_CLASSIFICATIONS: Mapping[str, Classification] = {
    "UNSPECIFIED": Classification.WORKS,
    "INVALID_API_KEY": Classification.KEY_REFUSED,
    "SECRET_UNREADABLE": Classification.KEY_REFUSED,
    "INSUFFICIENT_FUNDS": Classification.KEY_WITHOUT_FUNDS,
    "PROVIDER_RATE_LIMITED": Classification.KEY_LIMITED,
    "PROVIDER_UNREACHABLE": Classification.FAILED,
    "PROVIDER_TIMEOUT": Classification.FAILED,
    "PROVIDER_ERROR": Classification.FAILED,
    "LOOP_DETECTED": Classification.FAILED,
    # To its caller it is one lost answer; an instance that cuts its streams does not work.
    "STREAM_INTERRUPTED": Classification.FAILED,
    "PROVIDER_MODEL_NOT_FOUND": Classification.NO_MODEL,
    "PROVIDER_REFUSED": Classification.ANSWERED,
    "CONTENT_POLICY": Classification.ANSWERED,
    "CONTEXT_TOO_LONG": Classification.ANSWERED,
}

_BY_NUMBER: Mapping[int, Classification] = {
    number: _CLASSIFICATIONS.get(name.removeprefix("ERROR_REASON_"), Classification.NOTHING)
    for name, number in ErrorReason.items()
}

# What routers are told that a key was refused for.
_REASONS: Mapping[Classification, ErrorReason.ValueType] = {
    Classification.WORKS: ERROR_REASON_UNSPECIFIED,
    Classification.ANSWERED: ERROR_REASON_UNSPECIFIED,
    Classification.KEY_REFUSED: ERROR_REASON_INVALID_API_KEY,
    Classification.KEY_WITHOUT_FUNDS: ERROR_REASON_INSUFFICIENT_FUNDS,
}


def classify(reason: str) -> Classification:
    """Return what a reason of failure, such as `PROVIDER_TIMEOUT`, says of the provider."""
    return _CLASSIFICATIONS.get(reason, Classification.NOTHING)


def observation_of(outcome: Outcome, now: float) -> Observation:
    """Return what a router saw; its clock may be ahead of ours, or was never set."""
    at = outcome.ended_at.seconds + outcome.ended_at.nanos / 1e9
    return Observation(
        at=max(0.0, min(at, now)) if outcome.HasField("ended_at") else now,
        # A router of a newer version may know reasons that we do not.
        classification=_BY_NUMBER.get(outcome.reason, Classification.NOTHING),
        key_id=outcome.key_id,
        response_time_ms=outcome.response_time_ms if outcome.HasField("response_time_ms") else None,
        detail=outcome.detail[:MAX_DETAIL],
        limits=outcome.rate_limits if outcome.HasField("rate_limits") else None,
        times=max(1, outcome.count),
        caller=outcome.virtual_key_id,
    )


def observation_of_check(check: KeyCheck, now: float) -> Observation:
    """Return what an operator's test showed; the Registry's clock may be ahead of ours."""
    began = check.began_at.seconds + check.began_at.nanos / 1e9
    return Observation(
        at=max(0.0, min(began, now)) if check.HasField("began_at") else now,
        classification=_BY_NUMBER.get(check.reason, Classification.NOTHING),
        key_id=check.key_id,
        detail=check.detail[:MAX_DETAIL],
        is_probe=True,
        is_test=True,
    )


def check_of(provider_id: int, observation: Observation) -> KeyCheck:
    """Return what a free request showed of a key, for routers."""
    check = KeyCheck(
        provider_id=provider_id,
        key_id=observation.key_id,
        reason=_REASONS[observation.classification],
        detail=observation.detail,
        is_test=observation.is_test,
    )
    check.began_at.FromNanoseconds(int(observation.at * 1e9))
    return check


def exhausted_until(limits: KeyRateLimits | None) -> float | None:
    """Return when the limits that are used up are whole again; None if none is, or none says."""
    if limits is None:
        return None
    both: tuple[RateLimit, ...] = (limits.requests_per_minute, limits.tokens_per_minute)
    moments = [
        limit.resets_at.seconds + limit.resets_at.nanos / 1e9
        for limit in both
        if limit.HasField("remaining") and limit.remaining <= 0 and limit.HasField("resets_at")
    ]
    return max(moments, default=None)
