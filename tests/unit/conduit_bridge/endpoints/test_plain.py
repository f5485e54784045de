"""Calls whose JSON passes as it is: when they may, and what becomes of their streams."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.support.endpoints import BEARER, Service, edge, here
from tests.support.exchanges import REQUEST_ID, Caller, context_of, request_of, route_of

from conduit.v1.router_requests_pb2 import ChatResponse, StreamChatResponse
from conduit_bridge.endpoints.plain import (
    PlainEventsEndpoint,
    PlainUnaryEndpoint,
    has_plain_call,
)
from conduit_bridge.endpoints.unary import GONE, Outcome, RequestContext
from conduit_bridge.metrics import Metrics
from conduit_kernel.auth import Principal
from conduit_kernel.errors import UpstreamRateLimited, VirtualKeyInvalid
from conduit_kernel.http import CallerGone, Stream
from conduit_router.served_by import CallSummary, ServedBy

BODY = b'{"model":"m","stream":true}'
EVENT = b"data: {}\n\n"
LIMITED = UpstreamRateLimited("The provider asked us to slow down")
Start = Callable[[CallSummary], Stream]


def summary() -> CallSummary:
    """Return the report of a call."""
    served_by = ServedBy(7, "OpenAI", "key_1", "gpt")
    return CallSummary(served_by, REQUEST_ID, 2, 0, 1.5, None, [], "")


class Router(Service):
    """A Router whose plain calls a test writes."""

    def __init__(
        self,
        *general: Any,  # noqa: ANN401 # messages
        events: Callable[[Start], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(*general, is_stream=events is not None)
        self.plain: list[tuple[bytes, Principal, str]] = []
        self._events = events

    def plain_rpc(self, rpc: str) -> Callable[..., Awaitable[Any]] | None:
        """Have plain forms of chats alone."""
        plain: dict[str, Callable[..., Awaitable[Any]]] = {
            "Chat": self._unary,
            "StreamChat": self._stream_events,
        }
        return plain.get(rpc)

    async def _unary(
        self, body: bytes, principal: Principal, request_id: str, _: object
    ) -> tuple[bytes, CallSummary]:
        self.plain.append((body, principal, request_id))
        return b'{"id":"plain"}', summary()

    async def _stream_events(
        self, body: bytes, principal: Principal, request_id: str, start: Start, _: object
    ) -> None:
        self.plain.append((body, principal, request_id))
        assert self._events is not None
        await self._events(start)


def unary(router: Router) -> PlainUnaryEndpoint:
    """Bind chats."""
    route, backend = route_of("Chat"), here(router)
    counts = Metrics().add(route.verb, route.path)
    return PlainUnaryEndpoint(route, backend, counts, edge())


def streamed(router: Router, seconds: float = 5.0) -> PlainEventsEndpoint:
    """Bind streamed chats."""
    route, backend = route_of("StreamChat"), here(router)
    return PlainEventsEndpoint(
        route,
        backend,
        Metrics().add(route.verb, route.path),
        edge(seconds),
    )


def asked(caller: Caller, **fields: str) -> RequestContext:
    """Return a request for a chat."""
    fields = {"authorization": BEARER, **fields}
    return context_of(request_of(caller, "POST", "/", BODY, **fields))


def test_only_some_calls_of_some_backends_are_plain() -> None:
    """One in another process has messages around everything."""
    assert has_plain_call(route_of("Chat"), here(Router()))
    assert not has_plain_call(route_of("Chat"), here(Service()))
    assert not has_plain_call(route_of("Embed"), here(Router()))


async def test_a_plain_call_is_the_body_and_who_calls() -> None:
    """Its answer has the id, the media type and the report."""
    router, caller = Router(), Caller()
    assert await unary(router).serve(asked(caller)) == Outcome(200)
    [(body, principal, request_id)] = router.plain
    assert (body, principal.virtual_key, request_id) == (BODY, BEARER, REQUEST_ID)
    assert (caller.status, caller.body) == (200, b'{"id":"plain"}')
    assert {
        f"x-request-id: {REQUEST_ID}",
        "content-type: application/json",
        "x-conduit-provider: OpenAI",
        "x-conduit-attempts: 2",
    } <= set(caller.lines)


@pytest.mark.parametrize(
    "fields", [{"x_conduit_provider": "OpenAI"}, {"content_encoding": "identity"}]
)
async def test_what_the_plain_way_does_not_know_goes_the_general_one(
    fields: dict[str, str],
) -> None:
    """Options and codings, of either kind of call."""
    router, caller = Router(ChatResponse(json=b'{"id":"general"}')), Caller()
    await unary(router).serve(asked(caller, **fields))
    assert (router.plain, caller.body) == ([], b'{"id":"general"}')

    async def never(_: Start) -> None:
        raise AssertionError

    router, caller = Router(StreamChatResponse(events=EVENT), events=never), Caller()
    await streamed(router).serve(asked(caller, **fields))
    assert (router.plain, caller.body) == ([], EVENT)


async def test_strangers_make_no_plain_calls() -> None:
    """Nothing is sent for them, so their status is told."""

    async def never(_: Start) -> None:
        raise AssertionError

    router, caller = Router(events=never), Caller()
    for bound in (unary(router), streamed(router)):
        with pytest.raises(VirtualKeyInvalid):
            await bound.serve(asked(caller, authorization="Bearer other"))
    assert (router.plain, caller.sent) == ([], b"")


async def test_events_are_the_router_s_own() -> None:
    """It opens the answer with the report, writes to it, and ends it."""

    async def two(start: Start) -> None:
        stream = start(summary())
        stream.write(EVENT)
        stream.finish(b"data: [DONE]\n\n")

    caller = Caller()
    assert await streamed(Router(events=two)).serve(asked(caller)) == Outcome(200)
    assert caller.body == EVENT + b"data: [DONE]\n\n"
    assert {
        "content-type: text/event-stream; charset=utf-8",
        "x-conduit-provider: OpenAI",
        f"x-request-id: {REQUEST_ID}",
    } <= set(caller.lines)


async def test_a_failure_before_the_head_has_its_status() -> None:
    """The dispatcher answers it."""

    async def fail(_: Start) -> None:
        raise LIMITED

    caller = Caller()
    with pytest.raises(UpstreamRateLimited):
        await streamed(Router(events=fail)).serve(asked(caller))
    assert not caller.sent


async def test_a_failure_after_it_is_an_event() -> None:
    """And the stream's end, without what ends a whole one."""

    async def fail(start: Start) -> None:
        start(summary()).write(EVENT)
        raise LIMITED

    caller = Caller()
    outcome = await streamed(Router(events=fail)).serve(asked(caller))
    assert outcome == Outcome(429, "PROVIDER_RATE_LIMITED")
    assert caller.body.startswith(EVENT)
    assert b"rate_limit_exceeded" in caller.body
    assert caller.sent.endswith(b"0\r\n\r\n")


async def test_a_caller_that_left_is_no_failure() -> None:
    """Whether the head was sent or not."""
    for is_begun in (True, False):

        async def leave(start: Start, is_begun: bool = is_begun) -> None:  # noqa: FBT001 # bound here
            if is_begun:
                start(summary())
            raise CallerGone("left")

        assert await streamed(Router(events=leave)).serve(asked(Caller())) == GONE


async def test_no_heart_beats_after_a_call() -> None:
    """However it ended."""

    async def nothing(start: Start) -> None:
        start(summary()).finish()

    async def fail(_: Start) -> None:
        raise LIMITED

    for events in (nothing, fail):
        caller = Caller()
        serving = streamed(Router(events=events), 0.02).serve(asked(caller))
        await asyncio.gather(serving, return_exceptions=True)
        before = caller.sent
        await asyncio.sleep(0.05)
        assert caller.sent == before
