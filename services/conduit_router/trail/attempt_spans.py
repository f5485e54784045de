"""A span for each attempt at a provider, of the kind that clients have, written once it is over.

By the conventions of generative AI, where a gateway is a client; names in `telemetry/names`.
"""

from collections.abc import Callable, Iterator

from opentelemetry import trace

from conduit_kernel.telemetry import names
from conduit_kernel.telemetry.sdk import SpanIds
from conduit_router.accounting.charging import NANO
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.trail.attempt_facts import AttemptFacts, CallAttempts, Tokens, attempts_of

_SECOND = 1_000_000_000
_Said = tuple[str, str | int | float]


class AttemptSpans:
    """Writes the spans of calls' attempts, children of the request's own."""

    def __init__(
        self,
        tracer: trace.Tracer,
        ids: SpanIds,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        *,
        tells_old_names: bool,
    ) -> None:
        """Take `clock` for what attempts are timed by, `wall_clock` for seconds since 1970."""
        self._tracer = tracer
        self._ids = ids
        self._clock = clock
        self._wall_clock = wall_clock
        self._tells_old_names = tells_old_names

    def begin(self, call: CallAttempts, attempt: Attempt) -> None:
        """Have the provider's own spans be children of the attempt's, where its type takes that."""
        parent = trace.get_current_span().get_span_context()
        if not parent.is_valid or not parent.trace_flags.sampled:
            return
        attempt.span_id = self._ids.draw()
        if attempt.candidate.instance.spec.takes_trace_context:
            said = f"00-{parent.trace_id:032x}-{attempt.span_id:016x}-01"
            attempt.key = attempt.key.tracing(said)

    def end(self, call: CallAttempts) -> None:
        """Write the spans of a call's attempts."""
        parent = trace.get_current_span().get_span_context()
        if parent.is_valid and not parent.trace_flags.sampled:
            return
        began = self._wall_clock() - self._clock()
        for facts in attempts_of(call):
            self._write(call, facts, began)

    def _write(self, call: CallAttempts, facts: AttemptFacts, began: float) -> None:
        attempt, operation = facts.attempt, call.operation.served_as
        name = names.INFERENCES.get(operation) or names.OTHERS.get(operation, operation)
        said = dict(self._said(call, facts, name))
        if attempt.span_id:
            self._ids.give(attempt.span_id)
        span = self._tracer.start_span(
            f"{name} {attempt.candidate.model}",
            kind=trace.SpanKind.CLIENT,
            attributes=said,
            start_time=int((began + attempt.began) * _SECOND),
        )
        if facts.failure is not None:
            span.set_status(trace.StatusCode.ERROR)
        span.end(int((began + facts.ended) * _SECOND))

    def _said(self, call: CallAttempts, facts: AttemptFacts, operation: str) -> Iterator[_Said]:
        attempt = facts.attempt
        provider = provider_of(attempt)
        yield names.OPERATION, operation
        yield names.PROVIDER, provider
        if self._tells_old_names:
            yield names.SYSTEM_OLD, provider
        yield from _asked(call, attempt)
        yield names.ATTEMPT, facts.number
        if call.requirements.stream:
            yield names.IS_STREAMED, True
            if attempt.waited:
                yield names.FIRST_CHUNK, attempt.waited
        if facts.failure is not None:
            yield names.ERROR_TYPE, facts.failure.code
            if facts.failure.upstream_status:
                yield names.HTTP_STATUS, facts.failure.upstream_status
        if attempt.cost is not None:
            yield names.COST_USD, attempt.cost / NANO
        if facts.tokens is not None:
            yield from self._used(facts.tokens)

    def _used(self, tokens: Tokens) -> Iterator[_Said]:
        yield names.INPUT_TOKENS, tokens.input
        yield names.OUTPUT_TOKENS, tokens.output
        if tokens.cache_read:
            yield names.CACHE_READ_TOKENS, tokens.cache_read
        if tokens.cache_write:
            yield names.CACHE_WRITE_TOKENS, tokens.cache_write
            if self._tells_old_names:
                yield names.CACHE_WRITE_TOKENS_OLD, tokens.cache_write
        if tokens.reasoning:
            yield names.REASONING_TOKENS, tokens.reasoning


def _asked(call: CallAttempts, attempt: Attempt) -> Iterator[_Said]:
    origin = attempt.key.targets[call.operation.name].origin
    yield names.REQUEST_MODEL, attempt.candidate.model
    yield names.SERVER_ADDRESS, origin.host
    yield names.SERVER_PORT, origin.port
    yield names.INSTANCE_ID, attempt.candidate.provider_id
    yield names.INSTANCE_NAME, attempt.key.provider_name
    yield names.KEY_ID, attempt.key.key_id
    yield names.REQUEST_ID, call.caller.request_id
    if attempt.upstream_request_id:
        yield names.UPSTREAM_REQUEST_ID, attempt.upstream_request_id


def provider_of(attempt: Attempt) -> str:
    """Return the provider of an attempt, as the conventions name it."""
    kind = attempt.candidate.instance.provider.provider_type
    return names.PROVIDERS.get(kind, kind)
