"""What this router knows of the health of instances and keys, from its own calls.

The breaker follows https://martinfowler.com/bliki/CircuitBreaker.html: closed, open after five
failures in a row, half-open after a minute, when one call, not the herd, finds out.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_HALF_OPEN,
    CIRCUIT_STATE_OPEN,
    CircuitState,
)

FAILURE_THRESHOLD = 5
OPEN_SECONDS = 60.0
# A probe that has not come back by then is given up, and another may try.
HALF_OPEN_SECONDS = 30.0
# A share of the calls to an instance may be retried on it, and a few in any case.
RETRY_SHARE = 0.2
RETRY_RESERVE = 10.0


class Cooldown(NamedTuple):
    """The end of a key's pause, and its reason; `until` is in monotonic seconds."""

    until: float
    reason: str


class HealthView(NamedTuple):
    """The health that decisions take into account; a value, so that they can be replayed."""

    open_circuits: frozenset[int]
    cooldowns: Mapping[str, Cooldown]
    # Instances that the Health service has found unhealthy: tried last.
    unhealthy: frozenset[int]


HEALTHY = HealthView(frozenset(), {}, frozenset())


class _Breaker:
    __slots__ = ("failures", "opened_at", "probed_at")

    def __init__(self) -> None:
        self.failures = 0
        self.opened_at = 0.0
        self.probed_at = 0.0

    def is_open(self, now: float) -> bool:
        if self.failures < FAILURE_THRESHOLD or now - self.opened_at >= OPEN_SECONDS:
            # Half-open: closed to all but the probe.
            return bool(self.probed_at) and now - self.probed_at < HALF_OPEN_SECONDS
        return True

    def state(self, now: float) -> CircuitState.ValueType:
        """Return the state of a breaker whose failures reached the threshold."""
        is_new = now - self.opened_at < OPEN_SECONDS
        return CIRCUIT_STATE_OPEN if is_new else CIRCUIT_STATE_HALF_OPEN


class ProviderState:
    """Breakers and retry budgets by instance, cooldowns by key."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._breakers: dict[int, _Breaker] = {}
        self._cooldowns: dict[str, Cooldown] = {}
        self._budgets: dict[int, float] = {}
        self._unhealthy: frozenset[int] = frozenset()
        # Whether nothing is known that a call would have to look at, or to change.
        self.is_quiet = True

    def view(self) -> HealthView:
        """Return what is known now."""
        if not (self._breakers or self._cooldowns or self._unhealthy):
            self.is_quiet = not self._budgets
            return HEALTHY
        now = self._clock()
        self._cooldowns = {k: c for k, c in self._cooldowns.items() if c.until > now}
        opened = frozenset(i for i, breaker in self._breakers.items() if breaker.is_open(now))
        return HealthView(opened, self._cooldowns, self._unhealthy - opened)

    def circuits(self) -> dict[int, CircuitState.ValueType]:
        """Return the circuits that are not closed, by instance."""
        now = self._clock()
        return {
            provider_id: breaker.state(now)
            for provider_id, breaker in self._breakers.items()
            if breaker.failures >= FAILURE_THRESHOLD
        }

    def set_unhealthy(self, provider_ids: frozenset[int]) -> None:
        """Take the Health service's word for instances that this router may not have tried."""
        self._unhealthy = provider_ids
        self.is_quiet = False

    def begin(self, provider_id: int) -> None:
        """Note that a call goes to an instance now; in a half-open circuit it is the probe."""
        if self._breakers:
            breaker = self._breakers.get(provider_id)
            if breaker and breaker.failures >= FAILURE_THRESHOLD:
                breaker.probed_at = self._clock()

    def succeeded(self, provider_id: int) -> None:
        """Note that an instance answered."""
        if self._breakers:
            self._breakers.pop(provider_id, None)
        if self._unhealthy:
            self._unhealthy -= {provider_id}
        if self._budgets:
            budget = self._budgets.pop(provider_id, RETRY_RESERVE) + RETRY_SHARE
            if budget < RETRY_RESERVE:
                self._budgets[provider_id] = budget

    def failed(self, provider_id: int) -> None:
        """Note that an instance failed for a reason that lies with the instance."""
        self.is_quiet = False
        breaker = self._breakers.setdefault(provider_id, _Breaker())
        breaker.failures += 1
        breaker.probed_at = 0.0
        if breaker.failures >= FAILURE_THRESHOLD:
            breaker.opened_at = self._clock()

    def cool_down(self, key_id: str, seconds: float, reason: str) -> None:
        """Bench a key."""
        self.is_quiet = False
        self._cooldowns[key_id] = Cooldown(self._clock() + seconds, reason)

    def forget(self, provider_ids: frozenset[int], key_ids: frozenset[str]) -> None:
        """Forget the failures of instances, and the cooldowns of keys, that an operator mended."""
        for provider_id in provider_ids:
            self._breakers.pop(provider_id, None)
        self._cooldowns = {k: c for k, c in self._cooldowns.items() if k not in key_ids}

    def may_retry(self, provider_id: int) -> bool:
        """Take one retry from an instance's budget, if there is one left."""
        budget = self._budgets.get(provider_id, RETRY_RESERVE)
        if budget < 1.0:
            return False
        self.is_quiet = False
        self._budgets[provider_id] = budget - 1.0
        return True
