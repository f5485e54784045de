"""Streams whose first message tells whether they are bytes or events."""

import json
from typing import Any

import pytest
from tests.support.endpoints import BEARER, Service, edge, here
from tests.support.exchanges import REQUEST_ID, Caller, context_of, request_of, route_of

from conduit.v1.audio_requests_pb2 import SpeakResponse
from conduit_bridge.endpoints.content_stream import ContentStreamEndpoint
from conduit_bridge.endpoints.unary import GONE, Outcome
from conduit_bridge.metrics import Metrics
from conduit_kernel.errors import StreamInterrupted, UpstreamRateLimited

EVENT = b"data: 1\n\n"
LIMITED = UpstreamRateLimited("The provider asked us to slow down")


async def served(caller: Caller, *answers: Any) -> tuple[Outcome, Service]:  # noqa: ANN401 # messages
    """Serve a request for speech that is answered so."""
    route, router = route_of("Speak"), Service(*answers, is_stream=True)
    bound = ContentStreamEndpoint(
        route,
        here(router),
        Metrics().add(route.verb, route.path),
        edge(5.0),
    )
    exchange = request_of(caller, "POST", "/", b'{"input":"a"}', authorization=BEARER)
    try:
        return await bound.serve(context_of(exchange)), router
    finally:
        assert router.has_ended


def sound(data: bytes, media_type: str = "") -> SpeakResponse:
    """Return a piece of sound."""
    return SpeakResponse(audio=data, content_type=media_type)


def event(media_type: str = "") -> SpeakResponse:
    """Return an event."""
    return SpeakResponse(events=EVENT, content_type=media_type)


async def test_sound_is_passed_on_as_it_is() -> None:
    """In the type that it has; no comment of ours may be among the bytes."""
    caller = Caller()
    outcome, _ = await served(caller, sound(b"\x00\xff", "audio/wav"), sound(b"\x01"))
    assert outcome == Outcome(200)
    assert caller.body == b"\x00\xff\x01"
    assert {"content-type: audio/wav", f"x-request-id: {REQUEST_ID}"} <= set(caller.lines)
    assert "cache-control: no-cache" not in caller.lines


@pytest.mark.parametrize("media_type", ["text/event-stream", "Text/Event-Stream; charset=utf-8"])
async def test_events_have_the_head_of_events(media_type: str) -> None:
    """Once, however their type is written."""
    caller = Caller()
    await served(caller, event(media_type), event())
    assert caller.body == EVENT + EVENT
    types = [line for line in caller.lines if line.startswith("content-type")]
    assert types == ["content-type: text/event-stream; charset=utf-8"]
    assert "x-accel-buffering: no" in caller.lines


async def test_sound_that_breaks_off_is_cut() -> None:
    """Its end would look like silence."""
    caller = Caller()
    outcome, _ = await served(caller, sound(b"a", "audio/wav"), LIMITED)
    assert outcome == Outcome(429, "PROVIDER_RATE_LIMITED")
    assert caller.aborted


async def test_events_that_break_off_say_why() -> None:
    """In the shape of the route."""
    caller = Caller()
    outcome, _ = await served(caller, event("text/event-stream"), LIMITED)
    assert outcome == Outcome(429, "PROVIDER_RATE_LIMITED")
    assert not caller.aborted
    error = json.loads(caller.body[len(EVENT) :].strip().removeprefix(b"data: "))["error"]
    assert error["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("answers", "error"), [((LIMITED,), UpstreamRateLimited), ((), StreamInterrupted)]
)
async def test_a_failure_before_the_first_message_has_its_status(
    answers: tuple[Any, ...], error: type[Exception]
) -> None:
    """Nothing was sent."""
    caller = Caller()
    with pytest.raises(error):
        await served(caller, *answers)
    assert not caller.sent


@pytest.mark.parametrize("first", [sound(b"a", "audio/wav"), event("text/event-stream")])
async def test_a_caller_that_left_ends_either(first: SpeakResponse) -> None:
    """The stub's stream is let go of."""
    caller = Caller()
    caller.gone = True
    assert (await served(caller, first, first))[0] == GONE
