"""What callers are told of a response that was begun, for which nobody waits."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson

from conduit.v1 import response_requests_pb2 as pb
from conduit.v1.call_pb2 import CallReport
from conduit.v1.response_answer_json import created_response_from_json
from conduit_kernel.http import Stream
from conduit_providers.inbound.response_form import ResponseEvents
from conduit_router.responses.background import BackgroundRun
from conduit_router.served_by import CallSummary, ServedBy


def begun_message(run: BackgroundRun, *, is_typed: bool) -> pb.CreateResponseResponse:
    """Return the answer to a request that is worked on."""
    message = pb.CreateResponseResponse(report=_report(run))
    if is_typed:
        message.response.CopyFrom(created_response_from_json(run.response))
    else:
        message.json = orjson.dumps(run.response)
    return message


def begun_summary(run: BackgroundRun) -> CallSummary:
    """Return the Router's report of it: what it came to is told by GetRequest."""
    served_by = ServedBy(run.provider_id, "", run.key_id, "")
    return CallSummary(served_by, run.call.caller.request_id, 0, 0, 0.0, None, [], "")


async def followed(
    run: BackgroundRun, *, is_typed: bool
) -> AsyncGenerator[pb.StreamCreateResponseResponse, None]:
    """Yield the messages of its stream, for as long as somebody reads them."""
    yield pb.StreamCreateResponseResponse(started=_report(run))
    async with aclosing(run.log.after(-1)) as found:
        async for sse in found:
            message = pb.StreamCreateResponseResponse()
            if is_typed:
                message.pieces.extend(ResponseEvents(sse=sse).pieces)
            else:
                message.events = sse
            yield message
    yield pb.StreamCreateResponseResponse(finished=pb.ResponseStreamEnd(report=_report(run)))


async def write_events(run: BackgroundRun, stream: Stream) -> None:
    """Write its stream as server-sent events. CallerGone once nobody reads them."""
    async with aclosing(run.log.after(-1)) as found:
        async for sse in found:
            if stream.write(sse):
                await stream.drain()
    stream.finish()


def _report(run: BackgroundRun) -> CallReport:
    return CallReport(
        request_id=run.call.caller.request_id, provider_id=run.provider_id, key_id=run.key_id
    )
