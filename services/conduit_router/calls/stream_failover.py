"""What follows when a stream fails behind its first token, by policy.

`fail` ends it with an error, `continue` has the next candidate go on, and `restart` holds the
answer back, so that a candidate that fails is a failed attempt like any other.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any, NamedTuple

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.routing_policy_pb2 import (
    STREAM_FAILOVER_CONTINUE,
    STREAM_FAILOVER_FAIL,
    STREAM_FAILOVER_RESTART,
    StreamFailover,
)
from conduit_kernel.errors import InvalidRequest
from conduit_providers.operation import AnyStreamedOperation
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.continuation import ContinuedStream
from conduit_router.calls.relay import Opened, Relay, consumption, open_stream
from conduit_router.calls.straight import may_read_on, open_straight
from conduit_router.calls.upstream_stream import UpstreamStream
from conduit_router.routing.attempt_plan import Attempt


class StreamedAnswer(NamedTuple):
    """An answer that has begun."""

    attempt: Attempt
    # To be entered at once.
    relay: Relay
    # The first events, None if the answer is empty.
    events: Any
    # Returns the next events, None at the end. UpstreamError or HttpError if it breaks off.
    next: Callable[[], Awaitable[Any]]


async def begin_answer(
    scope: CallScope, operation: AnyStreamedOperation, options: CallOptions | None
) -> StreamedAnswer:
    """Make attempts until an answer has begun; those that are read to their end go on alone."""
    begun = _begun_answer(scope, operation, options)
    if may_read_on(scope.decision):
        return await scope.runtime.aborted_streams.opened(scope, begun, attrgetter("relay"))
    return await begun


async def _begun_answer(
    scope: CallScope, operation: AnyStreamedOperation, options: CallOptions | None
) -> StreamedAnswer:
    policy = _policy_of(scope, options)
    if policy == STREAM_FAILOVER_RESTART:
        attempt, (upstream, held) = await run_attempts(scope, _open_held, drop=_drop)
        answer = _HeldAnswer(upstream, held)
        return StreamedAnswer(attempt, Relay(scope, attempt, upstream), answer.first(), answer.next)
    attempt, (upstream, events) = await open_straight(scope, _drop)
    relay = Relay(scope, attempt, upstream)
    if policy == STREAM_FAILOVER_CONTINUE:
        following = ContinuedStream(scope, operation, relay, events).next
        return StreamedAnswer(attempt, relay, events, following)
    return StreamedAnswer(attempt, relay, events, upstream.next)


def _policy_of(scope: CallScope, options: CallOptions | None) -> int:
    """Return the policy of a call: the request's, the virtual key's, the alias's, or `fail`."""
    if options is not None and options.stream_failover:
        if options.stream_failover not in StreamFailover.values():
            raise InvalidRequest("stream_failover is none that is known", field="stream_failover")
        return options.stream_failover
    own = scope.caller.caller.stream_failover
    if own:
        return own
    route = scope.runtime.table.routes.get(scope.requirements.model)
    policy = route.policy if route is not None else None
    return (policy.stream_failover if policy is not None else None) or STREAM_FAILOVER_FAIL


def _drop(scope: CallScope, attempt: Attempt, opened: Opened) -> None:
    """Close a stream that nobody takes, and note what it used."""
    stream, _ = opened
    stream.close()
    attempt.consumption = consumption(scope, attempt, stream)


class _HeldAnswer:
    """Hands out what was held back of an answer, and then what follows."""

    def __init__(self, upstream: UpstreamStream, held: deque[Any]) -> None:
        self._upstream = upstream
        self._held = held

    def first(self) -> Any:  # noqa: ANN401 # each operation has its own events
        """Return the first events, None if there are none."""
        return self._held.popleft() if self._held else None

    async def next(self) -> Any:  # noqa: ANN401 # as above
        """Return the next events, None at the end. UpstreamError or HttpError if it breaks off."""
        if self._held:
            return self._held.popleft()
        return None if self._upstream.is_complete else await self._upstream.next()


async def _open_held(scope: CallScope, attempt: Attempt) -> Opened:
    """Ask a candidate; return its stream and its answer, held back until whole or up to a bound.

    What breaks off before that is a failed attempt, charged for what it used.
    """
    upstream, events = await open_stream(scope, attempt)
    clock, hold = scope.runtime.clock, scope.runtime.hold
    held, size, began = deque[Any](), 0, clock()
    try:
        while events is not None:
            events.to_form(is_typed=scope.is_typed)
            held.append(events)
            size += events.size
            if size > hold.max_bytes or clock() - began > hold.seconds:
                break
            events = await upstream.next()
    except BaseException as error:  # noqa: BLE001 # whatever it is, the stream must be closed
        attempt.consumption = consumption(scope, attempt, upstream)
        upstream.unopened(error)
    return upstream, held
