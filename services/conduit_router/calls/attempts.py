"""One call under way: where it may go, until when, and what it met so far."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from conduit.v1.call_pb2 import CallOptions, CallReport
from conduit_kernel.errors import (
    ConduitError,
    DeadlineExceeded,
    InsufficientFunds,
    InvalidApiKey,
    InvalidRequest,
    Scope,
    UpstreamError,
    UpstreamRateLimited,
)
from conduit_router.routing.attempt_plan import Attempt, AttemptPlan
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.requirements import Requirements
from conduit_router.routing.table import Caller
from conduit_router.upstream.outcomes import Outcomes

ResultT = TypeVar("ResultT")

CALL_SECONDS = 600.0
MAX_CALL_SECONDS = 3600.0
# Until the first byte, where no fallback chain says otherwise.
ATTEMPT_SECONDS = 300.0
MAX_ATTEMPTS = 4
# A pause asked for by the only provider is kept within the request; a longer one is the caller's.
MAX_WAIT_SECONDS = 10.0
# The pause before an instance is asked again, drawn at random.
RETRY_PAUSE_SECONDS = (0.02, 0.15)
# How long a key rests after a failure of its own.
REST_SECONDS = {InvalidApiKey: 300.0, InsufficientFunds: 300.0, UpstreamRateLimited: 5.0}


class CallContext(msgspec.Struct):
    """One call under way."""

    wants: Requirements
    caller: Caller
    request_id: str
    trip: AttemptPlan
    # Seconds of the router's clock.
    started: float
    deadline: float
    is_strict: bool
    # Seconds spent waiting for providers.
    waited: float = 0.0

    def fill(self, report: CallReport, leg: Attempt, now: float) -> None:
        """Tell what was done, so far without the cost."""
        candidate, key, trip = leg.candidate, leg.key, self.trip
        report.request_id = self.request_id
        report.provider_id = candidate.provider_id
        report.provider_name = key.provider_name
        report.key_id = key.key_id
        report.actual_model_name = candidate.model
        report.attempts = trip.attempts
        if trip.fallbacks:
            report.fallbacks = trip.fallbacks
        report.overhead_ms = round((now - self.started - self.waited) * 1000, 3)


class RetryLoop:
    """Leads journeys through their attempts."""

    def __init__(
        self, vitals: ProviderState, outcomes: Outcomes, clock: Callable[[], float]
    ) -> None:
        self._vitals = vitals
        self._outcomes = outcomes
        self._clock = clock

    async def lead(
        self,
        journey: CallContext,
        attempt: Callable[[CallContext, Attempt, float], Awaitable[ResultT]],
        on_failure: Callable[[int, float], None],
    ) -> tuple[ResultT, Attempt]:
        """Make attempts until one succeeds; return its result. Raises the last failure.

        `attempt` gets the seconds it may wait for the first byte. `on_failure` is told the
        instance and how many seconds it took.
        """
        failure: ConduitError | None = None
        leg = journey.trip.next()
        while leg is not None:
            began = self._clock()
            limit = min(journey.deadline - began, leg.candidate.timeout or ATTEMPT_SECONDS)
            if limit <= 0:
                raise DeadlineExceeded(
                    "The request's deadline passed", attempts=str(journey.trip.attempts - 1)
                ) from failure
            self._vitals.begin(leg.candidate.provider_id)
            try:
                result = await attempt(journey, leg, limit)
            except UpstreamError as error:
                failure = error
                seconds = self._clock() - began
                journey.waited += seconds
                on_failure(leg.candidate.provider_id, seconds)
                self._failed(journey, leg, error)
                leg = await self._next(journey, error)
            else:
                self._vitals.succeeded(leg.candidate.provider_id)
                return result, leg
        raise failure or DeadlineExceeded("No attempt was allowed", attempts="0")

    async def _next(self, journey: CallContext, failure: UpstreamError) -> Attempt | None:
        leg = journey.trip.next()
        if leg is None and isinstance(failure, UpstreamRateLimited):
            # Everybody asked for a pause. Keep it, if the caller's time allows.
            pause = int(failure.metadata.get("retry_after_ms", "1000")) / 1000
            pause *= random.uniform(1.0, 1.2)  # noqa: S311 # jitter is no secret
            left = journey.deadline - self._clock()
            if pause < min(left, MAX_WAIT_SECONDS) and journey.trip.again():
                await self._pause(journey, pause)
                leg = journey.trip.next()
        elif leg is not None and leg.is_retry:
            await self._pause(journey, random.uniform(*RETRY_PAUSE_SECONDS))  # noqa: S311 # jitter
        return leg

    async def _pause(self, journey: CallContext, seconds: float) -> None:
        await asyncio.sleep(seconds)
        journey.waited += seconds

    def _failed(self, journey: CallContext, leg: Attempt, error: UpstreamError) -> None:
        provider_id, key_id = leg.candidate.provider_id, leg.key.key_id
        self._outcomes.failed(leg.candidate, leg.key, error)
        may_retry = False
        if error.scope is Scope.INSTANCE:
            self._vitals.failed(provider_id)
            may_retry = error.is_transient and self._vitals.may_retry(provider_id)
        elif error.scope is Scope.KEY:
            told = error.metadata.get("retry_after_ms")
            seconds = int(told) / 1000 if told else REST_SECONDS.get(type(error), 30.0)
            self._vitals.rest(key_id, seconds, error.message)
        journey.trip.failed(error, may_retry=may_retry)


class CallLimits(msgspec.Struct, frozen=True):
    """What a call may take."""

    seconds: float = CALL_SECONDS
    attempts: int = MAX_ATTEMPTS
    # Whether what a provider does not take is refused rather than left out.
    is_strict: bool = False


DEFAULT_LIMITS = CallLimits()


def limits_of(options: CallOptions | None) -> CallLimits:
    """Return the bounds that a caller asks for. InvalidRequest if they make no sense."""
    if options is None:
        return DEFAULT_LIMITS
    seconds, attempts = CALL_SECONDS, MAX_ATTEMPTS
    if options.HasField("timeout"):
        seconds = options.timeout.ToTimedelta().total_seconds()
        if not 0 < seconds <= MAX_CALL_SECONDS:
            raise InvalidRequest(
                f"timeout must be above 0 and at most {MAX_CALL_SECONDS:.0f}s", field="timeout"
            )
    if options.HasField("max_attempts"):
        attempts = options.max_attempts
        if attempts < 1:
            raise InvalidRequest("max_attempts must be at least 1", field="max_attempts")
    return CallLimits(seconds, attempts, options.strict_parameters)
