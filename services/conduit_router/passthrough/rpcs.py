"""The RPC that passes requests on in providers' own words."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from operator import itemgetter
from typing import Any

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER
from conduit.v1.passthrough_requests_pb2 import PassThroughRequest, PassThroughResponse
from conduit_kernel.errors import ConduitError, InvalidRequest
from conduit_kernel.http import Headers
from conduit_kernel.limits import check_items, check_length
from conduit_providers.operation import estimate_tokens
from conduit_providers.passthrough.answer import PassedDecoder, take_whole
from conduit_providers.passthrough.operation import OPERATIONS, PassedOperation
from conduit_providers.passthrough.request import read_request
from conduit_providers.passthrough.usage import READERS, UsageReader
from conduit_providers.redaction import Redactor
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_report import fill_report
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.relay import Opened, Relay, begin_stream
from conduit_router.calls.reserving import reserve
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.straight import may_read_on
from conduit_router.calls.upstream_stream import UpstreamStream
from conduit_router.context import CallerContext
from conduit_router.passthrough.offers import (
    Offers,
    instances_named,
    narrowed,
    refuse_guarded,
    rule_of,
)
from conduit_router.passthrough.passing import Refusals, headers_of
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.upstream.transport import LazyHeaders

Messages = AsyncGenerator[PassThroughResponse, None]


class PassThroughRpc:
    """Admits, sends, meters and charges requests that nobody translates."""

    def __init__(self, runtime: CallRuntime) -> None:
        """Take what calls are made with."""
        self._runtime = runtime
        self._offers = Offers()

    async def PassThrough(self, request: PassThroughRequest, caller: CallerContext) -> Messages:
        """Yield the provider's answer, whatever its status."""
        for name in ("provider", "path"):
            check_length(request, name)
        check_items(request, "query")
        check_items(request, "headers")
        operation, options, refusals = self._read(request, caller)
        redactors: list[Redactor] = []
        try:
            passing = _Passing(self._runtime, operation, refusals, redactors)
            messages = passing.answer(options, caller)
            async with aclosing(messages):
                async for message in messages:
                    yield message
        except ConduitError as error:
            passed = refusals.passed(error, redactors[-1]) if redactors else None
            if passed is None or options.idempotency_key:
                # What failed is made again with the same key, so it is a failure.
                raise
            passed.started.request_id = passed.finished.report.request_id = caller.request_id
            yield passed

    def _read(
        self, request: PassThroughRequest, caller: CallerContext
    ) -> tuple[PassedOperation, CallOptions, Refusals]:
        """Return what is asked for. A ConduitError if it may not pass."""
        table = self._runtime.table
        instances = instances_named(table, request.provider)
        spec = instances[0].spec
        rule, path = rule_of(spec, request.path)
        passed = read_request(
            rule,
            path,
            ((each.name, each.value) for each in request.query),
            ((each.name, each.value) for each in request.headers),
            request.body,
            provider=spec.name,
        )
        offer = self._offers.find(table, caller.caller, instances, passed.model)
        options = CallOptions()
        options.CopyFrom(request.options)
        wanted = narrowed(offer, instances, options.providers)
        for name in ("fallbacks", "providers", "cache"):
            options.ClearField(name)
        options.providers.extend(wanted)
        operation = OPERATIONS[rule.operation](passed, offer.alias)
        return operation, options, Refusals(spec)


class _Passing:
    """Makes one call."""

    def __init__(
        self,
        runtime: CallRuntime,
        operation: PassedOperation,
        refusals: Refusals,
        redactors: list[Redactor],
    ) -> None:
        """Take where to keep refusals, and the redactors of the keys that are used."""
        self._runtime = runtime
        self._operation = operation
        self._refusals = refusals
        self._redactors = redactors
        # Of the last answer.
        self._status = 0

    async def answer(self, options: CallOptions, caller: CallerContext) -> Messages:
        """Yield the answer's messages."""
        operation = self._operation
        is_stream = operation.request.stream
        admitted = admit(
            self._runtime, operation, operation.form, options, caller, stream=is_stream
        )
        with admitted as scope:
            if scope.hooks is not None and scope.hooks.guards:
                raise refuse_guarded(scope.requirements.model)
            if caller.caller.usage is not None:
                await reserve(scope)
            if not is_stream:
                attempt, response = await run_attempts(scope, self._ask)
                report = scope.succeed(attempt)
                fill_report(response.started, report)
                fill_report(response.finished.report, report)
                yield response
                return
            messages = self._stream(scope)
            async with aclosing(messages):
                async for message in messages:
                    yield message

    async def _stream(self, scope: CallScope) -> Messages:
        begun = self._begun(scope)
        if may_read_on(scope.decision):
            begun = scope.runtime.aborted_streams.opened(scope, begun, itemgetter(0))
        opened, attempt, piece = await begun
        with opened as relay:
            upstream = relay.upstream
            spec = attempt.candidate.instance.spec
            message = PassThroughResponse(
                status=self._status,
                headers=headers_of(LazyHeaders(upstream.headers), spec, attempt.key.redactor),
            )
            fill_report(message.started, scope.summary(attempt))
            following: Callable[[], Awaitable[Any]] = upstream.next
            while piece is not None:
                message.data = piece.data
                yield message
                message, piece = PassThroughResponse(), await following()
            fill_report(message.finished.report, relay.succeed())
            yield message
            await upstream.settle()

    async def _begun(self, scope: CallScope) -> tuple[Relay, Attempt, Any]:
        opened: tuple[Attempt, Opened] = await run_attempts(scope, self._open)
        attempt, (upstream, piece) = opened
        return Relay(scope, attempt, upstream), attempt, piece

    async def _ask(self, scope: CallScope, attempt: Attempt) -> PassThroughResponse:
        """Return a candidate's whole answer."""
        self._check(attempt)
        runtime, spec = scope.runtime, attempt.candidate.instance.spec
        upstream = attempt.upstream(scope.operation.name)
        reader, sent = self._reader(attempt), runtime.clock()
        response = await self._send(scope, attempt)
        headers: Headers = response.headers
        body = await runtime.transport.read(response, upstream)
        attempt.waited = runtime.clock() - sent
        take_whole(reader, body)
        scope.note_success(attempt, headers)
        attempt.consumption = self._consumption(scope, attempt, reader, body)
        return PassThroughResponse(
            status=response.status,
            headers=headers_of(LazyHeaders(headers), spec, attempt.key.redactor),
            data=body,
        )

    async def _open(self, scope: CallScope, attempt: Attempt) -> Opened:
        """Return a candidate's stream and its first bytes."""
        self._check(attempt)
        timeouts, sent = scope.timeouts(attempt), scope.runtime.clock()
        response = await self._send(scope, attempt)
        self._status = response.status
        media_type = LazyHeaders(response.headers).get("content-type", "")
        decoder = PassedDecoder(self._reader(attempt), media_type)
        upstream = attempt.upstream(scope.operation.name)
        stream = UpstreamStream(upstream, response, decoder, idle=timeouts.idle)
        return await begin_stream(scope, attempt, stream, sent)

    async def _send(self, scope: CallScope, attempt: Attempt) -> Any:  # noqa: ANN401 # the client's
        """Send the request; return the answer, of 2xx. UpstreamError otherwise."""
        upstream = attempt.upstream(scope.operation.name)
        instance = attempt.candidate.instance
        endpoint = instance.served[scope.operation.served_as].endpoint
        request = self._operation.to_upstream(endpoint, upstream.target)
        self._refusals.forget()
        self._redactors.append(attempt.key.redactor)
        attempt.is_sent = True
        return await scope.runtime.transport.open(
            upstream, instance.spec, request, scope.timeouts(attempt), self._refusals.note
        )

    def _check(self, attempt: Attempt) -> None:
        """Pass candidates over that have another model, or other settings than the path names."""
        if attempt.candidate.model != self._operation.request.model:
            message = "The alias has another model here than the request names"
            raise InvalidRequest(message, field="model")
        own = attempt.key.endpoint(self._operation.name).target.settings
        for name, value in self._operation.request.settings.items():
            if own.get(name) != value:
                message = f"The provider has another {name} than the path names"
                raise InvalidRequest(message, field="path")

    def _reader(self, attempt: Attempt) -> UsageReader:
        candidate = attempt.candidate
        endpoint = candidate.instance.served[self._operation.served_as].endpoint
        return READERS[self._operation.request.rule.usage](endpoint, candidate.model)

    def _consumption(
        self, scope: CallScope, attempt: Attempt, reader: UsageReader, body: bytes
    ) -> Consumption:
        if reader.usage is not None:
            return Consumption(reader.usage, USAGE_SOURCE_PROVIDER, is_complete=True)
        usage = scope.estimate(attempt, None, estimate_tokens(len(body)))
        return Consumption(usage, USAGE_SOURCE_ESTIMATE, is_complete=True)
