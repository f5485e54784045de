"""The state of one provider instance, derived from observations. Pure.

* Unhealthy: as many failures in a row as its policy says, or no key that the provider takes.
* Degraded: a failure that no success followed yet, one in ten of the last minutes' attempts
  failed, or some of the keys are refused or rest.
* A model that the provider does not list is a warning alone: many serve names they do not list.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from conduit.v1.provider_health_pb2 import (
    HEALTH_FINDING_FAILED,
    HEALTH_FINDING_OK,
    HEALTH_FINDING_UNSPECIFIED,
    HEALTH_FINDING_WARNING,
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_DISABLED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    HEALTH_STATUS_UNKNOWN,
    KEY_STATUS_ACTIVE,
    KEY_STATUS_RATE_LIMITED,
    HealthDetails,
    HealthFinding,
    HealthStatus,
)
from conduit_health.state.key_state import KeyState
from conduit_health.state.observation import Classification, Observation
from conduit_health.state.provider_config import InstanceConfig

# Attempts count half after so long.
HALF_LIFE_SECONDS = 60.0
DEGRADED_SHARE = 0.1
# Fewer attempts than this say nothing of shares.
MIN_ATTEMPTS = 10.0
# Less of a limit left than this is a warning.
LOW_SHARE = 0.1
MAX_MODELS = 1_000
# No report comes so late: what seems to was seen after the clock was set back.
LATE_SECONDS = 3600.0
# Of more callers that fail in a row it is not known who failed most.
MAX_CALLERS = 64

Finding: TypeAlias = HealthFinding.ValueType
Status: TypeAlias = HealthStatus.ValueType


class InstanceState:
    """The state of one instance. All times are in seconds since 1970."""

    def __init__(self) -> None:
        self.consecutive_failures = 0
        # Those of them that a request may have brought about, by its virtual key; and the last one.
        self._failures_by_caller: dict[int, int] = {}
        self._failed_at = 0.0
        self.keys: dict[str, KeyState] = {}
        self.last_check: float | None = None
        self.response_time_ms: int | None = None
        self.models: tuple[str, ...] | None = None
        self.last_error = ""
        self._model_refused = False
        self._attempts = 0.0
        self._failures = 0.0
        self._decayed_at = 0.0

    def observe(self, observation: Observation) -> bool:
        """Take note of an attempt; return whether it is a check of a key that matters to all."""
        if observation.classification is Classification.NOTHING:
            return False
        is_news = self._key(observation.key_id).observe(observation)
        self._observe(observation)
        return is_news

    def _observe(self, observation: Observation) -> None:
        if self.last_check is None or not 0 < self.last_check - observation.at < LATE_SECONDS:
            self.last_check = observation.at
        if observation.response_time_ms is not None:
            self.response_time_ms = observation.response_time_ms
        self._decay(observation.at)
        self._attempts += observation.times
        if observation.classification in {Classification.WORKS, Classification.ANSWERED}:
            # Routers report in their own time: an older success ends no newer row of failures.
            if not 0 < self._failed_at - observation.at < LATE_SECONDS:
                self.consecutive_failures = 0
                self._failures_by_caller.clear()
            return
        self.last_error = observation.detail
        if observation.classification is Classification.FAILED:
            self.consecutive_failures += observation.times
            if not 0 < self._failed_at - observation.at < LATE_SECONDS:
                self._failed_at = observation.at
            self._count_by_caller(observation)
            self._failures += observation.times
        elif observation.classification is Classification.NO_MODEL:
            self._model_refused = True

    def list_models(self, names: Sequence[str]) -> None:
        """Take note of the models that the provider offers."""
        self.models = tuple(names)
        self._model_refused = False

    def renew_key(self, key_id: str, now: float) -> None:
        """Forget what was found of a key whose value is another now."""
        if key_id in self.keys:
            self.keys[key_id].renew(now)

    def is_suspect(self, key_id: str) -> bool:
        """Tell whether calls were refused because of a key, and no free request since."""
        return key_id in self.keys and self.keys[key_id].is_suspect

    def status(self, config: InstanceConfig, now: float) -> Status:
        """Return how the instance is."""
        if not config.is_enabled:
            return HEALTH_STATUS_DISABLED
        if self.last_check is None:
            return HEALTH_STATUS_UNKNOWN
        refused = self._refused(config)
        if self.consecutive_failures >= config.policy.failure_threshold or (
            refused and all(refused)
        ):
            return HEALTH_STATUS_UNHEALTHY
        is_worse = self.consecutive_failures or any(refused) or any(self._cooling(config, now))
        if is_worse or self._fails_often(now):
            return HEALTH_STATUS_DEGRADED
        return HEALTH_STATUS_HEALTHY

    def is_avoided(self, config: InstanceConfig) -> bool:
        """Tell whether routers should ask it last: what one caller brings about is no reason."""
        refused = self._refused(config)
        failures = self.consecutive_failures - max(self._failures_by_caller.values(), default=0)
        return failures >= config.policy.failure_threshold or (bool(refused) and all(refused))

    def details(self, config: InstanceConfig, now: float) -> HealthDetails:
        """Return what works and what does not."""
        if self.last_check is None:
            return HealthDetails()
        return HealthDetails(
            api_connectivity=self._connectivity(config),
            authentication=self._authentication(config, now),
            rate_limit=self._rate_limit(config, now),
            model_availability=self._availability(config),
        )

    def _connectivity(self, config: InstanceConfig) -> Finding:
        if self.consecutive_failures >= config.policy.failure_threshold:
            return HEALTH_FINDING_FAILED
        return HEALTH_FINDING_WARNING if self.consecutive_failures else HEALTH_FINDING_OK

    def _authentication(self, config: InstanceConfig, now: float) -> Finding:
        refused = self._refused(config)
        if any(refused):
            return HEALTH_FINDING_FAILED if all(refused) else HEALTH_FINDING_WARNING
        known = {KEY_STATUS_ACTIVE, KEY_STATUS_RATE_LIMITED}
        if any(key.status(now) in known for key in self._used(config)):
            return HEALTH_FINDING_OK
        return HEALTH_FINDING_UNSPECIFIED

    def _rate_limit(self, config: InstanceConfig, now: float) -> Finding:
        cooling = list(self._cooling(config, now))
        if cooling and all(cooling):
            return HEALTH_FINDING_FAILED
        if any(cooling) or any(_is_low(key) for key in self._used(config)):
            return HEALTH_FINDING_WARNING
        return HEALTH_FINDING_OK

    def _availability(self, config: InstanceConfig) -> Finding:
        if self._model_refused:
            return HEALTH_FINDING_WARNING
        if self.models is None:
            return HEALTH_FINDING_UNSPECIFIED
        is_listed = config.models <= set(self.models)
        return HEALTH_FINDING_OK if is_listed else HEALTH_FINDING_WARNING

    def _count_by_caller(self, observation: Observation) -> None:
        by_caller, caller = self._failures_by_caller, observation.caller
        if caller and (caller in by_caller or len(by_caller) < MAX_CALLERS):
            by_caller[caller] = by_caller.get(caller, 0) + observation.times

    def _key(self, key_id: str) -> KeyState:
        return self.keys.setdefault(key_id, KeyState())

    def _used(self, config: InstanceConfig) -> Iterable[KeyState]:
        return (self.keys.get(key_id) or KeyState() for key_id in config.key_ids)

    def _refused(self, config: InstanceConfig) -> list[bool]:
        return [key.is_refused() for key in self._used(config)]

    def _cooling(self, config: InstanceConfig, now: float) -> Iterable[bool]:
        return (key.status(now) == KEY_STATUS_RATE_LIMITED for key in self._used(config))

    def _fails_often(self, now: float) -> bool:
        self._decay(now)
        return self._attempts >= MIN_ATTEMPTS and self._failures >= DEGRADED_SHARE * self._attempts

    def _decay(self, now: float) -> None:
        # Reports come late and out of order; time here only goes forward.
        if now > self._decayed_at:
            factor = 0.5 ** ((now - self._decayed_at) / HALF_LIFE_SECONDS)
            self._attempts *= factor
            self._failures *= factor
            self._decayed_at = now


def _is_low(key: KeyState) -> bool:
    if key.limits is None:
        return False
    return any(
        limit.HasField("limit")
        and limit.HasField("remaining")
        and limit.remaining < LOW_SHARE * limit.limit
        for limit in (key.limits.requests_per_minute, key.limits.tokens_per_minute)
    )
