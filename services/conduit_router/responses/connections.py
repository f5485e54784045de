"""The Router's RPC that holds connections for OpenAI's Responses.

https://developers.openai.com/api/docs/guides/websocket-mode: one answer after the other, each a
call of its own: routed, limited, charged and remembered as any.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol

import orjson
from msgspec.structs import replace

from conduit.v1 import response_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions, CallReport
from conduit_kernel.errors import ConduitError, InvalidRequest
from conduit_kernel.ids import IdSource
from conduit_kernel.openai_errors import error_event
from conduit_providers.calls import Form
from conduit_providers.inbound.response_dialect import response_of_nothing
from conduit_providers.operation import StreamedOperation
from conduit_providers.operations import operation
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext, options_of
from conduit_router.responses.turns import HeldConversations, ResponseTurn, turn_in
from conduit_router.sessions.upstream_session import SessionLimits
from conduit_router.virtual_keys import VirtualKeys, check_model

Json = dict[str, Any]
Requests = AsyncIterator[pb.HoldResponsesRequest]

# Clients that are told so open another connection.
_LIMIT_REACHED = "websocket_connection_limit_reached"
_ENDS = (b"response.completed", b"response.incomplete")


class AnswerCalls(Protocol):
    """Makes calls that are answered piece by piece."""

    def answer(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> AsyncGenerator[Any, None]:
        """Yield the messages of the answer to a request that was read before."""
        ...


class ResponseConnections:
    """Holds them, a method for the RPC."""

    def __init__(
        self,
        runtime: CallRuntime,
        virtual_keys: VirtualKeys,
        ids: IdSource,
        limits: SessionLimits,
        calls: AnswerCalls,
    ) -> None:
        """Take who may call, how long a connection may be silent and last, and what answers."""
        self._runtime = runtime
        self._virtual_keys = virtual_keys
        self._ids = ids
        self._limits = limits
        found = operation("response")
        assert isinstance(found, StreamedOperation)  # noqa: S101 # as the contract says
        self._operation = found
        self._calls = calls

    async def HoldResponses(
        self, requests: Requests, caller: CallerContext
    ) -> AsyncGenerator[pb.HoldResponsesResponse, None]:
        """Answer what the caller asks for, until it leaves or its time is up."""
        said = aiter(requests)
        first = await anext(said, None)
        if first is None or first.WhichOneof("message") != "start":
            raise InvalidRequest("A connection's first message is its start", field="start")
        yield pb.HoldResponsesResponse(started=CallReport(request_id=caller.request_id))
        connection = _Connection(self, caller, options_of(first.start))
        ends = self._runtime.clock() + self._limits.longest
        while (frame := await self._next(said, ends)) is not None:
            async with aclosing(connection.answer(frame)) as events:
                async for event in events:
                    yield pb.HoldResponsesResponse(json=event)
        if self._runtime.clock() >= ends:
            yield pb.HoldResponsesResponse(json=orjson.dumps(_limit_reached()))

    async def _next(self, said: Requests, ends: float) -> bytes | None:
        """Return the caller's next event; None where it leaves, or its time is up."""
        seconds = min(self._limits.idle, ends - self._runtime.clock())
        try:
            async with asyncio.timeout(seconds):
                message = await anext(said, None)
        except TimeoutError:
            return None
        return message.json if message is not None else None

    def caller_now(self, caller: CallerContext, key_hash: bytes) -> CallerContext:
        """Return who calls, for one more call: the key may be another by now, or none."""
        found = self._virtual_keys.caller_of(key_hash)
        if found.rules is not None:
            found.rules.check(caller.peer, caller.certificate)
        return replace(caller, caller=found, request_id=f"req_{self._ids.next()}")

    def key_hash(self, caller: CallerContext) -> bytes:
        """Return by what a caller's virtual key is known."""
        return self._virtual_keys.hash_of(caller.caller)

    def events(
        self, body: bytes, options: CallOptions | None, caller: CallerContext
    ) -> AsyncGenerator[Any, None]:
        """Make a call; yield the messages of its answer."""
        return self._calls.answer(self._operation.plain_form(body), options, caller)

    def prewarmed(self, body: bytes) -> Json:
        """Return the response to what no model was asked."""
        created = int(self._runtime.wall_clock())
        return response_of_nothing(body, f"resp_{self._ids.next()}", created)


class _Connection:
    """One connection, and the conversations of its last answers."""

    def __init__(
        self, service: ResponseConnections, caller: CallerContext, options: CallOptions | None
    ) -> None:
        self._service = service
        self._caller = caller
        self._key_hash = service.key_hash(caller)
        self._options = options
        self._conversations = HeldConversations()

    async def answer(self, frame: bytes) -> AsyncGenerator[bytes, None]:
        """Yield the events that answer an event; an error is one, too."""
        lane: str | None = None
        try:
            turn = turn_in(frame)
            lane = turn.stream_id
            caller = self._service.caller_now(self._caller, self._key_hash)
            body = self._conversations.body_of(turn)
            kind = self._asked if turn.generates else self._prewarmed
            answer = kind(turn, body, caller)
            async with aclosing(answer) as events:
                async for event in events:
                    yield _in_lane(event, lane)
        except ConduitError as error:
            yield _in_lane(orjson.dumps(error_event(error)), lane)

    async def _asked(
        self, turn: ResponseTurn, body: bytes, caller: CallerContext
    ) -> AsyncGenerator[bytes, None]:
        messages = self._service.events(body, self._options, caller)
        async with aclosing(messages) as pieces:
            async for piece in pieces:
                for line in piece.events.splitlines():
                    if line.startswith(b"data:"):
                        event = line[5:].strip()
                        self._note_end(turn, event)
                        yield event

    async def _prewarmed(
        self, turn: ResponseTurn, body: bytes, caller: CallerContext
    ) -> AsyncGenerator[bytes, None]:
        check_model(caller.caller, str(turn.members.get("model")))
        response = self._service.prewarmed(body)
        self._conversations.hold(response["id"], turn.items, [])
        begun = {**response, "status": "in_progress"}
        kinds = (("response.created", begun), ("response.completed", response))
        for number, (kind, told) in enumerate(kinds):
            yield orjson.dumps({"type": kind, "sequence_number": number, "response": told})

    def _note_end(self, turn: ResponseTurn, event: bytes) -> None:
        """Remember a conversation with its answer, once that is whole."""
        if not any(end in event for end in _ENDS):
            return
        found = orjson.loads(event)
        if str(found.get("type")).encode() in _ENDS and (response := found.get("response")):
            self._conversations.hold(response.get("id"), turn.items, response.get("output") or [])


def _in_lane(event: bytes, stream_id: str | None) -> bytes:
    """Return an event with the lane that its caller named."""
    if stream_id is None:
        return event
    return b'{"stream_id":%b,%b' % (orjson.dumps(stream_id), event[1:])


def _limit_reached() -> Json:
    error = {
        "type": "invalid_request_error",
        "code": _LIMIT_REACHED,
        "message": "The connection has lasted as long as it may: open another one",
        "param": None,
    }
    return {"type": "error", "status": 400, "error": error}
