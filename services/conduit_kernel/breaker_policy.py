"""The settings of circuit breakers."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """The conditions under which circuits open, and the times for which they stay so."""

    # So many failures in a row open it.
    failure_threshold: int = 5
    open_seconds: float = 60.0
    # A probe that has not come back by then is given up, and another may try.
    half_open_seconds: float = 30.0
    # Or this share of the attempts of the last seconds, if there were so many.
    failure_ratio: float = 0.5
    window_seconds: float = 30.0
    min_attempts: int = 20
    # For how long after it closes traffic comes back gradually.
    ramp_seconds: float = 5.0


DEFAULT_POLICY = BreakerPolicy()


def read_policy(env: Mapping[str, str]) -> BreakerPolicy:
    """Return what an environment says. ValueError if it makes no sense."""
    default = DEFAULT_POLICY
    threshold = _positive(env, "CONDUIT_BREAKER_FAILURES", default.failure_threshold)
    if threshold != int(threshold):
        raise ValueError("CONDUIT_BREAKER_FAILURES must be a whole number")
    return BreakerPolicy(
        failure_threshold=int(threshold),
        open_seconds=_positive(env, "CONDUIT_BREAKER_OPEN_SECONDS", default.open_seconds),
        half_open_seconds=_positive(
            env, "CONDUIT_BREAKER_HALF_OPEN_SECONDS", default.half_open_seconds
        ),
    )


def _positive(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:  # noqa: PLR2004 # a day
        raise ValueError(f"{name} must be a number above 0 and at most 86400, not {text!r}")
    return value
