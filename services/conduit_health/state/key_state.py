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
# No report comes so late: what seems to was seen after the clock was set back.
LATE_SECONDS = 60.0

_STATUSES_BY_CLASSIFICATION = {
    Classification.WORKS: KEY_STATUS_ACTIVE,
    Classification.ANSWERED: KEY_STATUS_ACTIVE,
    Classification.KEY_REFUSED: KEY_STATUS_INVALID_CREDENTIALS,
    Classification.KEY_WITHOUT_FUNDS: KEY_STATUS_NO_FUNDS,
    Classification.KEY_LIMITED: KEY_STATUS_RATE_LIMITED,
}
_REFUSALS = frozenset({Classification.KEY_REFUSED, Classification.KEY_WITHOUT_FUNDS})
_REFUSED = frozenset({KEY_STATUS_INVALID_CREDENTIALS, KEY_STATUS_NO_FUNDS})


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
        # The last free request that showed whether the provider takes the key.
        self.check: Observation | None = None
        # Whether calls were refused since.
        self.is_suspect = False
        # When the newest of all this was.
        self._known_at = 0.0

    def observe(self, observation: Observation) -> bool:
        """Take note of an attempt with this key; return whether it is a check that matters to all.

        What is older than what is known changes nothing.
        """
        if not observation.is_probe:
            self.last_used = max(self.last_used or 0.0, observation.at)
        if observation.limits is not None:
            self.limits = _merged(self.limits, observation.limits)
        status = _STATUSES_BY_CLASSIFICATION.get(observation.classification)
        if status is None or 0 < self._known_at - observation.at < LATE_SECONDS:
            return False
        self._known_at = observation.at
        is_news = self._note(observation, status)
        if self._shows_no_funds(observation):
            return is_news
        if status != self._status:
            self._since = observation.at
        self._status = status
        self.detail = "" if status == KEY_STATUS_ACTIVE else observation.detail
        if status == KEY_STATUS_RATE_LIMITED:
            until = exhausted_until(observation.limits) or observation.at + COOLDOWN_SECONDS
            self._cools_down_until = min(until, observation.at + MAX_COOLDOWN_SECONDS)
        return is_news

    def _note(self, observation: Observation, status: KeyStatus.ValueType) -> bool:
        """Note what was shown of whether the key is taken; return whether routers may rest it."""
        if not observation.is_probe:
            self.is_suspect |= status in _REFUSED
            return False
        if status == KEY_STATUS_RATE_LIMITED:
            return False
        former, self.check = self.check, observation
        is_old_refusal = former is not None and former.classification in _REFUSALS
        is_news = self.is_suspect or observation.is_test or is_old_refusal or status in _REFUSED
        self.is_suspect = False
        return is_news

    def _shows_no_funds(self, observation: Observation) -> bool:
        """Return whether a free probe, which any account may make, is no sign of funds.

        After an hour it is taken for one, so that a call finds out; an operator's test is at once.
        """
        is_recent = observation.at - self._since < NO_FUNDS_SECONDS
        is_unasked = observation.is_probe and not observation.is_test
        return self._status == KEY_STATUS_NO_FUNDS and is_unasked and is_recent

    def renew(self, now: float) -> None:
        """Forget what was found of a value that is no longer the key's, and is still reported."""
        self._status = KEY_STATUS_UNSPECIFIED
        self.detail = ""
        self.check = None
        self.is_suspect = False
        self._known_at = now

    def status(self, now: float) -> KeyStatus.ValueType:
        """Return how the key is at a moment; a rest ends by itself."""
        if self._status == KEY_STATUS_RATE_LIMITED and now >= self._cools_down_until:
            return KEY_STATUS_ACTIVE
        return self._status

    def is_refused(self) -> bool:
        """Tell whether the provider does not take the key at all."""
        return self._status in _REFUSED

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
