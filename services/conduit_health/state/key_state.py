"""The state of one key, derived from observations with it."""

from conduit.v1.provider_health_pb2 import (
    KEY_STATUS_ACTIVE,
    KEY_STATUS_INVALID_CREDENTIALS,
    KEY_STATUS_NO_FUNDS,
    KEY_STATUS_RATE_LIMITED,
    KEY_STATUS_UNSPECIFIED,
    KeyRateLimits,
    KeyStatus,
)
from conduit_health.state.observation import Classification, Observation, exhausted_until

# For how long a key rests whose provider does not say.
COOLDOWN_SECONDS = 30.0
# No provider's word makes a key rest for longer.
MAX_COOLDOWN_SECONDS = 3600.0
# For how long a key is without funds though free probes with it succeed.
NO_FUNDS_SECONDS = 3600.0

_STATUSES_BY_CLASSIFICATION = {
    Classification.WORKS: KEY_STATUS_ACTIVE,
    Classification.ANSWERED: KEY_STATUS_ACTIVE,
    Classification.KEY_REFUSED: KEY_STATUS_INVALID_CREDENTIALS,
    Classification.KEY_WITHOUT_FUNDS: KEY_STATUS_NO_FUNDS,
    Classification.KEY_LIMITED: KEY_STATUS_RATE_LIMITED,
}


class KeyState:
    """The state of one key. All times are in seconds since 1970."""

    def __init__(self) -> None:
        self.last_used: float | None = None
        self.limits: KeyRateLimits | None = None
        self.detail = ""
        self._status: KeyStatus.ValueType = KEY_STATUS_UNSPECIFIED
        self._cools_down_until = 0.0
        # When the status became what it is.
        self._since = 0.0

    def observe(self, observation: Observation) -> None:
        """Take note of an attempt with this key."""
        if not observation.is_probe:
            self.last_used = max(self.last_used or 0.0, observation.at)
        if observation.limits is not None:
            self.limits = _merged(self.limits, observation.limits)
        status = _STATUSES_BY_CLASSIFICATION.get(observation.classification)
        if status is None or self._shows_no_funds(observation):
            return
        if status != self._status:
            self._since = observation.at
        self._status = status
        self.detail = "" if status == KEY_STATUS_ACTIVE else observation.detail
        if status == KEY_STATUS_RATE_LIMITED:
            until = exhausted_until(observation.limits) or observation.at + COOLDOWN_SECONDS
            self._cools_down_until = min(until, observation.at + MAX_COOLDOWN_SECONDS)

    def _shows_no_funds(self, observation: Observation) -> bool:
        """Return whether a free probe, which any account may make, is no sign of funds.

        After an hour it is taken for one, so that a call finds out.
        """
        is_recent = observation.at - self._since < NO_FUNDS_SECONDS
        return self._status == KEY_STATUS_NO_FUNDS and observation.is_probe and is_recent

    def renew(self) -> None:
        """Forget what was found of a value that is no longer the key's."""
        self._status = KEY_STATUS_UNSPECIFIED
        self.detail = ""

    def status(self, now: float) -> KeyStatus.ValueType:
        """Return how the key is at a moment; a rest ends by itself."""
        if self._status == KEY_STATUS_RATE_LIMITED and now >= self._cools_down_until:
            return KEY_STATUS_ACTIVE
        return self._status

    def is_refused(self) -> bool:
        """Tell whether the provider does not take the key at all."""
        return self._status in {KEY_STATUS_INVALID_CREDENTIALS, KEY_STATUS_NO_FUNDS}

    def remaining(self) -> int | None:
        """Return the requests that are left, as the provider last reported."""
        if self.limits is None or not self.limits.requests_per_minute.HasField("remaining"):
            return None
        return self.limits.requests_per_minute.remaining


def _merged(old: KeyRateLimits | None, new: KeyRateLimits) -> KeyRateLimits:
    # An answer may tell of requests alone; what was told of tokens before still holds.
    merged = KeyRateLimits()
    for limits in (old, new):
        if limits is None:
            continue
        if limits.HasField("requests_per_minute"):
            merged.requests_per_minute.CopyFrom(limits.requests_per_minute)
        if limits.HasField("tokens_per_minute"):
            merged.tokens_per_minute.CopyFrom(limits.tokens_per_minute)
    return merged
