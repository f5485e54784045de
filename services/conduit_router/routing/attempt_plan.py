"""What follows a failure: the attempts of one call over its candidates, without any I/O."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from conduit.v1.charge_pb2 import UsageSource
from conduit_kernel.errors import Scope, UpstreamError
from conduit_providers.quantities import Quantities
from conduit_router.routing.balancing import Place
from conduit_router.routing.decide import CandidateKeys, Decision
from conduit_router.routing.health_view import Asked
from conduit_router.routing.policy import AttemptTimeouts, within
from conduit_router.routing.retry_rules import class_of, rule_of, usual_attempts
from conduit_router.routing.table import Candidate, UpstreamKey, UpstreamTarget
from conduit_router.served_by import ServedBy


class Consumption(msgspec.Struct, frozen=True, gc=False):
    """The consumption of an attempt, and how well it is known."""

    usage: Quantities
    source: UsageSource.ValueType
    is_complete: bool


class Outrun(Exception):  # an end, and nobody's fault
    """Another candidate, asked beside this one, was first."""


class Attempt(msgspec.Struct):
    """One attempt at a candidate with one of its keys."""

    candidate: Candidate
    key: UpstreamKey
    # Whether the instance was just asked and failed in a way that may pass: pause, with jitter.
    is_retry: bool
    # Whether nobody else is left to ask, see `CandidateKeys`.
    is_last: bool = False
    # Seconds of the router's clock.
    began: float = 0.0
    # What its operator and its caller say of its time; None where that is nothing.
    limits: AttemptTimeouts | None = None
    # How long its answer may be silent once it has begun, in seconds.
    idle: float = 0.0
    # How long it may wait for the first byte, or the first event, of its answer, in seconds.
    first_event: float = 0.0
    # Whether that is less than usual, as its caller wanted.
    is_cut_short: bool = False
    # How long it waited for the provider, in seconds.
    waited: float = 0.0
    # Whether the provider may have the request.
    is_sent: bool = False
    # What it used so far; charged when it ends, however it ends.
    consumption: Consumption | None = None
    # In nano-dollars, once it was charged; None if unknown.
    cost: int | None = None
    # The parameters that were left out, as the provider does not take them.
    dropped: list[str] = []
    # The provider's own id of the request.
    upstream_request_id: str = ""
    # Whether the balancer counts it among the calls under way.
    is_measured: bool = False
    # The id of its span, where the call is traced; 0 where it is not. What its provider is told of
    # it, as the header `traceparent`, where its type takes that.
    span_id: int = 0
    traceparent: bytes = b""
    # Who answers, where that is known already.
    served_by: ServedBy | None = None

    def upstream(self, operation: str) -> UpstreamTarget:
        """Return where it goes, which the instance's type must serve; requests tell its trace."""
        target = self.key.endpoint(operation)
        if not self.traceparent:
            return target
        # Their heads are no other requests'.
        return replace(target, traceparent=self.traceparent, prepared={}, straight_ways={})

    def limit(self, asked: AttemptTimeouts | None, patience: float) -> tuple[float, float]:
        """Take the limits of operator and caller; return the usual time of a first event, and its.

        `patience` is the time that nobody has set.
        """
        own = self.candidate.timeouts or AttemptTimeouts()
        own = own._replace(first_event=self.candidate.timeout)
        self.limits = own if asked is None else within(asked, own)
        return _first_event(own, patience), _first_event(self.limits, patience)


def _first_event(limits: AttemptTimeouts, patience: float) -> float:
    first = limits.first_event or patience
    return first if limits.total is None else min(first, limits.total)


class AttemptPlan(msgspec.Struct):
    """Yields the attempts of one call. Ask `next`, and tell what came of it.

    Neither a retry nor another key of an instance takes the chance of a candidate behind it: each
    is asked once, as far as the attempts go, before they are used on one that was.
    """

    decision: Decision
    max_attempts: int
    attempts: int = 0
    fallbacks: int = 0
    # The attempts whose failures may be the request's.
    suspects: tuple[Asked, ...] = ()
    # Where it is: the candidate, the key there, and whether the last attempt is to be made again.
    _candidate: int = 0
    _key: int = 0
    _retry: bool = False
    _retried: bool = False
    # How many candidates have had their turn.
    _reached: int = 0
    # How often attempts at a step ended in failures whose number its operator has limited, by class
    # of failure, and the steps that have had all of theirs.
    _counted: Counter[tuple[Place, int]] | None = None
    _spent: frozenset[Place] = frozenset()

    def next(self) -> Attempt | None:
        """Return the next attempt, or None when nothing is left to try."""
        candidates = self.decision.candidates
        if self._candidate >= len(candidates) or self.attempts >= self.max_attempts:
            return None
        chosen = candidates[self._candidate]
        self.attempts += 1
        self._reached = max(self._reached, self._candidate + 1)
        return Attempt(chosen.candidate, chosen.keys[self._key], self._retry, chosen.is_last)

    def repetition(self, error: UpstreamError, most_attempts: int = 0) -> int:
        """Count a failure; return which repetition at its step with the same key may follow, or 0.

        Where its operator says how many, there are attempts for them, `most_attempts` in all; and
        for each of its keys where others are refused.
        """
        step = self.decision.candidates[self._candidate]
        most = rule_of(step.candidate, error).attempts
        if most is None:
            repetition = int(usual_attempts(error) > 1 and not self._retried)
        else:
            repetition = self._count(step.candidate, error, most)
            wanted = self.attempts + 1 + len(self.untried_in_order())
            self.max_attempts = max(self.max_attempts, min(wanted, most_attempts))
        has_other_key = error.scope is Scope.KEY and self._key + 1 < len(step.keys)
        if has_other_key and error.is_conclusive:
            # Another key is no repetition: that some are refused must not hide one that is not.
            wanted = self.attempts + 1 + len(self.untried_in_order())
            self.max_attempts = max(self.max_attempts, min(wanted, most_attempts))
        return 0 if has_other_key or not self._has_spare() else repetition

    def failed(self, error: UpstreamError, *, may_retry: bool) -> None:
        """Take in that the last attempt failed. `may_retry`: it may be repeated, after a pause."""
        step = self.decision.candidates[self._candidate]
        self._retry = False
        if error.scope is Scope.REQUEST:
            self._candidate = len(self.decision.candidates)
        elif may_retry:
            self._retry = self._retried = True
            if error.scope is Scope.KEY:
                self._key = 0
        elif error.scope is Scope.KEY and self._has_spare() and not self._is_spent(step):
            self._next_key()
        else:
            self._next_candidate()

    def _count(self, step: Candidate, error: UpstreamError, most: int) -> int:
        """Count a failure of which a step may have so many; return how many it had, 0 if all."""
        kind, place = class_of(error), (step.provider_id, step.model)
        self._counted = counted = self._counted or Counter()
        counted[place, kind or 0] += 1
        if counted[place, kind or 0] < most:
            return counted[place, kind or 0]
        self._spent |= {place}
        return 0

    def _is_spent(self, step: CandidateKeys) -> bool:
        return (step.candidate.provider_id, step.candidate.model) in self._spent

    def rejected(self) -> None:
        """Take in that the last candidate cannot be asked at all: that was no attempt."""
        self.unmade()
        self._retry = self._retried = False
        self._candidate += 1
        self._key = 0

    def skipped(self) -> None:
        """Take in that the last attempt was not made, as a circuit opened meanwhile."""
        self.unmade()
        self._next_candidate()

    def interrupted(self) -> bool:
        """Take in that an answer broke off on its way: leave the candidate, for the first again.

        That is once, and only where no other is left. Return whether it is so: pause, with jitter.
        """
        self._next_candidate()
        candidates = len(self.decision.candidates)
        if self._candidate >= candidates >= self.attempts:
            self.restart(self.decision)
            return True
        return False

    def once_more(self) -> bool:
        """Count another request of the last attempt; return whether one is left."""
        is_left = self.attempts < self.max_attempts
        self.attempts += is_left
        return is_left

    def hedge(self) -> Attempt | None:
        """Return an attempt at the next candidate beside the last one; None if there is none.

        Made, it is `once_more`; the plan stays where it is, until the last one is `overtaken`.
        """
        following = self.untried_in_order()
        if not following or following[0].is_last or not self.may_go_on:
            return None
        return Attempt(following[0].candidate, following[0].keys[0], is_retry=False)

    def overtaken(self) -> None:
        """Take in that the call goes on with the attempt beside the last one."""
        self._next_candidate()
        self._reached += 1

    def unmade(self) -> None:
        """Take in that an attempt was none."""
        self.attempts -= 1

    def crashed(self) -> None:
        """Take in that the last attempt failed by a fault of ours: leave the candidate."""
        self._next_candidate()

    @property
    def may_go_on(self) -> bool:
        """Tell whether an attempt is left."""
        return self.attempts < self.max_attempts

    def untried(self) -> list[CandidateKeys]:
        """Return the candidates that have not had their turn, and those with conditions."""
        return [*self.untried_in_order(), *self.decision.conditional]

    def untried_in_order(self) -> Sequence[CandidateKeys]:
        """Return the candidates that will have their turn."""
        return self.decision.candidates[max(self._reached, 1) :]

    def turn_to(self, eligible: Sequence[CandidateKeys]) -> None:
        """Go on with these alone, which were untried."""
        left = tuple(each for each in self.decision.conditional if each not in eligible)
        tried = self.decision.candidates[: self._reached]
        self.decision = msgspec.structs.replace(
            self.decision, candidates=(*tried, *eligible), conditional=left
        )
        self._candidate, self._key = self._reached, 0
        self._retry = self._retried = False
        self.fallbacks += 1

    def restart(self, decision: Decision) -> None:
        """Start over with what can be tried now."""
        if self._spent:
            left = tuple(each for each in decision.candidates if not self._is_spent(each))
            decision = msgspec.structs.replace(decision, candidates=left)
        self.decision = decision
        self._candidate = self._key = self._reached = 0
        self._retry = self._retried = False

    def _has_spare(self) -> bool:
        return self.max_attempts - self.attempts > len(self.untried_in_order())

    def _next_key(self) -> None:
        self._key += 1
        if self._key >= len(self.decision.candidates[self._candidate].keys):
            self._next_candidate()

    def _next_candidate(self) -> None:
        self._candidate += 1
        self._key = 0
        self._retry = self._retried = False
        if self._candidate < len(self.decision.candidates):
            self.fallbacks += 1
