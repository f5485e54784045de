"""What this router knows of the health of instances, their models and keys, from its own calls.

A failure counts for the smallest thing that it is about, and widens when several of its kind fail
alike: the model at the instance, then the instance; a key where its siblings work.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_HALF_OPEN,
    CIRCUIT_STATE_OPEN,
    CircuitState,
)
from conduit_kernel.breaker import Breaker
from conduit_kernel.breaker_policy import DEFAULT_POLICY, BreakerPolicy
from conduit_router.routing.cooldowns import Cooldowns
from conduit_router.routing.health_view import HEALTHY, Asked, Cooldown, HealthView, Subject
from conduit_router.routing.key_refusals import (
    REFUSED_SECONDS,
    KeyCheck,
    KeyRefusals,
    model_seconds,
)
from conduit_router.routing.retry_budgets import RetryBudgets
from conduit_router.routing.shared_circuits import SharedCircuit, SharedCircuits

# So many models of an instance that fail in a row mean that the instance does.
MODELS_OF_AN_INSTANCE = 2
# Not each call looks for what can be forgotten.
LOOK_SECONDS = 1.0


class ProviderState:
    """Breakers, cooldowns and retry budgets."""

    def __init__(self, clock: Callable[[], float], policy: BreakerPolicy = DEFAULT_POLICY) -> None:
        self._clock = clock
        self._policy = policy
        self._breakers = defaultdict[Subject, Breaker](partial(Breaker, policy))
        self._shared = SharedCircuits(self._breakers, policy)
        self._cooldowns, self._refusals = Cooldowns(), KeyRefusals()
        self._budgets = RetryBudgets()
        self._unhealthy: frozenset[int] = frozenset()
        # When an instance that Health found unhealthy was last asked all the same.
        self._tried: dict[int, float] = {}
        # By instance: the models that failed since its last success, and the key of that.
        self._failing: dict[int, set[str]] = {}
        self._worked: dict[int, str] = {}
        # When it was last looked for what can be forgotten.
        self._looked_at = -LOOK_SECONDS
        # Whether nothing is known that a call would have to look at, or to change.
        self.is_quiet = True

    def view(self, caller: int = 0) -> HealthView:
        """Return what is known now, as it is for a virtual key."""
        now = self._clock()
        self._forget_idle(now)
        cooldowns = self._cooldowns.current(now)
        if not (self._breakers or self._cooldowns or self._unhealthy):
            self.is_quiet = not self._budgets
            return HEALTHY
        opened, returning = {}, {}
        for subject, breaker in self._breakers.items():
            circuit = breaker.circuit(caller)
            if circuit is None:
                if (share := breaker.share(now)) < 1.0:
                    returning[subject] = share
            elif (standing := circuit.standing(now, self._policy, caller)) is not None:
                opened[subject] = standing
        return HealthView(opened, cooldowns, self._avoided(now), returning, now)

    def circuits(self) -> dict[int, CircuitState.ValueType]:
        """Return the circuits that are not closed, by instance: of several the most open."""
        now, found = self._clock(), dict[int, CircuitState.ValueType]()
        for subject, breaker in self._breakers.items():
            for circuit in breaker.circuits():
                is_open = now < circuit.until
                if is_open or subject.provider_id not in found:
                    state = CIRCUIT_STATE_OPEN if is_open else CIRCUIT_STATE_HALF_OPEN
                    found[subject.provider_id] = state
        return found

    def shared_circuits(self) -> list[SharedCircuit]:
        """Return the circuits that this router opened for everybody."""
        return self._shared.own(self._clock())

    def adopt(self, circuits: Iterable[SharedCircuit]) -> None:
        """Take the circuits that other routers have opened, in place of those before."""
        self._shared.adopt(circuits, self._clock())
        if self._breakers:
            self.is_quiet = False

    def set_unhealthy(self, provider_ids: frozenset[int]) -> None:
        """Take the Health service's word for instances that this router may not have tried."""
        now = self._clock()
        self._tried = {each: self._tried.get(each, now) for each in provider_ids}
        self._unhealthy = provider_ids
        self.is_quiet = False

    def begin(self, asked: Asked, *, is_last: bool = False) -> bool:
        """Tell whether a call may ask now; in a half-open circuit it is the probe.

        `is_last`: whether it has nobody else to ask.
        """
        now, caller = asked.began, asked.caller
        found = (breaker.circuit(caller) for breaker in self._about(asked))
        circuits = [circuit for circuit in found if circuit is not None]
        if not all(each.admits(now, self._policy, caller, is_last=is_last) for each in circuits):
            return False
        for circuit in circuits:
            circuit.probe(now, caller)
        if asked.provider_id in self._unhealthy:
            self._tried[asked.provider_id] = now
        return True

    def release(self, asked: Asked, *, is_answered: bool = False) -> None:
        """Note that an attempt told nothing, or has begun to answer: another may probe."""
        now = self._clock()
        for breaker in self._about(asked):
            if (circuit := breaker.circuit(asked.caller)) is not None:
                circuit.release(asked.began)
                if not is_answered:
                    circuit.let_others_first(asked.caller, now + self._policy.half_open_seconds)

    def succeeded(self, asked: Asked) -> None:
        """Note that an attempt was answered."""
        if self._breakers:
            now = self._clock()
            for subject in asked.subjects:
                if (breaker := self._breakers.get(subject)) is not None:
                    circuit = breaker.shared
                    breaker.succeeded(asked.caller, now, asked.began)
                    if circuit and circuit.is_adopted and breaker.shared is None:
                        self._shared.disprove(subject, asked.began)
            self._failing.pop(asked.provider_id, None)
            self._worked[asked.provider_id] = asked.key_id
        if self._unhealthy:
            self._unhealthy -= {asked.provider_id}
        if self._budgets:
            self._budgets.earn(asked.provider_id, asked.caller)

    def failed(self, asked: Asked, *, is_impersonal: bool = False) -> None:
        """Note that an attempt failed for a reason that lies with the provider.

        `is_impersonal`: whether no request can bring it about, such as a refused connection.
        """
        provider_id = asked.provider_id
        failing = self._failing.setdefault(provider_id, set())
        failing.add(asked.model)
        worked = self._worked.get(provider_id)
        evidence = (
            not is_impersonal,
            is_impersonal or len(failing) >= MODELS_OF_AN_INSTANCE,
            # Only a key whose siblings work is to blame.
            worked is not None and worked != asked.key_id,
        )
        for subject, may_open in zip(asked.subjects, evidence, strict=False):
            self._count(subject, asked, is_impersonal=is_impersonal, may_open=may_open)

    def model_failed(self, asked: Asked) -> None:
        """Note that a model at an instance failed, which says nothing of the instance."""
        self._count(asked.subjects[0], asked)

    def key_failed(self, asked: Asked) -> None:
        """Note that a key was refused for what may be the request's."""
        self._count(asked.subjects[-1], asked)

    def works(self, asked: Asked, besides: int = 0) -> bool:
        """Tell whether other requests just succeeded where an attempt failed.

        `besides`: how often its own request has failed there.
        """
        breaker = self._breakers.get(asked.subjects[0])
        return breaker is not None and breaker.works(self._clock(), besides)

    def excuse(self, asked: Asked, failures: int) -> None:
        """Take back failures that turned out to be the request's."""
        now = self._clock()
        for breaker in self._about(asked):
            breaker.excuse(asked.caller, now, failures)

    def cool_down(self, subject: Subject, seconds: float, message: str, reason: str) -> None:
        """Let a key, or a model of a key or an instance, rest."""
        now = self._clock()
        self._rest(subject, Cooldown(now + seconds, message, reason, now))

    def refuse_key(self, asked: Asked, message: str, reason: str) -> None:
        """Let a key rest that a provider refused, for a moment until a check of it is heard of."""
        now = self._clock()
        subject, seconds = self._refusals.refused(asked, reason, now)
        self._rest(subject, Cooldown(now + seconds, message, reason, now, asked.model))

    def take_checks(self, checks: Iterable[KeyCheck]) -> None:
        """Take what free requests showed of keys: whether a rest goes on, or was for nothing."""
        for check in checks:
            if self._refusals.take(check):
                self._take(check)

    def forget(self, provider_ids: frozenset[int], key_ids: frozenset[str]) -> None:
        """Forget the failures of instances and keys that an operator mended."""
        for subject in list(self._breakers):
            if subject.provider_id in provider_ids or subject.key_id in key_ids:
                del self._breakers[subject]
        for provider_id in provider_ids:
            self._failing.pop(provider_id, None)
            self._worked.pop(provider_id, None)
        self._cooldowns.forget(provider_ids, key_ids)
        self._refusals.forget(provider_ids, key_ids, self._clock())

    def may_retry(self, asked: Asked) -> bool:
        """Take one retry from the caller's budget at an instance, if there is one left."""
        if not self._budgets.take(asked.provider_id, asked.caller, self._clock()):
            return False
        self.is_quiet = False
        return True

    def _take(self, check: KeyCheck) -> None:
        now, key = self._clock(), check.subject
        if check.reason:
            until = check.began + REFUSED_SECONDS
            if until > now:
                self._rest(key, Cooldown(until, check.message, check.reason, check.began))
            return
        ended = self._cooldowns.end(check)
        if check.is_test:
            self._breakers.pop(key, None)
            return
        for each in ended:
            if each.model:
                # The key is taken, so it was about the model that was asked for.
                until = max(now, each.since + model_seconds(each.reason))
                self._rest(key._replace(model=each.model), each._replace(until=until))

    def _rest(self, subject: Subject, cooldown: Cooldown) -> None:
        self.is_quiet = False
        self._cooldowns.add(subject, cooldown)

    def _count(
        self, subject: Subject, asked: Asked, *, is_impersonal: bool = False, may_open: bool = True
    ) -> None:
        self.is_quiet = False
        self._breakers[subject].failed(
            asked.caller,
            self._clock(),
            asked.began,
            is_impersonal=is_impersonal,
            may_open=may_open,
        )

    def _about(self, asked: Asked) -> Iterator[Breaker]:
        for subject in asked.subjects:
            breaker = self._breakers.get(subject)
            if breaker is not None:
                yield breaker

    def _avoided(self, now: float) -> frozenset[int]:
        """Return the unhealthy instances but those that a call should try again by now."""
        if not self._unhealthy:
            return self._unhealthy
        since = now - self._policy.open_seconds
        return frozenset(each for each in self._unhealthy if self._tried.get(each, now) > since)

    def _forget_idle(self, now: float) -> None:
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        self._budgets.refill(now)
        idle = [subject for subject, breaker in self._breakers.items() if breaker.is_idle(now)]
        for subject in idle:
            del self._breakers[subject]
        if not self._breakers:
            self._failing.clear()
            self._worked.clear()
