"""Calls of Responses that are kept, or that go on from one that is."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, cast

import orjson

from conduit.v1 import response_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.response_answer_json import created_response_to_json
from conduit_kernel.auth import Principal
from conduit_kernel.http import Stream
from conduit_providers.calls import Form
from conduit_router.calls.estimating import EstimatingCalls
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext, options_of
from conduit_router.responses.background import BackgroundResponses
from conduit_router.responses.begun import begun_message, begun_summary, followed, write_events
from conduit_router.responses.keeping import ResponseKeeping, asks_background
from conduit_router.responses.stream_watch import StreamWatch, WatchedStream
from conduit_router.served_by import CallSummary
from conduit_router.virtual_keys import called_by


class KeptUnaryCalls:
    """Makes calls that are answered whole."""

    def __init__(
        self, calls: UnaryCalls, keeping: ResponseKeeping, background: BackgroundResponses | None
    ) -> None:
        """Take what makes those that are not kept, and those for which nobody waits."""
        self._calls = calls
        self._keeping = keeping
        self._background = background

    async def __call__(
        self, request: pb.CreateResponseRequest, caller: CallerContext
    ) -> pb.CreateResponseResponse:
        """Answer a request, in its form."""
        form, options = self._calls.form_of(request), options_of(request)
        if self._background is not None and asks_background(form):
            is_typed = form.json_at_hand is None
            run = await self._background.begin(form, options, caller, is_streamed=False)
            return begun_message(run, is_typed=is_typed)
        call = await self._keeping.prepared(form, options, caller)
        if call is None:
            return await self._answer(form, options, caller)
        message = await self._answer(call.form, call.options, caller)
        response, report = message.json or _written(message), message.report
        self._keeping.keep(call, response, report.provider_id, report.key_id)
        return message

    async def plain(
        self,
        body: bytes,
        principal: Principal,
        request_id: str,
        options: CallOptions | None = None,
    ) -> tuple[bytes, CallSummary]:
        """Answer a request of JSON in JSON, see UnaryCalls."""
        caller = called_by(principal, principal.virtual_key, request_id)
        form = self._calls.plain_form(body)
        if self._background is not None and asks_background(form):
            run = await self._background.begin(form, options, caller, is_streamed=False)
            return orjson.dumps(run.response), begun_summary(run)
        call = await self._keeping.prepared(form, options, caller)
        if call is None:
            return await self._calls.plain(body, principal, request_id, options)
        response, summary = await self._calls.json_of(call.form, call.options, caller)
        served_by = summary.served_by
        self._keeping.keep(call, response, served_by.provider_id, served_by.key_id)
        return response, summary

    async def _answer(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> pb.CreateResponseResponse:
        message: pb.CreateResponseResponse = await self._calls.answer(form, options, caller)
        return message


class GoingOnCalls:
    """Makes calls that may go on from a response, and come to none themselves."""

    def __init__(self, calls: UnaryCalls | EstimatingCalls, keeping: ResponseKeeping) -> None:
        """Take what makes them, and what knows what they go on from."""
        self._calls = calls
        self._keeping = keeping

    async def __call__(self, request: Any, caller: CallerContext) -> Any:  # noqa: ANN401 # of each RPC its own
        """Answer a request, in its form."""
        form, options = self._calls.form_of(request), options_of(request)
        call = await self._keeping.prepared(form, options, caller)
        if call is not None:
            form, options = call.form, call.options
        return await self._calls.answer(form, options, caller)


class KeptStreamingCalls:
    """Makes calls that are answered piece by piece."""

    def __init__(
        self,
        calls: StreamingCalls,
        keeping: ResponseKeeping,
        background: BackgroundResponses | None,
    ) -> None:
        """Take what makes those that are not kept, and those for which nobody waits."""
        self._calls = calls
        self._keeping = keeping
        self._background = background

    async def __call__(
        self, request: pb.StreamCreateResponseRequest, caller: CallerContext
    ) -> AsyncGenerator[pb.StreamCreateResponseResponse, None]:
        """Yield an answer's pieces as messages, in the form of the request, and then its end."""
        answer = self.answer(self._calls.form_of(request), options_of(request), caller)
        async with aclosing(answer) as messages:
            async for message in messages:
                yield message

    async def answer(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> AsyncGenerator[pb.StreamCreateResponseResponse, None]:
        """Yield the messages of the answer to a request that was read before."""
        if self._background is not None and asks_background(form):
            is_typed = form.json_at_hand is None
            run = await self._background.begin(form, options, caller, is_streamed=True)
            async with aclosing(followed(run, is_typed=is_typed)) as messages:
                async for message in messages:
                    yield message
            return
        call = await self._keeping.prepared(form, options, caller)
        if call is not None:
            form, options = call.form, call.options
        watch: StreamWatch | None = None
        async with aclosing(self._calls.answer(form, options, caller)) as messages:
            async for message in messages:
                if call is not None and message.HasField("started"):
                    report = message.started
                    watch = StreamWatch(self._keeping, call, report.provider_id, report.key_id)
                if watch is not None:
                    watch.take_message(message)
                yield message

    async def plain(
        self,
        body: bytes,
        principal: Principal,
        request_id: str,
        start: Callable[[CallSummary], Stream],
        options: CallOptions | None = None,
    ) -> None:
        """Write the same as server-sent events, see StreamingCalls."""
        caller = called_by(principal, principal.virtual_key, request_id)
        form = self._calls.plain_form(body)
        if self._background is not None and asks_background(form):
            run = await self._background.begin(form, options, caller, is_streamed=True)
            await write_events(run, start(begun_summary(run)))
            return
        call = await self._keeping.prepared(form, options, caller)
        if call is None:
            await self._calls.plain(body, principal, request_id, start, options)
            return

        def watched(summary: CallSummary) -> Stream:
            by = summary.served_by
            watch = StreamWatch(self._keeping, call, by.provider_id, by.key_id)
            return cast("Stream", WatchedStream(start(summary), watch))

        await self._calls.plain(body, principal, request_id, watched, call.options, form=call.form)


def _written(message: pb.CreateResponseResponse) -> bytes:
    return orjson.dumps(created_response_to_json(message.response))
