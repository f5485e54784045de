"""Chats that are answered piece by piece."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import NoReturn

from msgspec.structs import replace

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.charge_pb2 import (
    USAGE_SOURCE_EARLY_EVENT,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
)
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit_kernel.errors import (
    NotImplementedYet,
    StreamInterrupted,
    UpstreamError,
    UpstreamTimeout,
)
from conduit_kernel.http import HttpError, Response
from conduit_providers.calls import ChatCall, ChatEvents, Form, chat_request
from conduit_providers.codec import ChatDecoder
from conduit_providers.usage import Usage
from conduit_router.accounting.charging import Consumption
from conduit_router.accounting.estimate import estimate_chat, usage_message
from conduit_router.calls.attempts import CallContext
from conduit_router.calls.call_scope import CallerContext, CallRuntime
from conduit_router.calls.jobs import RunningJob
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.requirements import chat_requirements
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.transport import LazyHeaders, raise_interrupted, raise_unreachable

DONE = b"data: [DONE]\n\n"
# How long the end of the body may follow the last event, for the connection to be kept.
SETTLE_SECONDS = 0.25


class _Stream:
    """A streamed answer, from its first piece on."""

    __slots__ = (
        "_decoder",
        "_job",
        "_response",
        "_upstream",
        "call",
        "events",
        "is_complete",
    )

    def __init__(
        self,
        upstream: UpstreamTarget,
        call: ChatCall,
        response: Response,
        decoder: ChatDecoder,
        *,
        job: RunningJob | None = None,
    ) -> None:
        self._upstream = upstream
        self._response = response
        self._decoder = decoder
        # Until it is concluded or abandoned.
        self._job = job
        self.call = call
        # About how many pieces came: providers send one a token.
        self.events = 0
        self.is_complete = False

    @property
    def usage(self) -> Usage | None:
        """Return what the provider told so far."""
        return self._decoder.usage

    async def next(self) -> ChatEvents | None:
        """Return the next pieces, None at the end. UpstreamError or HttpError if it breaks off."""
        decoder = self._decoder
        while not decoder.done:
            data = await self._response.next()
            if not data:
                rest = decoder.close()
                self.is_complete = True
                return rest
            if (found := decoder.feed(data)) is not None:
                self.events += max(1, data.count(b"\n\n"))
                return found
        self.is_complete = True
        job, self._job = self._job, None
        return await job.conclude() if job is not None else None

    async def settle(self) -> None:
        """Read the rest of the body, if it comes at once, so that the connection can be kept."""
        with contextlib.suppress(HttpError, TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not self._response.done:
                    await self._response.next()
        self.close()

    def close(self) -> None:
        """Let the provider know that nobody listens any more, unless it is through."""
        self._response.close()
        if self._job is not None and not self.is_complete:
            self._job.abandon()
            self._job = None

    def interrupted(self, error: Exception) -> NoReturn:
        """Raise what a failure after the first piece means."""
        if isinstance(error, HttpError):
            raise_interrupted(error, self._upstream)
        if isinstance(error, StreamInterrupted):
            raise error
        raise StreamInterrupted(
            f"The stream from {self._upstream.provider_name} failed: {error}",
            provider=self._upstream.provider_name,
        ) from error


class Streams:
    """Answers chats piece by piece."""

    def __init__(self, dispatch: CallRuntime) -> None:
        self._dispatch = dispatch

    async def chat(
        self, request: pb.StreamChatRequest, sender: CallerContext
    ) -> AsyncGenerator[pb.StreamChatResponse, None]:
        """Yield an answer's pieces as they come, in the form of the request, and then its end.

        Until the first piece a failed attempt is followed by the next one; after it the stream
        ends with StreamInterrupted. What was used is charged, however it ends.
        """
        dispatch = self._dispatch
        started = dispatch.clock()
        is_typed = request.WhichOneof("form") == "chat"
        form = chat_request(typed=request.chat) if is_typed else chat_request(json=request.json)
        wants = replace(chat_requirements(form.json), stream=True)
        journey = dispatch.depart(request, wants, sender, started)

        async def attempt(
            journey: CallContext, leg: Attempt, seconds: float
        ) -> tuple[_Stream, ChatEvents | None]:
            return await self._open(journey, leg, seconds, form)

        (stream, events), leg = await dispatch.guide.lead(journey, attempt, dispatch.failed)
        dropped = stream.call.dropped
        is_settled = False
        try:
            message = pb.StreamChatResponse()
            journey.fill(message.started, leg, dispatch.clock())
            if dropped:
                message.started.dropped.extend(dropped)
            while events is not None:
                _fill(message, events, is_typed=is_typed)
                yield message
                events = await stream.next()
                message = pb.StreamChatResponse()
            consumption, report = _consumption(stream, form), message.finished.report
            dispatch.settle(journey, leg, dropped, consumption, report)
            is_settled = True
            if stream.usage is not None:
                message.finished.usage.CopyFrom(usage_message(stream.usage))
            if not is_typed:
                message.events += DONE
            yield message
            await stream.settle()
        except (UpstreamError, HttpError) as error:
            stream.interrupted(error)
        finally:
            stream.close()
            if not is_settled:
                now = dispatch.clock()
                dispatch.charge(journey, leg, _consumption(stream, form), now)
                dispatch.failed(leg.candidate.provider_id, now - journey.started)

    async def _open(
        self, journey: CallContext, leg: Attempt, seconds: float, form: Form[ChatCompletionRequest]
    ) -> tuple[_Stream, ChatEvents | None]:
        dispatch, instance = self._dispatch, leg.candidate.instance
        endpoint = instance.spec.endpoints["chat"]
        codec = instance.chat_codec
        if codec is None:
            raise NotImplementedYet(f"{instance.spec.name} does not serve chats")
        call = dispatch.call(journey, leg, form)
        if (waiting := dispatch.fetch_media(call, endpoint)) is not None:
            await waiting
        upstream = leg.key.endpoint("chat")
        sent = dispatch.clock()
        if instance.chat_job is not None:
            flow = instance.chat_job.stream(call, endpoint, upstream.target)
            response, job = await dispatch.flows.open(flow, upstream, instance.spec, seconds)
            stream = _Stream(upstream, call, response, job.decoder, job=job)
        else:
            request = codec.to_upstream(call, endpoint, upstream.target)
            sent = dispatch.clock()
            response = await dispatch.transport.open(upstream, instance.spec, request, seconds)
            call.answer_headers = LazyHeaders(response.headers)
            stream = _Stream(upstream, call, response, codec.decoder(call, endpoint))
        try:
            # The head came; the first piece has what is left of the time.
            async with asyncio.timeout(max(0.001, sent + seconds - dispatch.clock())):
                first = await stream.next()
        except HttpError as error:
            stream.close()
            raise_unreachable(error, upstream)
        except TimeoutError as error:
            stream.close()
            name = upstream.provider_name
            raise UpstreamTimeout(f"{name} began no answer in time", provider=name) from error
        except StreamInterrupted as error:
            # Nothing was passed on yet, so another attempt may still succeed.
            stream.close()
            raise UpstreamError(error.message, **error.metadata) from error
        except BaseException:
            stream.close()
            raise
        waited = dispatch.clock() - sent
        journey.waited += waited
        dispatch.outcomes.succeeded(leg.candidate, leg.key, waited * 1000, response.headers)
        return stream, first


def _fill(message: pb.StreamChatResponse, events: ChatEvents, *, is_typed: bool) -> None:
    if is_typed:
        message.chunks.extend(events.chunks)
    else:
        message.events = events.sse


def _consumption(stream: _Stream, form: Form[ChatCompletionRequest]) -> Consumption:
    if stream.usage is None:
        usage = Usage(estimate_chat(form), stream.events)
        return Consumption(usage, USAGE_SOURCE_ESTIMATE, stream.is_complete)
    source = USAGE_SOURCE_PROVIDER if stream.is_complete else USAGE_SOURCE_EARLY_EVENT
    return Consumption(stream.usage, source, stream.is_complete)
