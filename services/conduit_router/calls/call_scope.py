"""One call from admission to its end: the clock, the attempts' records, and exactly one finish."""

from types import TracebackType
from typing import Any, Self

import msgspec
import structlog

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import ConduitError, DeadlineExceeded, InvalidRequest
from conduit_kernel.http import Headers, Timeouts
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.operation import AnyOperation, Requirements, WorstCase
from conduit_providers.patience import JOBS, Patience
from conduit_providers.quantities import Quantities
from conduit_router.accounting.call_counts import outcome_of
from conduit_router.calls.call_hooks import CallHooks, hooks_of
from conduit_router.calls.call_report import failure_report
from conduit_router.calls.choice import choose, first_choice, tagged
from conduit_router.calls.failed_attempts import account_for_failure
from conduit_router.calls.media import Media
from conduit_router.calls.needed_cost import needed_for, not_covered
from conduit_router.calls.priced_candidates import only_priced
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import MAX_ATTEMPTS, CallerContext, CallLimits, limits_of, steers
from conduit_router.routing.attempt_plan import Attempt, AttemptPlan
from conduit_router.routing.decide import Decision
from conduit_router.routing.health_view import Asked
from conduit_router.routing.refusals import no_candidate, wait_for
from conduit_router.served_by import CallSummary
from conduit_router.spending.purse import Reserved
from conduit_router.trail.call_end import (
    AttemptEnd,
    CallEnd,
    answered_attempt,
    longer,
    tell_refused,
)
from conduit_router.trail.telling import tell_end
from conduit_router.trail.trace import trace_of, traced
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
    started, requirements, decision = runtime.clock(), None, None
    json = form.json_at_hand
    try:
        if runtime.backlog.refuses_calls or runtime.table.maintenance:
            runtime.check_taken()
        requirements = operation.requirements(form.json if json is None else json, stream=stream)
        requirements = requirements if options is None else tagged(requirements, options)
        if caller.caller.allowed is not None:
            check_model(caller.caller, requirements.model)
        if runtime.under_way.full:
            runtime.under_way.check(caller.caller.virtual_key_id)
        if requirements.fallbacks is not None:
            form = form.without(("fallbacks",))
        route = runtime.table.routes.get(requirements.model)
        is_bound = requirements.resource or requirements.fallbacks is not None
        is_bound = is_bound or (options is not None and steers(options))
        is_bound = is_bound or caller.caller.providers is not None
        if route is not None and not is_bound and runtime.state.is_quiet:
            decision = route.sole_decisions.get((operation.name, requirements.capabilities))
        if decision is None:
            decision = first_choice(runtime, requirements, options, caller, route)
        if not decision.candidates and wait_for(decision) is None:
            error = no_candidate(requirements, decision)
            if route is not None:
                runtime.recorder.count_call(requirements.model, operation.name, error.reason)
            raise error
        own = caller.caller.caps
        is_usual = options is None and own is None
        limits = runtime.limits if is_usual else limits_of(options, runtime.caps, own)
        is_hooked = is_bound or caller.caller.guards or (options is not None and options.cache)
        is_hooked = is_hooked or (route is not None and route.is_hooked)
        hooks = hooks_of(runtime.table, requirements, options, caller) if is_hooked else None
    except ConduitError as error:
        end = CallEnd(runtime.wall_clock(), started, runtime.clock(), caller, "", operation.name)
        end.decision, end.revision = decision, runtime.table.revision
        tell_refused(runtime.end_listeners, end, requirements, error)
        runtime.recorder.end_refused(caller, end.model, operation.name)
        raise
    usual = max(MAX_ATTEMPTS, len(decision.candidates) + len(decision.conditional))
    return CallScope(
        runtime,
        operation,
        form,
        *(requirements, caller, options, limits),
        AttemptPlan(decision, min(limits.attempts or usual, limits.most_attempts)),
        decision,
        runtime.table.revision,
        started,
        started + limits.total,
        json is None,
        hooks,
    )


class CallScope(msgspec.Struct, eq=False):
    """An admitted call. Enter it, make attempts, `succeed`; leaving it ends the call, once.

    Whatever happened - success, failure, the caller's leaving, a crash of ours - each attempt ends
    exactly once (charged, counted, reported to Health) and so does the call (`end_listeners`).
    """

    runtime: CallRuntime
    operation: AnyOperation
    form: Form[Any]
    requirements: Requirements
    caller: CallerContext
    options: CallOptions | None
    limits: CallLimits
    plan: AttemptPlan
    # As it was admitted; the plan's own changes as it goes on.
    decision: Decision
    # Of the configuration by which that was.
    revision: int
    # Seconds of the router's clock.
    started: float
    deadline: float
    is_typed: bool
    hooks: CallHooks | None = None
    # Seconds spent waiting for providers, and in pauses that they asked for.
    waited: float = 0.0
    # What was fetched for one attempt serves all: URL to media type and content.
    media: Media = {}
    media_failure: InvalidRequest | None = None
    # The attempts that are over, in order.
    ended: tuple[Attempt, ...] = ()
    # The attempt under way, of two the one that the call goes on with; those that have failed, or
    # could not be made; the one that did not.
    attempt: Attempt | None = None
    trail: tuple[AttemptEnd, ...] = ()
    # And when.
    succeeded: Attempt | None = None
    succeeded_at: float = 0.0
    # The most that an attempt costs, in nano-dollars; 0 where no budget is hard.
    needed: int = 0
    # What is held of the virtual key's budgets and limits, None where it has none; and for which
    # of its needs that is enough, as nothing was charged yet.
    reserved: Reserved | None = None
    covered: int = 0
    last_decision: Decision | None = None
    # Whether its caller has left, and who reads its stream on ends it.
    is_read_on: bool = False
    _worst_case: WorstCase | None = None

    def __repr__(self) -> str:
        """Name it without the conversation."""
        return f"<CallScope {self.caller.request_id}>"

    def __enter__(self) -> Self:
        """Begin the call, and return the scope."""
        self.runtime.under_way.begin(self.caller.caller.virtual_key_id)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the call, also where a fault of ours keeps its last attempt from ending well."""
        if self.is_read_on:
            return
        self.runtime.under_way.end(self.caller.caller.virtual_key_id)
        try:
            if self.attempt is not None:
                self.end_attempt(self.attempt, error)
        except Exception as fault:
            self._end(error or fault)
            raise
        finally:
            if self.reserved is not None:
                self.reserved.end()
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        recorder, requirements, plan = self.runtime.recorder, self.requirements, self.plan
        try:
            outcome = "" if error is None else outcome_of(error)
            recorder.end_call(self.caller, requirements, plan, self.ended, outcome)
            if isinstance(error, ConduitError):
                error.metadata |= failure_report(plan, self.ended) | traced(self) | error.metadata
        except Exception:  # noqa: BLE001 # the call has ended, whatever listeners make of it
            structlog.get_logger("calls").exception("end_listener_failed")
        tell_end(self, error)

    @property
    def answered_end(self) -> AttemptEnd | None:
        """Return the end of the attempt that answered, None if none did."""
        made = self.succeeded
        return None if made is None else answered_attempt(made, self.succeeded_at)

    def decide_again(self) -> bool:
        """Decide as things are now; return whether there is a candidate."""
        runtime, caller = self.runtime, self.caller
        health, former = runtime.state.view(caller.caller.virtual_key_id), self.plan.decision
        seed, turn = former.seed, former.balance.turn
        decision = choose(
            runtime, self.requirements, self.options, caller, health=health, seed=seed, turn=turn
        )
        usage = caller.caller.usage
        if usage is not None and usage.refuses_unpriced:
            decision = only_priced(runtime.recorder.prices, self.worst_case, decision)
        self.plan.restart(decision)
        self.last_decision = decision
        if self.needed:
            self.note_need(decision)
        return bool(decision.candidates)

    def no_candidate(self) -> ConduitError:
        """Return the error of a call for which nothing is left to try as things are now."""
        self.decide_again()
        return no_candidate(self.requirements, self.plan.decision)

    def note_need(self, decision: Decision) -> None:
        """Note the most that an attempt may cost. CostUnknown if that is unknown."""
        prices, said = self.runtime.recorder.prices, (self.form, self.requirements)
        self.needed = max(self.needed, needed_for(prices, self.worst_case, *said, decision))

    @property
    def worst_case(self) -> WorstCase:
        """Return the most that an attempt uses."""
        if self._worst_case is None:
            self._worst_case = self.operation.worst_case(self.form, self.requirements)
        return self._worst_case

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return self.deadline - self.runtime.clock()

    def begin_attempt(self, attempt: Attempt) -> bool:
        """Start the clock of an attempt; return whether it may be made, as far as circuits go.

        DeadlineExceeded if the call's time is through, or nobody waits for it.
        """
        now = self.runtime.clock()
        left = self.deadline - now
        if left <= 0 or self.is_read_on:
            made = self.plan.attempts - 1
            raise DeadlineExceeded("The request's deadline passed", attempts=str(made))
        if self.needed > self.covered and self.reserved and not self.reserved.covers(self.needed):
            raise not_covered(self.caller.caller.virtual_key_id)
        attempt.began = now
        if self.limits.hops:
            attempt.key = attempt.key.after(self.limits.hops)
        patience, asked = self.patience(attempt), self.limits.attempt
        first = patience.first_token if self.requirements.stream else patience.whole
        usual = first = attempt.candidate.timeout or first
        if asked is not None or attempt.candidate.timeouts is not None:
            usual, first = attempt.limit(asked, first)
        attempt.idle = patience.idle
        attempt.first_event = first = min(left, first)
        attempt.is_cut_short = first < usual
        state = self.runtime.state
        if not state.is_quiet and not state.begin(self.asked(attempt), is_last=attempt.is_last):
            return False
        self.attempt = attempt
        for observer in self.runtime.observers:
            observer.begin(self, attempt)
        if self.runtime.balancer.is_measuring:
            self.runtime.balancer.begin(attempt)
        return True

    def asked(self, attempt: Attempt) -> Asked:
        """Return whom an attempt asks, for whom."""
        candidate, key = attempt.candidate, attempt.key.key_id
        caller = self.caller.caller.virtual_key_id
        return Asked(candidate.provider_id, candidate.model, key, caller, attempt.began)

    def timeouts(self, attempt: Attempt) -> Timeouts:
        """Return the limits of an exchange of an attempt."""
        first, limits = attempt.first_event, attempt.limits
        connect, idle = self.limits.connect, attempt.idle
        total = self.deadline - self.runtime.clock()
        if limits is not None:
            connect, idle = limits.connect or connect, limits.idle or idle
            total = min(total, limits.total or total)
        return Timeouts(min(connect, first), first, idle, total)

    def patience(self, attempt: Attempt) -> Patience:
        """Return how long the candidate may be silent."""
        served = attempt.candidate.instance.served[self.operation.served_as]
        return JOBS if served.is_job else served.endpoint.known_patience[attempt.candidate.model]

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
            version=self.limits.version,
        )
        if candidate.instance.spec.chooses_models:
            call.may_choose = self.caller.is_free
        attempt.dropped = call.dropped
        return call

    def answered(self, attempt: Attempt, headers: Headers) -> None:
        """Note the head of an attempt's answer."""
        self.release(attempt, is_answered=True)
        spec = attempt.candidate.instance.spec
        name = headers.get(spec.request_id_header.encode())
        if name is not None:
            attempt.upstream_request_id = attempt.key.redactor.covered(name).decode("latin-1")

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
        self.attempt = None
        self.ended += (attempt,)
        runtime, now = self.runtime, self.runtime.clock()
        elapsed_ms = (now - attempt.began) * 1000
        if attempt.is_measured:
            runtime.balancer.end(attempt, error, now - attempt.began)
        if error is None:
            if not runtime.state.is_quiet:
                runtime.state.succeeded(self.asked(attempt))
            self.waited += attempt.waited
            counts = runtime.recorder.count_attempt(attempt, self.requirements, elapsed_ms)
        else:
            self.waited += now - attempt.began
            counts = account_for_failure(self, attempt, error, elapsed_ms)
        if attempt.consumption is not None:
            used, ms, paid = attempt.consumption, (now - self.started) * 1000, self.reserved
            self.covered = 0
            attempt.cost = runtime.recorder.charge(
                self.caller, self.requirements, attempt, used, ms, counts=counts, paid_from=paid
            )
        if error is not None:
            self.note_failure(attempt, error)
            return attempt.cost
        self.succeeded, self.succeeded_at = attempt, now
        return attempt.cost

    def note_failure(self, attempt: Attempt, error: BaseException) -> None:
        """Remember an attempt that failed, or could not be made."""
        self.trail = longer(self.trail, attempt, self.runtime.clock(), error)

    def estimate(self, attempt: Attempt, answer: Answer[Any] | None, emitted: int) -> Quantities:
        """Return about what an attempt used, where the provider did not count."""
        served = attempt.candidate.instance.served[self.operation.served_as]
        facts = served.endpoint.facts_of(attempt.candidate.model)
        return self.operation.estimate(self.form, answer, emitted, served.codec, facts)

    def summary(self, attempt: Attempt, cost: int | None = None) -> CallSummary:
        """Say what was done so far."""
        plan = self.plan
        waited = self.waited if self.attempt is None else self.waited + attempt.waited
        summary = CallSummary(
            attempt.served_by or attempt.key.serving(attempt.candidate),
            self.caller.request_id,
            plan.attempts,
            plan.fallbacks,
            round((self.runtime.clock() - self.started - waited) * 1000, 3),
            cost,
            attempt.dropped,
            attempt.upstream_request_id,
        )
        if self.reserved is not None:
            summary.standings = self.reserved.standings(self.runtime.clock())
        if self.options is not None and self.options.trace:
            summary.trace = trace_of(self, attempt if self.attempt is not None else None)
        return summary

    def succeed(self, attempt: Attempt) -> CallSummary:
        """End an attempt that answered; say what was done and what it cost."""
        return self.summary(attempt, self.end_attempt(attempt, None))
