"""The straight way of a call: a first attempt that needs no second thought.

Where the calls of a model with a key differ by their bodies alone, what they have in common is
prepared once; the request goes out on a kept connection and its answer comes back within one
coroutine. Whatever turns out otherwise goes on the general way, as the attempt that has begun.
"""

from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from conduit.v1.provider_pb2 import ABORTED_STREAM_POLICY_READ_TO_END
from conduit_kernel.http import HttpError, Response, Timeouts, field_lines
from conduit_providers.calls import Answer, Call
from conduit_providers.codec import StraightCodec, passes_media
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.hedging import Drop
from conduit_router.calls.relay import Opened, begin_stream, open_stream
from conduit_router.calls.upstream_stream import UpstreamStream
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.decide import Decision
from conduit_router.routing.table import Candidate, StraightWay, UpstreamKey, UpstreamTarget
from conduit_router.upstream.transport import (
    MAX_ANSWER_BYTES,
    MAX_PREPARED,
    OK,
    TRACEPARENT,
    LazyHeaders,
)
from conduit_router.upstream.transport_errors import raise_unreachable

AnyAnswer = Answer[Any]
Make = Callable[[CallScope, Attempt], Awaitable[AnyAnswer]]


async def ask_straight(
    scope: CallScope, make: Make, drop: Drop[AnyAnswer]
) -> tuple[Attempt, AnyAnswer]:
    """Return the attempt that succeeded and its answer, as `run_attempts` does with the two."""
    begun = _begin(scope)
    if begun is None:
        return await run_attempts(scope, make, drop=drop)
    attempt, way = begun
    candidate, key = attempt.candidate, attempt.key
    upstream = key.targets[scope.operation.name]
    codec, endpoint, _, request_id_header, _ = way
    call, clock = scope.call(attempt), scope.runtime.clock
    response = _sent(attempt, way, call, upstream, scope.timeouts(attempt))
    if response is None:
        return await run_attempts(scope, make, (attempt, make(scope, attempt)), drop)
    sent = clock()
    try:
        while not response.status and response.error is None:
            await response.wake_slot
    except BaseException:
        response.close()
        raise
    if not response.done or response.error is not None or response.status not in OK:
        going_on = _go_on(scope, attempt, way, call, response, make)
        return await run_attempts(scope, make, (attempt, going_on), drop)
    attempt.waited = clock() - sent
    try:
        body = (response.take_whole(MAX_ANSWER_BYTES) or b"").removeprefix(BOM_UTF8)
        answer = codec.read(body, call, endpoint)
        if scope.is_typed or answer.json_at_hand is None:
            answer.to_form(is_typed=scope.is_typed)
    except Exception as error:  # noqa: BLE001 # whatever it is, it is the attempt's
        return await run_attempts(scope, make, (attempt, _fail(error, upstream)), drop)
    headers = response.headers
    request_id = headers.first.get(request_id_header)
    if request_id is not None:
        request_id = key.redactor.covered(request_id.strip())
        attempt.upstream_request_id = request_id.decode("latin-1")
    scope.runtime.outcomes.succeeded(candidate, key, attempt.waited * 1000, headers)
    return attempt, answer


async def open_straight(scope: CallScope, drop: Drop[Opened]) -> tuple[Attempt, Opened]:
    """Return the attempt whose answer has begun, and its stream, as `run_attempts` does."""
    begun = _begin(scope)
    if begun is None:
        return await run_attempts(scope, open_stream, drop=drop)
    attempt, way = begun
    upstream = attempt.key.targets[scope.operation.name]
    call, timeouts = scope.call(attempt), scope.timeouts(attempt)
    response = _sent(attempt, way, call, upstream, timeouts)
    if response is None:
        return await run_attempts(scope, open_stream, (attempt, open_stream(scope, attempt)), drop)
    sent = scope.runtime.clock()
    try:
        while not response.status and response.error is None:
            await response.wake_slot
    except BaseException:
        response.close()
        raise
    if response.status not in OK:
        return await run_attempts(
            scope, open_stream, (attempt, _opened(scope, attempt, response)), drop
        )
    try:
        call.answer_headers = LazyHeaders(response.headers)
        served = attempt.candidate.instance.served[scope.operation.served_as]
        decoder = served.codec.decoder(call, way.endpoint)
        stream = UpstreamStream(upstream, response, decoder, idle=timeouts.idle)
        return attempt, await begin_stream(scope, attempt, stream, sent)
    except Exception as error:  # noqa: BLE001 # as above
        response.close()
        return await run_attempts(scope, open_stream, (attempt, _fail(error, upstream)), drop)


def _sent(
    attempt: Attempt,
    way: StraightWay,
    call: Call[Any],
    upstream: UpstreamTarget,
    timeouts: Timeouts,
) -> Response | None:
    """Send a request on a kept connection; None where it has to go the general way."""
    try:
        body = way.codec.body(call, way.endpoint, upstream.target)
    except Exception:  # noqa: BLE001 # whatever it is, it happens again where it is dealt with
        return None
    prefix = way.request.prefix
    if attempt.traceparent:
        prefix += field_lines(((TRACEPARENT, attempt.traceparent),))
    response = way.request.pool.begin_kept(prefix, body, timeouts)
    if response is not None:
        attempt.is_sent = True
        response.redactor = upstream.redactor.answers
    return response


async def _go_on(  # noqa: PLR0917 # all that an attempt is about
    scope: CallScope,
    attempt: Attempt,
    way: StraightWay,
    call: Call[Any],
    response: Response,
    make: Make,
) -> AnyAnswer:
    """Return the answer of an attempt whose response is not whole yet, or no success."""
    if response.was_stale:
        return await make(scope, attempt)
    await _check_head(scope, attempt, response)
    upstream = attempt.key.targets[scope.operation.name]
    body = await scope.runtime.transport.read(response, upstream)
    attempt.waited = scope.runtime.clock() - attempt.began
    answer: AnyAnswer = way.codec.read(body, call, way.endpoint)
    answer.to_form(is_typed=scope.is_typed)
    scope.note_success(attempt, response.headers)
    return answer


async def _opened(scope: CallScope, attempt: Attempt, response: Response) -> Opened:
    """Ask again where the connection was no longer any; UpstreamError for what is no success."""
    if not response.was_stale:
        await _check_head(scope, attempt, response)
    return await open_stream(scope, attempt)


async def _check_head(scope: CallScope, attempt: Attempt, response: Response) -> None:
    """Raise the UpstreamError that an answer is, if it is none, or no success."""
    upstream = attempt.key.targets[scope.operation.name]
    if response.error is not None and not response.status:
        raise_unreachable(response.error, upstream)
    if response.status not in OK:
        spec = attempt.candidate.instance.spec
        raise await scope.runtime.transport.refusal(response, upstream, spec)


async def _fail(error: Exception, upstream: UpstreamTarget) -> NoReturn:
    if isinstance(error, HttpError):
        raise_unreachable(error, upstream)
    try:
        raise error
    finally:
        # An error that refers to this frame, which refers to it, would keep the request's body.
        del error


def _begin(scope: CallScope) -> tuple[Attempt, StraightWay] | None:
    """Begin the first attempt, if there is a straight way for it."""
    candidates, plan = scope.plan.decision.candidates, scope.plan
    if not candidates or candidates[0].is_last or plan.decision.resting or scope.limits.hops:
        return None
    candidate, key = candidates[0].candidate, candidates[0].keys[0]
    if candidate.hedging is not None:
        return None
    way = _way_of(scope, candidate, key)
    if way is None:
        return None
    attempt = Attempt(candidate, key, is_retry=False, served_by=way.served_by)
    plan.attempts = 1
    if not scope.begin_attempt(attempt):
        plan.attempts = 0
        return None
    return attempt, way


def _way_of(scope: CallScope, candidate: Candidate, key: UpstreamKey) -> StraightWay | None:
    """Return the straight way to a model with a key, None if there is none; remember it."""
    operation = scope.operation
    known, served_as = key.targets[operation.name].straight_ways, operation.served_as
    try:
        return known[served_as, candidate.model]
    except KeyError:
        if len(known) >= MAX_PREPARED:
            known.clear()
        way = known[served_as, candidate.model] = _way(scope, candidate, key)
        return way


def _way(scope: CallScope, candidate: Candidate, key: UpstreamKey) -> StraightWay | None:
    instance, operation = candidate.instance, scope.operation
    upstream = key.targets[operation.name]
    endpoint, codec, job_codec, _ = instance.served[operation.served_as]
    is_alike = isinstance(codec, StraightCodec) and job_codec is None
    is_inlined = endpoint.inline_media and not passes_media(codec)
    if not is_alike or operation.is_divisible or is_inlined:
        return None
    if not upstream.signer.is_static:
        return None
    try:
        head = codec.head(candidate.model, endpoint, upstream.target)
        request = scope.runtime.transport.prepared(upstream, head)
    except Exception:  # noqa: BLE001 # as above
        return None
    if request.pool.proxy is not None:
        # What a proxy refuses is not the provider's word.
        return None
    header = instance.spec.request_id_header.encode()
    return StraightWay(codec, endpoint, request, header, key.serving(candidate))


def may_read_on(decision: Decision) -> bool:
    """Tell whether streams and answers of any candidate are read to their end."""
    for chosen in decision.candidates:  # each call comes by, and any() takes longer
        policy = chosen.candidate.instance.aborted_streams
        if policy == ABORTED_STREAM_POLICY_READ_TO_END:
            return True
    return False
