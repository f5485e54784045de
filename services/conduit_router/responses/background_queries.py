"""The RPCs about responses that are made while nobody waits: each caller sees its own alone."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson

from conduit.v1 import kept_response_requests_pb2 as pb
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.limits import check_items, check_length
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.responses.background import CANCEL, BackgroundResponses
from conduit_router.responses.contents import ResponseRecord, kept_events
from conduit_router.responses.event_log import LoggedEvent, events_in
from conduit_router.responses.keeper import ResponseKeeper
from conduit_router.responses.statuses import FAILED, UNDER_WAY
from conduit_router.responses.upstream import UpstreamResponses, response_from

Json = dict[str, Any]

# Between questions for a response that another router works on.
LOOK_SECONDS = 0.5


class BackgroundQueries:
    """Takes such responses back, and tells what they have said so far."""

    def __init__(
        self,
        runtime: CallRuntime,
        keeper: ResponseKeeper,
        background: BackgroundResponses,
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Take how providers are asked, what finds responses, and what works on them."""
        self._runtime = runtime
        self._keeper = keeper
        self._background = background
        self._upstream = UpstreamResponses(runtime)
        self._look_seconds = look_seconds

    async def CancelResponse(
        self, request: pb.CancelResponseRequest, caller: CallerContext
    ) -> pb.CancelResponseResponse:
        """Take a response of the caller's back, unless it has ended, and return it."""
        owner = caller.caller.virtual_key_id
        with self._runtime.under_way.one_of(owner):
            record = await self._keeper.find_one(owner, request.id)
            if not record.is_kept_here:
                json = await self._upstream.ask("POST", record, CANCEL)
                await self._background.leave(record)
            else:
                json = orjson.dumps(await self._background.cancel(record))
        return pb.CancelResponseResponse(response=response_from(json, record))

    async def FollowResponse(
        self, request: pb.FollowResponseRequest, caller: CallerContext
    ) -> AsyncGenerator[pb.FollowResponseResponse, None]:
        """Yield the events of a response of the caller's behind one of them, until it ends."""
        owner = caller.caller.virtual_key_id
        check_items(request, "include")
        check_length(request, "include")
        number = request.starting_after if request.HasField("starting_after") else -1
        with self._runtime.under_way.one_of(owner):
            record = await self._keeper.find_one(owner, request.id)
            if record.is_kept_here:
                events = self._own(record, number)
            else:
                events = self._upstream.events(record, _query(request))
            async with aclosing(events) as found:
                async for sse in found:
                    yield pb.FollowResponseResponse(events=sse)

    async def _own(self, record: ResponseRecord, number: int) -> AsyncGenerator[bytes, None]:
        """Yield the events of a response that Conduit keeps."""
        if kept_events(record) is None:
            message = "Only a response that was asked for with background and stream has events"
            raise InvalidRequest(message, field="stream")
        run = self._background.run_of(record.owner, record.id)
        if run is not None:
            async with aclosing(run.log.after(number)) as found:
                async for sse in found:
                    yield sse
            return
        response = await self._background.statuses.now(record)
        while response["status"] in UNDER_WAY:
            await asyncio.sleep(self._look_seconds)
            record = await self._keeper.find_one(record.owner, record.id)
            response = await self._background.statuses.now(record)
        record = await self._keeper.find_one(record.owner, record.id)
        events = [*events_in(kept_events(record) or b"")]
        if not events and response["status"] == FAILED:
            events = [_failed(response, number + 1)]
        if found_events := b"".join(each.sse for each in events if each.number > number):
            yield found_events


def _failed(response: Json, number: int) -> LoggedEvent:
    event = {"type": "response.failed", "sequence_number": number, "response": response}
    return LoggedEvent(number, b"event: response.failed\ndata: %b\n\n" % orjson.dumps(event))


def _query(request: pb.FollowResponseRequest) -> dict[str, Any]:
    query: dict[str, Any] = {"stream": "true"}
    if request.HasField("starting_after"):
        query["starting_after"] = str(request.starting_after)
    if request.include:
        query["include[]"] = [*request.include]
    return query
