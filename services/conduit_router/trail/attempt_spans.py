"""The span of each attempt at a provider, written once its call is over.

By the conventions of generative AI, where a gateway is a client; names in `telemetry/names`.
"""

from collections.abc import Iterator

from opentelemetry import trace

from conduit_kernel.telemetry import names
from conduit_kernel.telemetry.head_sampler import HeadSampler
from conduit_kernel.telemetry.span_writer import EndedSpan, SpanWriter, Value
from conduit_kernel.telemetry.trace_context import TraceContext, drawn_span_id, drawn_trace_id
from conduit_router.accounting.charging import NANO
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.trail.attempt_facts import AttemptFacts, CallFacts
from conduit_router.trail.attempt_tokens import Tokens, tokens_of

_SECOND = 1_000_000_000
_Said = tuple[str, Value]


class AttemptSpans:
    """Writes the spans of calls' attempts, children of the request's own."""

    def __init__(self, head: HeadSampler, writer: SpanWriter, *, tells_old_names: bool) -> None:
        """Take who decides of calls that are part of no request, as those of batches."""
        self._head = head
        self._writer = writer
        self._tells_old_names = tells_old_names

    def write(self, call: CallFacts) -> None:
        """Write the spans of a call's attempts, where it is sampled."""
        if call.parent is not None and not call.parent.is_sampled:
            return
        for facts in call.attempts:
            context = self._context(call.parent, facts.attempt)
            if context is not None:
                self._writer.write(self._written(call, facts, context))

    def _context(self, parent: TraceContext | None, attempt: Attempt) -> TraceContext | None:
        span_id = attempt.span_id or drawn_span_id()
        if parent is not None:
            return TraceContext(parent.trace_id, span_id, parent.trace_state, is_sampled=True)
        trace_id = drawn_trace_id()
        if not self._head.is_sampled(trace_id):
            return None
        return TraceContext(trace_id, span_id, is_sampled=True)

    def _written(self, call: CallFacts, facts: AttemptFacts, context: TraceContext) -> EndedSpan:
        operation = names.operation_of(call.operation.served_as)
        began = call.ended_at - call.ended
        return EndedSpan(
            f"{operation} {facts.attempt.candidate.model}",
            trace.SpanKind.CLIENT,
            context,
            call.parent,
            is_remote=False,
            began=int((began + facts.attempt.began) * _SECOND),
            ended=int((began + facts.ended) * _SECOND),
            attributes=dict(self._said(call, facts, operation)),
            is_error=facts.failure is not None,
        )

    def _said(self, call: CallFacts, facts: AttemptFacts, operation: str) -> Iterator[_Said]:
        attempt = facts.attempt
        provider = provider_of(attempt)
        yield names.OPERATION, operation
        yield names.PROVIDER, provider
        if self._tells_old_names:
            yield names.SYSTEM_OLD, provider
        yield from _asked(call, attempt)
        yield names.ATTEMPT, facts.number
        if call.is_streamed:
            yield names.IS_STREAMED, True
            if attempt.waited:
                yield names.FIRST_CHUNK, attempt.waited
        if facts.failure is not None:
            yield names.ERROR_TYPE, facts.failure.code
            if facts.failure.upstream_status:
                yield names.HTTP_STATUS, facts.failure.upstream_status
        if attempt.cost is not None:
            yield names.COST_USD, attempt.cost / NANO
        if (tokens := tokens_of(attempt)) is not None:
            yield from self._used(tokens)

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


def _asked(call: CallFacts, attempt: Attempt) -> Iterator[_Said]:
    origin = attempt.key.targets[call.operation.name].origin
    yield names.REQUEST_MODEL, attempt.candidate.model
    yield names.SERVER_ADDRESS, origin.host
    yield names.SERVER_PORT, origin.port
    yield names.INSTANCE_ID, attempt.candidate.provider_id
    yield names.INSTANCE_NAME, attempt.key.provider_name
    yield names.KEY_ID, attempt.key.key_id
    yield names.REQUEST_ID, call.request_id
    if attempt.upstream_request_id:
        yield names.UPSTREAM_REQUEST_ID, attempt.upstream_request_id


def provider_of(attempt: Attempt) -> str:
    """Return the provider of an attempt, as the conventions name it."""
    kind = attempt.candidate.instance.provider.provider_type
    return names.PROVIDERS.get(kind, kind)
