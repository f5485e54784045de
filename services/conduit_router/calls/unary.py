"""Calls that are answered whole."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from google.protobuf.message import Message
from msgspec.structs import replace

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallReport
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER
from conduit.v1.embedding_pb2 import EmbeddingRequest
from conduit_kernel.errors import ConduitError, NotImplementedYet
from conduit_kernel.http import Headers
from conduit_providers.batches import join_embeddings, split_embedding, total
from conduit_providers.calls import (
    Answer,
    Call,
    ChatAnswer,
    ChatCall,
    Form,
    chat_request,
    embedding_request,
)
from conduit_providers.codec import ChatCodec, Codec, EmbedCodec
from conduit_providers.jobs import Job
from conduit_providers.spec import Endpoint
from conduit_providers.usage import Usage
from conduit_router.accounting.charging import Consumption
from conduit_router.accounting.estimate import estimate_chat, estimate_text
from conduit_router.calls.attempts import CallContext
from conduit_router.calls.batching import Batch, Division
from conduit_router.calls.call_scope import CallerContext, CallRuntime
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.requirements import chat_requirements, embedding_requirements
from conduit_router.routing.table import Instance

RequestT = TypeVar("RequestT", bound=Message)
AnswerT = TypeVar("AnswerT", bound=Message)


@dataclass(frozen=True, slots=True)
class _Operation(Generic[RequestT, AnswerT]):
    """How calls of one kind are made."""

    codec_of: Callable[[Instance], Codec[Call[RequestT], Answer[AnswerT]] | None]
    # About how many tokens a request has.
    estimate: Callable[[Form[RequestT]], int]
    # What must be had before the codec can work.
    before: Callable[[Call[RequestT], Endpoint], Awaitable[None] | None] | None = None
    # For calls that are jobs.
    flow_of: Callable[[Call[RequestT], Attempt], Job[Answer[AnswerT]] | None] | None = None
    # For calls that may be too large for one request.
    division: Division[RequestT, AnswerT] | None = None


class WholeCalls:
    """Answers chats and embeddings."""

    def __init__(self, dispatch: CallRuntime) -> None:
        self._dispatch = dispatch
        self._chats = _Operation(
            _chat_codec, estimate_chat, before=dispatch.fetch_media, flow_of=_chat_flow
        )
        self._embeddings = _Operation(
            _embed_codec,
            _estimate_embedding,
            division=Division(split_embedding, join_embeddings),
        )

    async def chat(self, request: pb.ChatRequest, sender: CallerContext) -> pb.ChatResponse:
        """Answer a chat, in the form of the request."""
        dispatch = self._dispatch
        started = dispatch.clock()
        is_typed = request.WhichOneof("form") == "chat"
        form = chat_request(typed=request.chat) if is_typed else chat_request(json=request.json)
        wants = chat_requirements(form.json)
        if wants.stream:
            wants = replace(wants, stream=False)
        journey = dispatch.depart(request, wants, sender, started)
        exchange = _Exchange(dispatch, self._chats, form)
        answer, leg = await dispatch.guide.lead(journey, exchange.attempt, dispatch.failed)
        response = pb.ChatResponse()
        exchange.settle(journey, leg, answer, response.report)
        if is_typed:
            response.completion.CopyFrom(answer.typed)
        else:
            response.json = answer.json
        return response

    async def embed(self, request: pb.EmbedRequest, sender: CallerContext) -> pb.EmbedResponse:
        """Turn texts into vectors, in the form of the request."""
        dispatch = self._dispatch
        started = dispatch.clock()
        is_typed = request.WhichOneof("form") == "embedding"
        form = (
            embedding_request(typed=request.embedding)
            if is_typed
            else embedding_request(json=request.json)
        )
        wants = embedding_requirements(form.json)
        journey = dispatch.depart(request, wants, sender, started)
        exchange = _Exchange(dispatch, self._embeddings, form)
        answer, leg = await dispatch.guide.lead(journey, exchange.attempt, dispatch.failed)
        response = pb.EmbedResponse()
        exchange.settle(journey, leg, answer, response.report)
        if is_typed:
            response.embeddings.CopyFrom(answer.typed)
        else:
            response.json = answer.json
        return response


class _Exchange(msgspec.Struct, Generic[RequestT, AnswerT]):
    """One call: a request, its attempts, an answer."""

    _dispatch: CallRuntime
    _operation: _Operation[RequestT, AnswerT]
    _form: Form[RequestT]
    # As the last attempt's codec got it.
    _call: Call[RequestT] | None = None

    async def attempt(self, journey: CallContext, leg: Attempt, seconds: float) -> Answer[AnswerT]:
        """Ask a candidate, which has so many seconds until the first byte of its answer."""
        dispatch, operation, key = self._dispatch, self._operation, leg.key
        instance = leg.candidate.instance
        spec = instance.spec
        endpoint = spec.endpoints[journey.wants.operation]
        upstream = key.endpoint(journey.wants.operation)
        codec = operation.codec_of(instance)
        if codec is None:
            raise NotImplementedYet(f"{spec.name} does not serve this operation")
        call = self._call = dispatch.call(journey, leg, self._form)
        if operation.before is not None:
            waiting = operation.before(call, endpoint)
            if waiting is not None:
                await waiting
        flow = operation.flow_of(call, leg) if operation.flow_of is not None else None
        parts = operation.division.split(call, endpoint) if operation.division is not None else ()
        clock = dispatch.clock
        sent = clock()
        try:
            if flow is not None:
                answer, headers = await dispatch.flows.run(flow, upstream, spec, seconds)
                waited = clock() - sent
            elif len(parts) > 1:
                batch = Batch(codec, parts, endpoint, upstream, spec)
                answer, headers = await self._gather(journey, leg, seconds, batch)
                waited = clock() - sent
            else:
                request = codec.to_upstream(call, endpoint, upstream.target)
                sent = clock()
                raw, headers = await dispatch.transport.ask(
                    upstream, spec, request, seconds, journey.deadline
                )
                waited = clock() - sent
                answer = codec.from_upstream(raw, call, endpoint)
        except asyncio.CancelledError:
            self._charge_abandoned(journey, leg)
            raise
        journey.waited += waited
        dispatch.outcomes.succeeded(leg.candidate, key, waited * 1000, headers)
        return answer

    def settle(
        self, journey: CallContext, leg: Attempt, answer: Answer[AnswerT], report: CallReport
    ) -> None:
        """Account for the attempt that succeeded; fill the report of what was done."""
        usage, source = answer.usage, USAGE_SOURCE_PROVIDER
        if usage is None:
            usage = Usage(self._operation.estimate(self._form), estimate_text(len(answer.json)))
            source = USAGE_SOURCE_ESTIMATE
        consumption = Consumption(usage, source, is_complete=True)
        dropped = self._call.dropped if self._call is not None else ()
        self._dispatch.settle(journey, leg, dropped, consumption, report)

    async def _gather(
        self, journey: CallContext, leg: Attempt, seconds: float, batch: Batch[RequestT, AnswerT]
    ) -> tuple[Answer[AnswerT], Headers]:
        """Return the answer to all parts of a call; charge for those before a failure."""
        dispatch, division = self._dispatch, self._operation.division
        assert division is not None  # noqa: S101 # it made the parts
        try:
            left = journey.deadline - dispatch.clock()
            answers, headers = await batch.ask(dispatch.transport, seconds, left, journey.deadline)
        except ConduitError:
            if spent := batch.spent:
                part = Consumption(total(spent), USAGE_SOURCE_PROVIDER, is_complete=False)
                dispatch.charge(journey, leg, part, dispatch.clock())
            raise
        return division.join(answers), headers

    def _charge_abandoned(self, journey: CallContext, leg: Attempt) -> None:
        """Charge for a caller that is gone, since the provider may have the question."""
        usage = Usage(self._operation.estimate(self._form))
        guess = Consumption(usage, USAGE_SOURCE_ESTIMATE, is_complete=False)
        self._dispatch.charge(journey, leg, guess, self._dispatch.clock())


def _chat_flow(call: ChatCall, leg: Attempt) -> Job[ChatAnswer] | None:
    instance = leg.candidate.instance
    if instance.chat_job is None:
        return None
    endpoint = instance.spec.endpoints["chat"]
    return instance.chat_job.whole(call, endpoint, leg.key.endpoint("chat").target)


def _chat_codec(instance: Instance) -> ChatCodec | None:
    return instance.chat_codec


def _embed_codec(instance: Instance) -> EmbedCodec | None:
    return instance.embed_codec


def _estimate_embedding(form: Form[EmbeddingRequest]) -> int:
    return estimate_text(len(form.json))
