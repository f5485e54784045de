"""Streamed answers: the first message decides on the head, and what breaks never looks whole."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from tests.support.clock import settle
from tests.support.endpoints import BEARER, MASTER_KEY, Service, edge, elsewhere, here
from tests.support.exchanges import REQUEST_ID, Caller, context_of, request_of, route_of

from conduit.v1.audio_requests_pb2 import SpeakResponse
from conduit.v1.notification_requests_pb2 import WatchNotificationsResponse
from conduit.v1.router_requests_pb2 import StreamChatResponse
from conduit_bridge.endpoints import stream as module
from conduit_bridge.endpoints.stream import (
    EventsEndpoint,
    StreamEndpoint,
    WatchEndpoint,
    first_of,
    let_go,
)
from conduit_bridge.endpoints.unary import GONE, Outcome
from conduit_bridge.metrics import Metrics
from conduit_kernel.auth_errors import MasterKeyMissing
from conduit_kernel.errors import StreamInterrupted, UpstreamRateLimited, VirtualKeyInvalid

FIRST, SECOND = b'data: {"a":1}\n\n', b'data: {"a":2}\n\n'
LIMITED = UpstreamRateLimited("The provider asked us to slow down")


def events(service: Service, seconds: float = 0.0) -> EventsEndpoint:
    """Bind streamed chats to a Router here."""
    route = route_of("StreamChat")
    return EventsEndpoint(
        route,
        here(service),
        Metrics().add(route.verb, route.path),
        edge(seconds),
    )


def streaming(*answers: Any) -> Service:  # noqa: ANN401 # messages, exceptions, functions
    """Return a Router that streams pieces of events."""
    made = [StreamChatResponse(events=a) if isinstance(a, bytes) else a for a in answers]
    return Service(*made, is_stream=True)


def chat(caller: Caller, **fields: str) -> Any:  # noqa: ANN401 # a context
    """Return a request for a streamed chat."""
    return context_of(
        request_of(caller, "POST", "/", b'{"stream":true}', **{"authorization": BEARER, **fields})
    )


def waiting_for(event: asyncio.Event, data: bytes) -> Callable[[], Awaitable[StreamChatResponse]]:
    """Return what gives a piece once a test lets it."""

    async def give() -> StreamChatResponse:
        await event.wait()
        return StreamChatResponse(events=data)

    return give


async def test_events_are_sent_as_they_came() -> None:
    """With the head of events, the id and the report; the stream of the stub is let go of."""
    router, caller = streaming(FIRST, SECOND), Caller()
    router.answers[0].started.attempts = 3
    assert await events(router).serve(chat(caller)) == Outcome(200)
    assert caller.body == FIRST + SECOND
    assert caller.sent.endswith(b"0\r\n\r\n")
    assert {
        "content-type: text/event-stream; charset=utf-8",
        "cache-control: no-cache",
        "x-accel-buffering: no",
        "x-conduit-attempts: 3",
        f"x-request-id: {REQUEST_ID}",
    } <= set(caller.lines)
    assert router.has_ended


async def test_each_message_leaves_when_it_comes() -> None:
    """Not when the next one does."""
    go, caller = asyncio.Event(), Caller()
    serving = asyncio.ensure_future(
        events(streaming(FIRST, waiting_for(go, SECOND))).serve(chat(caller))
    )
    await settle()
    assert caller.body == FIRST
    go.set()
    await serving
    assert caller.body == FIRST + SECOND


@pytest.mark.parametrize(
    ("answers", "error"), [((LIMITED,), UpstreamRateLimited), ((), StreamInterrupted)]
)
async def test_a_stream_without_a_first_message_has_a_status(
    answers: tuple[Any, ...], error: type[Exception]
) -> None:
    """Nothing was sent, so the error can still be the answer."""
    router, caller = streaming(*answers), Caller()
    with pytest.raises(error):
        await events(router).serve(chat(caller))
    assert not caller.sent
    assert router.has_ended


async def test_a_stream_that_breaks_ends_with_its_error() -> None:
    """As an event, so that SDKs raise it; the request counts with the error's status."""
    caller = Caller()
    outcome = await events(streaming(FIRST, LIMITED)).serve(chat(caller))
    assert outcome == Outcome(429, "PROVIDER_RATE_LIMITED")
    assert caller.body.startswith(FIRST)
    assert b"[DONE]" not in caller.body
    error = json.loads(caller.body[len(FIRST) :].strip().removeprefix(b"data: "))["error"]
    assert error["code"] == "rate_limit_exceeded"
    assert not caller.aborted


async def test_bytes_that_break_off_do_not_look_whole() -> None:
    """There is no room for an error among them: the connection is cut."""
    route = route_of("Speak")
    router, caller = Service(_sound(b"\0"), LIMITED, is_stream=True), Caller()
    bound = StreamEndpoint(route, here(router), Metrics().add("POST", "/"), edge())
    exchange = request_of(caller, "POST", "/", b'{"input":"a"}', authorization=BEARER)
    assert (await bound.serve(context_of(exchange))).code == "PROVIDER_RATE_LIMITED"
    assert caller.aborted
    assert not caller.sent.endswith(b"0\r\n\r\n")


def _sound(audio: bytes) -> Any:  # noqa: ANN401 # a message
    return SpeakResponse(audio=audio, content_type="audio/wav")


async def test_a_failure_after_an_early_head_is_an_event() -> None:
    """The heartbeat had sent it, so no other status can be told."""
    go, caller = asyncio.Event(), Caller()

    async def fail() -> None:
        await go.wait()
        raise LIMITED

    serving = asyncio.ensure_future(events(streaming(fail), 0.02).serve(chat(caller)))
    async with asyncio.timeout(1):
        while not caller.sent:  # noqa: ASYNC110 # a timer gives no event
            await asyncio.sleep(0.002)
    go.set()
    assert (await serving).status == 429
    assert caller.status == 200
    assert b"rate_limit_exceeded" in caller.body


async def test_a_slow_caller_holds_the_stub_back() -> None:
    """No more than one piece is waiting to be written; one that leaves ends the stub's stream."""
    taken: list[int] = []

    def piece(number: int) -> Callable[[], Awaitable[StreamChatResponse]]:
        async def give() -> StreamChatResponse:
            taken.append(number)
            return StreamChatResponse(events=FIRST)

        return give

    router, caller = streaming(*(piece(number) for number in range(9))), Caller()
    caller.paused = True
    serving = asyncio.ensure_future(events(router).serve(chat(caller)))
    await settle()
    assert taken == [0]
    caller.gone = True
    caller.writable.set()
    assert await serving == GONE
    assert router.has_ended
    assert taken == [0]


async def test_a_cancelled_request_ends_the_stub_s_stream() -> None:
    """At once, as the server does when its caller leaves."""
    router, caller = streaming(FIRST, waiting_for(asyncio.Event(), SECOND)), Caller()
    serving = asyncio.ensure_future(events(router).serve(chat(caller)))
    await settle()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert router.has_ended


async def test_strangers_get_no_stream() -> None:
    """Nobody is called for them."""
    router, caller = streaming(FIRST), Caller()
    with pytest.raises(VirtualKeyInvalid):
        await events(router).serve(chat(caller, authorization="Bearer other"))
    assert (router.calls, caller.sent) == ([], b"")


def watch(
    service: Service, stopping: asyncio.Event, channel: grpc.aio.Channel | None = None
) -> WatchEndpoint:
    """Bind notifications to a Health service elsewhere."""
    route = route_of("WatchNotifications")
    return WatchEndpoint(
        route,
        elsewhere(service, channel),
        Metrics().add(route.verb, route.path),
        edge(stopping=stopping),
    )


async def test_strangers_do_not_wait_for_a_service_that_is_away() -> None:
    """They are refused at once, as where there is one answer."""
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        bound = watch(Service(is_stream=True), asyncio.Event(), channel)
        began = time.monotonic()
        with pytest.raises(MasterKeyMissing):
            await bound.serve(context_of(request_of(Caller())))
        assert time.monotonic() - began < 3


async def test_a_watch_has_its_head_soon_and_ends_with_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though nothing has happened for hours."""
    monkeypatch.setattr(module, "WATCH_HEAD_SECONDS", 0.02)
    stopping, caller = asyncio.Event(), Caller()
    service = Service(asyncio.Event().wait, is_stream=True)
    exchange = request_of(caller, x_master_key=MASTER_KEY)
    serving = asyncio.ensure_future(watch(service, stopping).serve(context_of(exchange)))
    async with asyncio.timeout(1):
        while not caller.sent:  # noqa: ASYNC110 # a timer gives no event
            await asyncio.sleep(0.002)
    assert caller.status == 200
    assert not serving.done()
    stopping.set()
    assert await serving == Outcome(200)
    assert caller.sent.endswith(b"0\r\n\r\n")
    assert service.has_ended


async def test_a_watch_that_ends_by_itself_leaves_nothing() -> None:
    """Whether the process stops then or later."""
    stopping, caller = asyncio.Event(), Caller()
    service = Service(WatchNotificationsResponse(), is_stream=True)
    exchange = request_of(caller, x_master_key=MASTER_KEY)
    assert await watch(service, stopping).serve(context_of(exchange)) == Outcome(200)
    await settle()
    assert len(asyncio.all_tasks()) == 1
    stopping.set()
    await settle()


async def test_head_of_a_watch_is_answered_without_one() -> None:
    """A call would last until somebody hangs up; strangers are refused all the same."""
    service, caller = Service(is_stream=True), Caller()
    bound = watch(service, asyncio.Event())
    exchange = request_of(caller, "HEAD", x_master_key=MASTER_KEY)
    assert await bound.serve(context_of(exchange)) == Outcome(200)
    assert "content-type: text/event-stream; charset=utf-8" in caller.lines
    assert service.calls == []
    with pytest.raises(MasterKeyMissing):
        await bound.serve(context_of(request_of(Caller(), "HEAD")))


async def test_a_stub_s_stream_is_let_go_of_whatever_it_is() -> None:
    """Begun or not, ended or not; what is no stream is left alone."""
    service = Service(FIRST, SECOND, is_stream=True)
    begun = service.Rpc(None)
    assert await first_of(begun) == FIRST
    await let_go(begun)
    await let_go(begun)
    assert service.has_ended
    await let_go(service.Rpc(None))
    await let_go(object())
