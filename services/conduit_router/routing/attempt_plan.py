"""What follows a failure: the way of one call through its candidates, without any I/O."""

import msgspec

from conduit_kernel.errors import Scope, UpstreamError
from conduit_router.routing.decide import Decision
from conduit_router.routing.table import Candidate, UpstreamKey


class Attempt(msgspec.Struct, frozen=True):
    """The next attempt."""

    candidate: Candidate
    key: UpstreamKey
    # Whether the instance was just asked and failed in a way that may pass: pause, with jitter.
    is_retry: bool


class AttemptPlan(msgspec.Struct):
    """Yields the attempts of one call. Ask `next`, and tell `failed` what came of it."""

    decision: Decision
    max_attempts: int
    attempts: int = 0
    fallbacks: int = 0
    # Where it is: the stop, the key there, and whether the last attempt is to be made again.
    _stop: int = 0
    _key: int = 0
    _retry: bool = False
    _retried: bool = False

    def next(self) -> Attempt | None:
        """Return the next attempt, or None when nothing is left to try."""
        stops = self.decision.candidates
        if self._stop >= len(stops) or self.attempts >= self.max_attempts:
            return None
        stop = stops[self._stop]
        self.attempts += 1
        return Attempt(stop.candidate, stop.keys[self._key], self._retry)

    def failed(self, error: UpstreamError, *, may_retry: bool) -> None:
        """Take in that the last attempt failed. `may_retry`: the instance's budget allows it."""
        self._retry = False
        if error.scope is Scope.REQUEST:
            self._stop = len(self.decision.candidates)
        elif error.scope is Scope.KEY:
            self._next_key()
        elif error.is_transient and may_retry and not self._retried:
            self._retry = self._retried = True
        else:
            self._next_stop()

    def again(self) -> bool:
        """Start over at the first candidate; return whether an attempt is left for it."""
        self._stop = self._key = 0
        self._retry = self._retried = False
        return self.attempts < self.max_attempts

    def _next_key(self) -> None:
        self._key += 1
        if self._key >= len(self.decision.candidates[self._stop].keys):
            self._next_stop()

    def _next_stop(self) -> None:
        self._stop += 1
        self._key = 0
        self._retried = False
        if self._stop < len(self.decision.candidates):
            self.fallbacks += 1
