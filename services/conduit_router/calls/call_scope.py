"""One call from admission to its end: the clock, the attempts' records, and exactly one finish."""

from types import TracebackType
from typing import Any, Self

import structlog

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE
from conduit_kernel.errors import (
    ConduitError,
    DeadlineExceeded,
    InvalidRequest,
    StreamInterrupted,
    UpstreamError,
)
from conduit_kernel.http import Headers, Timeouts
from conduit_providers.calls import Answer, Call, Form, without_members
from conduit_providers.operation import AnyOperation, Requirements
from conduit_providers.patience import JOBS, Patience
from conduit_providers.quantities import Quantities
from conduit_router.accounting.call_counts import outcome_of
from conduit_router.calls.call_report import failure_report
from conduit_router.calls.choice import choose
from conduit_router.calls.media import Media
from conduit_router.calls.own_limits import is_own_limit
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import MAX_ATTEMPTS, CallerContext, CallLimits, limits_of
from conduit_router.routing.attempt_plan import Attempt, AttemptPlan, Consumption
from conduit_router.routing.decide import decide
from conduit_router.routing.health_view import HEALTHY, Asked
from conduit_router.routing.refusals import no_candidate, wait_for
from conduit_router.served_by import CallSummary
from conduit_router.virtual_keys import check_model


def admit(
    runtime: CallRuntime,
    operation: AnyOperation,
    form: Form[Any],
    options: CallOptions | None,
    caller: CallerContext,
    *,
    stream: bool,
) -> "CallScope":
    """Admit a call and decide where it may go. A ConduitError if it may not, or nowhere."""
    if runtime.backlog.refuses_calls:
        raise runtime.backlog.refusal()
    started = runtime.clock()
    json = form.json_at_hand
    is_typed = json is None
    requirements = operation.requirements(form.json if json is None else json, stream=stream)
    check_model(caller.caller, requirements.model)
    has_seed = options is not None and options.HasField("seed")
    seed = options.seed if options is not None and has_seed else runtime.draw_seed()
    state = runtime.state
    health = HEALTHY if state.is_quiet else state.view(caller.caller.virtual_key_id)
    if requirements.fallbacks is not None:
        form = without_members(form, ("fallbacks",))
    route = runtime.table.routes.get(requirements.model)
    if route is not None and route.policy is None and _is_plain(options, requirements):
        decision = decide(route, requirements, health, seed, caller.peer)
    else:
        decision = choose(runtime, requirements, options, caller, health=health, seed=seed)
    if not decision.candidates and wait_for(decision) is None:
        error = no_candidate(requirements, decision)
        if route is not None:
            runtime.recorder.count_call(requirements.model, operation.name, error.reason)
        raise error
    limits = runtime.limits if options is None else limits_of(options, runtime.caps)
    candidates = len(decision.candidates) + len(decision.conditional)
    plan = AttemptPlan(decision, limits.attempts or max(MAX_ATTEMPTS, candidates))
    return CallScope(
        runtime=runtime,
        operation=operation,
        form=form,
        requirements=requirements,
        caller=caller,
        options=options,
        limits=limits,
        plan=plan,
        started=started,
        is_typed=is_typed,
    )


def account_for(scope: "CallScope", error: BaseException | None) -> None:
    """Count a call that has ended; where it failed, let its error tell what was done for it."""
    plan, requirements, ended = scope.plan, scope.requirements, scope.ended
    outcome = "" if error is None else outcome_of(error)
    scope.runtime.recorder.end_call(scope.caller, requirements, plan, ended, outcome)
    if isinstance(error, ConduitError):
        error.metadata |= failure_report(plan, ended) | error.metadata


def _is_plain(options: CallOptions | None, requirements: Requirements) -> bool:
    """Return whether a call leaves it to the Router where it goes."""
    has_wishes = options is not None and (options.fallbacks or options.providers)
    return requirements.fallbacks is None and not has_wishes


class CallScope:
    """An admitted call. Enter it, make attempts, `succeed`; leaving it ends the call, once.

    Whatever happened - success, failure, the caller's leaving, a crash of ours - each attempt ends
    exactly once (charged, counted, reported to Health) and so does the call (`end_listeners`).
    """

    __slots__ = (
        "_attempt",
        "_has_ended",
        "_media_failure",
        "caller",
        "deadline",
        "ended",
        "form",
        "is_typed",
        "limits",
        "media",
        "operation",
        "options",
        "plan",
        "requirements",
        "runtime",
        "started",
        "waited",
    )

    def __init__(
        self,
        *,
        runtime: CallRuntime,
        operation: AnyOperation,
        form: Form[Any],
        requirements: Requirements,
        caller: CallerContext,
        options: CallOptions | None,
        limits: CallLimits,
        plan: AttemptPlan,
        started: float,
        is_typed: bool,
    ) -> None:
        self.runtime = runtime
        self.operation = operation
        self.form = form
        self.requirements = requirements
        self.caller = caller
        self.options = options
        self.limits = limits
        self.plan = plan
        # Seconds of the router's clock.
        self.started = started
        self.deadline = started + limits.total
        self.is_typed = is_typed
        # Seconds spent waiting for providers, and in pauses that they asked for.
        self.waited = 0.0
        # What was fetched for one attempt serves all: URL to media type and content.
        self.media: Media = {}
        self._media_failure: InvalidRequest | None = None
        # The attempts that are over, in order.
        self.ended: tuple[Attempt, ...] = ()
        self._attempt: Attempt | None = None
        self._has_ended = False

    def __enter__(self) -> Self:
        """Return the scope."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the call, also where a fault of ours keeps its last attempt from ending well."""
        try:
            if self._attempt is not None:
                self.end_attempt(self._attempt, error)
        except Exception as fault:
            self._tell_listeners(error or fault)
            raise
        self._tell_listeners(error)

    def _tell_listeners(self, error: BaseException | None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        for listener in (account_for, *self.runtime.end_listeners):
            try:
                listener(self, error)
            except Exception:  # noqa: BLE001 # the call has ended, whatever listeners make of it
                structlog.get_logger("calls").exception("end_listener_failed")

    def decide_again(self) -> bool:
        """Decide as things are now; return whether there is a candidate."""
        runtime, caller = self.runtime, self.caller
        health = runtime.state.view(caller.caller.virtual_key_id)
        seed = self.plan.decision.seed
        decision = choose(
            runtime, self.requirements, self.options, caller, health=health, seed=seed
        )
        self.plan.restart(decision)
        return bool(decision.candidates)

    def no_candidate(self) -> ConduitError:
        """Return the error of a call for which nothing is left to try as things are now."""
        self.decide_again()
        return no_candidate(self.requirements, self.plan.decision)

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return self.deadline - self.runtime.clock()

    def begin_attempt(self, attempt: Attempt) -> bool:
        """Start the clock of an attempt; return whether it may be made, as far as circuits go.

        DeadlineExceeded if the call's time is through.
        """
        now = self.runtime.clock()
        left = self.deadline - now
        if left <= 0:
            made = self.plan.attempts - 1
            raise DeadlineExceeded("The request's deadline passed", attempts=str(made))
        attempt.began = now
        if self.limits.hops:
            attempt.key = attempt.key.after(self.limits.hops)
        patience, asked = self.patience(attempt), self.limits.attempt
        first = patience.first_token if self.requirements.stream else patience.whole
        usual = first = attempt.candidate.timeout or first
        if asked is not None or attempt.candidate.timeouts is not None:
            usual, first = attempt.limit(asked, first)
        attempt.first_event = min(left, first)
        attempt.is_cut_short = attempt.first_event < usual
        state = self.runtime.state
        if not state.is_quiet and not state.begin(self.asked(attempt), is_last=attempt.is_last):
            return False
        self._attempt = attempt
        if self.runtime.balancer.is_measuring:
            self.runtime.balancer.begin(attempt)
        return True

    def asked(self, attempt: Attempt) -> Asked:
        """Return whom an attempt asks, for whom."""
        candidate, caller = attempt.candidate, self.caller.caller.virtual_key_id
        return Asked(
            candidate.provider_id, candidate.model, attempt.key.key_id, caller, attempt.began
        )

    def timeouts(self, attempt: Attempt) -> Timeouts:
        """Return the limits of an exchange of an attempt."""
        first, limits = attempt.first_event, attempt.limits
        connect, idle, total = self.limits.connect, self.patience(attempt).idle, self.left()
        if limits is not None:
            connect, idle = limits.connect or connect, limits.idle or idle
            total = min(total, limits.total or total)
        return Timeouts(min(connect, first), first, idle, total)

    def patience(self, attempt: Attempt) -> Patience:
        """Return how long the candidate may be silent."""
        served = attempt.candidate.instance.served[self.operation.name]
        if served.job_codec is not None:
            return JOBS
        endpoint, model = served.endpoint, attempt.candidate.model
        return endpoint.known_patience.get(model) or endpoint.patience_of(model)

    async def fetch_media(self, native: tuple[str, ...]) -> Media:
        """Return what the request refers to by URL, fetched once for all attempts.

        What begins with one of `native` is left to the provider. InvalidRequest if it cannot be
        had, to all attempts alike.
        """
        if self._media_failure is not None:
            raise self._media_failure
        named = self.operation.media(self.form)
        urls = {url for url in named if not url.startswith(native)}
        try:
            self.media |= await self.runtime.media.fetch(urls - self.media.keys())
        except InvalidRequest as error:
            self._media_failure = error
            raise
        return self.media

    def call(self, attempt: Attempt) -> Call[Any]:
        """Return the call as the attempt's codec gets it."""
        requirements, candidate = self.requirements, attempt.candidate
        call = Call(
            self.form,
            alias=requirements.model,
            model=candidate.model,
            stream=requirements.stream,
            include_usage=requirements.include_usage,
            is_strict=self.limits.is_strict or candidate.is_strict,
            provider=attempt.key.provider_name,
            created=int(self.runtime.wall_clock()),
            betas=self.limits.betas,
        )
        attempt.dropped = call.dropped
        return call

    def abandon_attempt(self, attempt: Attempt) -> None:
        """Forget an attempt that was none: nothing was sent."""
        self._attempt = None
        self.release(attempt)
        if attempt.is_measured:
            self.runtime.balancer.abandon(attempt)
        self.waited += self.runtime.clock() - attempt.began

    def answered(self, attempt: Attempt, headers: Headers) -> None:
        """Note the head of an attempt's answer."""
        self.release(attempt, is_answered=True)
        spec = attempt.candidate.instance.spec
        name = headers.get(spec.request_id_header.encode())
        if name is not None:
            attempt.upstream_request_id = name.decode("latin-1")

    def release(self, attempt: Attempt, *, is_answered: bool = False) -> None:
        """Let others probe what an attempt probed, whatever it came to."""
        if not self.runtime.state.is_quiet:
            self.runtime.state.release(self.asked(attempt), is_answered=is_answered)

    def note_success(self, attempt: Attempt, headers: Headers) -> None:
        """Note a whole answer, and tell Health."""
        self.answered(attempt, headers)
        outcomes, waited_ms = self.runtime.outcomes, attempt.waited * 1000
        outcomes.succeeded(attempt.candidate, attempt.key, waited_ms, headers)

    def end_attempt(self, attempt: Attempt, error: BaseException | None) -> int | None:
        """Account for an attempt; return its cost in nano-dollars, None if unknown or nothing."""
        self._attempt = None
        self.ended += (attempt,)
        runtime = self.runtime
        now = runtime.clock()
        elapsed_ms = (now - attempt.began) * 1000
        if attempt.is_measured:
            runtime.balancer.end(attempt, error, now - attempt.began)
        if error is None:
            if not runtime.state.is_quiet:
                runtime.state.succeeded(self.asked(attempt))
            self.waited += attempt.waited
            runtime.recorder.count_attempt(attempt, self.requirements, elapsed_ms)
        else:
            self.waited += now - attempt.began
            self._end_in_failure(attempt, error, elapsed_ms)
        if attempt.consumption is None:
            return None
        attempt.cost = runtime.recorder.charge(
            self.caller,
            self.requirements,
            attempt,
            attempt.consumption,
            (now - self.started) * 1000,
        )
        return attempt.cost

    def _end_in_failure(self, attempt: Attempt, error: BaseException, elapsed_ms: float) -> None:
        runtime, candidate = self.runtime, attempt.candidate
        runtime.recorder.count_attempt(attempt, self.requirements, elapsed_ms, error)
        if isinstance(error, UpstreamError):
            if isinstance(error, StreamInterrupted) and not is_own_limit(self, attempt, error):
                # What was handed out already cannot be asked for again, but the cut counts.
                runtime.outcomes.failed(
                    candidate, attempt.key, error, self.caller.caller.virtual_key_id
                )
                runtime.state.failed(self.asked(attempt))
            elif isinstance(error, StreamInterrupted):
                self.release(attempt)
            return
        self.release(attempt)
        if attempt.is_sent and attempt.consumption is None:
            # Nobody waits any more, but the provider may have the question.
            usage = self.estimate(attempt, None, 0)
            attempt.consumption = Consumption(usage, USAGE_SOURCE_ESTIMATE, is_complete=False)

    def estimate(self, attempt: Attempt, answer: Answer[Any] | None, emitted: int) -> Quantities:
        """Return about what an attempt used, where the provider did not count."""
        codec = attempt.candidate.instance.served[self.operation.name].codec
        return self.operation.estimate(self.form, answer, emitted, codec)

    def summary(self, attempt: Attempt, cost: int | None = None) -> CallSummary:
        """Say what was done so far."""
        plan, waited = self.plan, self.waited
        if self._attempt is not None:
            waited += attempt.waited
        return CallSummary(
            attempt.served_by or attempt.key.serving(attempt.candidate),
            self.caller.request_id,
            plan.attempts,
            plan.fallbacks,
            round((self.runtime.clock() - self.started - waited) * 1000, 3),
            cost,
            attempt.dropped,
            attempt.upstream_request_id,
        )

    def succeed(self, attempt: Attempt) -> CallSummary:
        """End an attempt that answered; say what was done and what it cost."""
        return self.summary(attempt, self.end_attempt(attempt, None))
