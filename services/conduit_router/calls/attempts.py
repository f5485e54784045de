"""The attempts of a call: one after the other, until one succeeds or nothing is left to try."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from conduit_kernel.errors import (
    ConduitError,
    InvalidRequest,
    ProviderUnhealthy,
    Scope,
    UpstreamError,
    UpstreamRateLimited,
)
from conduit_router.calls.attempt_ends import end_failed
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.conditions import turn_to_eligible
from conduit_router.calls.hedging import Drop, hedged
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.refusals import wait_for, wait_for_primary
from conduit_router.routing.retry_rules import (
    RETRY_PAUSE_SECONDS,
    USUAL,
    pause_before,
    rule_of,
)

ResultT = TypeVar("ResultT")


async def run_attempts(
    scope: CallScope,
    make: Callable[[CallScope, Attempt], Awaitable[ResultT]],
    begun: tuple[Attempt, Awaitable[ResultT]] | None = None,
    drop: Drop[ResultT] | None = None,
) -> tuple[Attempt, ResultT]:
    """Make attempts until one succeeds; return it and its result. Raises the last failure.

    `begun` is a first attempt that is under way, and what it comes to. With `drop`, which ends an
    answer that nobody takes, a second candidate may be asked beside a slow one.

    An attempt that raises InvalidRequest was none: its dialect cannot say the request, and the next
    candidate is asked. One that raises what is no ConduitError crashed; so does the next one's turn
    come, and the crash is logged.
    """
    failure: ConduitError | None = None
    untranslatable: InvalidRequest | None = None
    plan = scope.plan
    attempt = await _first(scope) if begun is None else begun[0]
    try:
        while attempt is not None:
            try:
                if begun is not None:
                    (_, result), begun = begun, None
                    return attempt, await result
                if scope.begin_attempt(attempt):
                    if drop is not None and attempt.candidate.hedging is not None:
                        attempt, outcome = await hedged(scope, attempt, make, drop)
                        return attempt, await outcome
                    return attempt, await make(scope, attempt)
            except UpstreamError as error:
                failure = error
                pause = _failed(scope, attempt, error)
                attempt = await _next(scope, attempt, error, pause)
            except InvalidRequest as error:
                untranslatable = untranslatable or error
                end_failed(scope, attempt, error)
                plan.rejected()
                attempt = plan.next() or _turned(scope, attempt, error)
            except ConduitError as error:
                raise error from failure
            except Exception as error:  # noqa: BLE001 # a fault of ours must not end the call
                failure = _crashed(scope, attempt, error)
                attempt = plan.next()
            else:
                _note_skipped(scope, attempt)
                plan.skipped()
                attempt = plan.next()
        raise failure or untranslatable or scope.no_candidate()
    finally:
        # An error that refers to this frame, which refers to it, would keep the request's body.
        del failure, untranslatable


def _note_skipped(scope: CallScope, attempt: Attempt) -> None:
    why = ProviderUnhealthy("Its circuit has opened", provider=attempt.key.provider_name)
    scope.note_failure(attempt, why)


async def _first(scope: CallScope) -> Attempt | None:
    """Return the first attempt, for which there may have to be a wait."""
    await _wait_for_primary(scope)
    if not (scope.plan.decision.candidates or await scope.runtime.waiting.wait(scope)):
        raise scope.no_candidate()
    return scope.plan.next()


async def _wait_for_primary(scope: CallScope) -> None:
    """Wait for the first choice as long as the alias's policy prefers that to the next one."""
    if not scope.plan.decision.resting:
        return
    route = scope.runtime.table.routes.get(scope.requirements.model)
    if route is None or route.policy is None:
        return
    wait = wait_for_primary(route, scope.plan.decision)
    if wait is not None and wait <= min(route.policy.prefer_primary_for, scope.left()):
        await _pause(scope, wait)
        scope.decide_again()


async def _next(
    scope: CallScope, failed: Attempt, failure: UpstreamError, pause: float | None
) -> Attempt | None:
    """Return the next attempt once its pause is over, None if there is none."""
    plan = scope.plan
    attempt = plan.next()
    if attempt is not None:
        if pause is not None:
            await _pause(scope, pause)
    elif isinstance(failure, UpstreamRateLimited) and plan.may_go_on:
        # Everybody asked for a pause. Keep it, if the caller's time allows, and the operator.
        scope.decide_again()
        most, wait = rule_of(failed.candidate, failure).max_wait, wait_for(plan.decision)
        is_too_long = most is not None and wait is not None and wait > most
        if not is_too_long and await scope.runtime.waiting.wait(scope):
            attempt = plan.next()
    return attempt


async def pause_before_retry(scope: CallScope) -> None:
    """Leave an instance that was just asked alone for a moment."""
    await _pause(scope, random.uniform(*RETRY_PAUSE_SECONDS))  # noqa: S311 # jitter


async def _pause(scope: CallScope, seconds: float) -> None:
    await asyncio.sleep(seconds)
    scope.waited += seconds


def _failed(scope: CallScope, attempt: Attempt, error: UpstreamError) -> float | None:
    """End an attempt that failed; return the pause before it is repeated, None if it is not."""
    ended = end_failed(scope, attempt, error)
    if ended is not error:
        try:
            raise ended from error
        finally:
            # As above.
            del ended
    pause = _pause_before(scope, attempt, error)
    scope.plan.failed(error, may_retry=pause is not None)
    if error.scope is Scope.REQUEST:
        turn_to_eligible(scope, attempt, error)
    return pause


def _pause_before(scope: CallScope, attempt: Attempt, error: UpstreamError) -> float | None:
    """Return the pause before an attempt is repeated; None if it is not.

    It leaves their share of the call's time to the steps that have not had their turn.
    """
    plan, candidate = scope.plan, attempt.candidate
    limits, most = scope.limits, 0
    if limits.attempts is None:
        most = min(limits.most_attempts, scope.runtime.caps.attempts)
    repetition = plan.repetition(error, most)
    if not repetition:
        return None
    rule, others = rule_of(candidate, error), len(plan.untried_in_order())
    pause = pause_before(rule, error, repetition, random.uniform)
    reserved = limits.total * others / len(plan.decision.candidates)
    if pause is None or pause >= scope.left() - reserved:
        return None
    if rule is USUAL and others and pause > RETRY_PAUSE_SECONDS[1]:
        # The others need not be waited for.
        return None
    return pause if scope.runtime.state.may_retry(scope.asked(attempt)) else None


def _turned(scope: CallScope, attempt: Attempt, error: InvalidRequest) -> Attempt | None:
    """Return an attempt at who may be asked because no other dialect can say the request."""
    turn_to_eligible(scope, attempt, error)
    return scope.plan.next()


def _crashed(scope: CallScope, attempt: Attempt, error: Exception) -> ConduitError:
    """Log a fault of ours; return the error for its caller if nobody else can serve the call."""
    end_failed(scope, attempt, error)
    scope.plan.crashed()
    return ConduitError("Conduit failed in a way it did not foresee")
