"""Calls that are answered piece by piece."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.auth import Principal
from conduit_kernel.http import Stream
from conduit_providers.calls import Form
from conduit_providers.operation import AnyStreamedOperation
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.hooks import hooked_stream
from conduit_router.calls.message_writer import MessageWriter
from conduit_router.calls.reserving import reserve
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.stream_failover import begin_answer
from conduit_router.context import CallerContext, options_of
from conduit_router.served_by import CallSummary
from conduit_router.virtual_keys import called_by


class StreamingCalls:
    """Makes the calls of one RPC.

    Until the first piece a failed attempt is followed by the next one; after it the policy of
    `stream_failover` holds. What was used is charged, however it ends.
    """

    def __init__(
        self, runtime: CallRuntime, operation: AnyStreamedOperation, response: Callable[[], Any]
    ) -> None:
        """Take the operation and the class of the RPC's response."""
        self._runtime = runtime
        self.operation = operation
        self._response = response

    async def __call__(self, request: Any, caller: CallerContext) -> AsyncGenerator[Any, None]:  # noqa: ANN401 # of each RPC its own
        """Yield an answer's pieces as messages, in the form of the request, and then its end."""
        answer = self.answer(self.form_of(request), options_of(request), caller)
        async with aclosing(answer) as messages:
            async for message in messages:
                yield message

    def form_of(self, request: Any) -> Form[Any]:  # noqa: ANN401 # as above
        """Return what a request asks for."""
        return self.operation.form_of(request)

    def plain_form(self, body: bytes) -> Form[Any]:
        """Return what a request of JSON asks for."""
        return self.operation.plain_form(body)

    async def answer(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> AsyncGenerator[Any, None]:
        """Yield the messages of the answer to a request that was read before."""
        operation = self.operation
        is_typed = form.json_at_hand is None
        with admit(self._runtime, operation, form, options, caller, stream=True) as scope:
            if scope.hooks is not None:
                hooked = self._hooked_messages(scope, options, is_typed=is_typed)
                async with aclosing(hooked) as messages:
                    async for message in messages:
                        yield message
                return
            if caller.caller.usage is not None:
                await reserve(scope)
            attempt, relay, events, following = await begin_answer(scope, operation, options)
            with relay:
                writer = MessageWriter(operation, self._response, is_typed=is_typed)
                writer.start(scope.summary(attempt))
                while events is not None:
                    yield writer.piece(events)
                    events = await following()
                upstream = relay.upstream
                yield writer.end(upstream.usage, relay.succeed())
                await upstream.settle()

    async def plain(
        self,
        body: bytes,
        principal: Principal,
        request_id: str,
        start: Callable[[CallSummary], Stream],
        options: CallOptions | None = None,
        *,
        form: Form[Any] | None = None,
    ) -> None:
        """Write the same as server-sent events, for a request of JSON.

        The principal is the holder of a virtual key. `start` is called once the first piece is
        there, and returns what the events go to. `form` is what the body asks for, where it was
        read before.
        """
        operation = self.operation
        if form is None:
            form = operation.plain_form(body)
        caller = called_by(principal, principal.virtual_key, request_id)
        with admit(self._runtime, operation, form, options, caller, stream=True) as scope:
            if scope.hooks is not None:
                await self._write_hooked(scope, options, start)
                return
            if caller.caller.usage is not None:
                await reserve(scope)
            attempt, relay, events, following = await begin_answer(scope, operation, options)
            with relay:
                stream = start(scope.summary(attempt))
                write = stream.write
                while events is not None:
                    if write(events.sse):
                        await stream.drain()
                    events = await following()
                relay.succeed()
                stream.finish(operation.end_of_events)
                await relay.upstream.settle()

    async def _hooked_messages(
        self, scope: CallScope, options: CallOptions | None, *, is_typed: bool
    ) -> AsyncGenerator[Any, None]:
        """Yield the messages of the answer to a call that has hooks."""
        operation = self.operation
        async with hooked_stream(scope, operation, options) as source:
            writer = MessageWriter(operation, self._response, is_typed=is_typed)
            writer.start(source.summary)
            while (events := await source.next()) is not None:
                yield writer.piece(events)
            yield writer.end(*source.finish())
            await source.settle()

    async def _write_hooked(
        self,
        scope: CallScope,
        options: CallOptions | None,
        start: Callable[[CallSummary], Stream],
    ) -> None:
        """Write the same as server-sent events."""
        operation = self.operation
        async with hooked_stream(scope, operation, options) as source:
            events = await source.next()
            stream = start(source.summary)
            while events is not None:
                if stream.write(events.sse):
                    await stream.drain()
                events = await source.next()
            source.finish()
            stream.finish(operation.end_of_events)
            await source.settle()
