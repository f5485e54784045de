"""What a provider does to us becomes one of our errors, by class and in time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.clock import Clock
from tests.support.scripted_upstream import Act, answer, drip, hang, open_transport, reset, serve
from tests.support.snapshots import compiled, provider, snapshot

from conduit_kernel.addresses import is_public
from conduit_kernel.errors import (
    InvalidApiKey,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import (
    Exchange,
    Headers,
    HttpClient,
    Origin,
    Timeouts,
)
from conduit_providers.sending import Send, Sender
from conduit_providers.wire import HttpRequest, SessionCreation, WebSocketRequest
from conduit_router.routing.table import Instance
from conduit_router.upstream import transport as module
from conduit_router.upstream.token_refresh import TokenRefresher
from conduit_router.upstream.transport import (
    LazyHeaders,
    Transport,
)


class Issuer:
    """A signer whose token comes once, in no time that is measured but the test's."""

    is_static = False

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.expires_at = -1.0
        self._clock = clock
        self._seconds = seconds

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Change nothing."""
        return request

    async def refresh(self, now: float, _send: Send) -> None:
        """Let so many seconds pass."""
        self._clock.now += self._seconds
        self.expires_at = now + 3600


REQUEST = HttpRequest("POST", "/chat/completions", (), b"{}")
LONG = Timeouts(connect=100.0, header=100.0, idle=100.0, total=100.0)
SHORT = Timeouts(connect=0.3, header=0.3, idle=0.3, total=0.3)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    """Return a transport."""
    async with open_transport() as made:
        yield made


def instance(url: str) -> Instance:
    """Return an instance at an address."""
    return compiled(snapshot([provider(1, url)])).instances[1]


async def ask(transport: Transport, url: str) -> bytes:
    """Ask, and return the body."""
    there = instance(url)
    target = there.keys[0].endpoint("chat")
    response, _ = await transport.ask(target, there.spec, REQUEST, SHORT)
    return response.body


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (hang, UpstreamTimeout),
        (drip, UpstreamTimeout),
        (reset, UpstreamUnreachable),
        (answer(b"{}", 401), InvalidApiKey),
        (answer(b"{}", 429), UpstreamRateLimited),
        (answer(b"<html>", 500), UpstreamError),
        (answer(b"", 302), UpstreamError),
    ],
    ids=["hang", "drip", "reset", "401", "429", "500", "redirect"],
)
async def test_a_failure_has_its_class(
    transport: Transport, act: Act, error: type[UpstreamError]
) -> None:
    """And its provider's name; a redirect would carry the key elsewhere, so it is a failure."""
    async with serve(act) as upstream:
        with pytest.raises(error) as raised:
            await ask(transport, upstream.url)
    assert raised.value.metadata["provider"] == "provider-1"


async def test_a_byte_order_mark_is_taken_off(transport: Transport) -> None:
    """Servers on Windows put one before answers and failures; no caller could read it."""
    async with serve(answer(b'\xef\xbb\xbf{"a":1}')) as upstream:
        assert await ask(transport, upstream.url) == b'{"a":1}'
    error = b'\xef\xbb\xbf{"error":{"message":"no such model","code":"model_not_found"}}'
    async with serve(answer(error, 404)) as upstream:
        with pytest.raises(UpstreamError, match="no such model") as raised:
            await ask(transport, upstream.url)
    assert "error" not in str(raised.value)


async def test_nobody_at_the_address_is_unreachable(transport: Transport) -> None:
    """Not a timeout: the kernel said so at once."""
    with pytest.raises(UpstreamUnreachable):
        await ask(transport, "http://127.0.0.1:1")


async def test_a_refusal_whose_body_never_comes_is_told_by_its_status(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting for its words is bounded, here shortly."""
    monkeypatch.setattr(module, "ERROR_SECONDS", 0.1)

    async def refuse(exchange: Exchange) -> None:
        exchange.start(429, [])
        await asyncio.Event().wait()

    async with serve(refuse) as upstream:
        with pytest.raises(UpstreamRateLimited):
            await ask(transport, upstream.url)


async def test_an_answer_that_is_too_large_is_the_providers_fault(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not read to its end, and not asked for again."""
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 10)
    async with serve(answer(b"x" * 11)) as upstream:
        with pytest.raises(UpstreamError, match="too large") as caught:
            await ask(transport, upstream.url)
    assert not caught.value.is_transient


async def test_the_wait_for_a_token_is_of_the_calls_own_time() -> None:
    """What the issuer took is missing to the provider, which hangs: the two share one bound."""
    clock = Clock()
    async with open_transport(clock) as transport, serve(hang) as upstream:
        there = instance(upstream.url)
        target = replace(there.keys[0].endpoint("chat"), signer=Issuer(clock, 99.9))
        async with asyncio.timeout(10):
            with pytest.raises(UpstreamTimeout):
                await transport.ask(target, there.spec, REQUEST, LONG)
        assert len(upstream.paths) == 1


async def test_constant_parts_are_prepared_once_and_not_without_end(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths that name each a job of their own must not fill the memory."""
    monkeypatch.setattr(module, "MAX_PREPARED", 2)
    async with serve(answer(b"{}")) as upstream:
        there = instance(upstream.url)
        target = there.keys[0].endpoint("chat")
        for number in range(5):
            request = HttpRequest("GET", f"/{number}")
            await transport.ask(target, there.spec, request, SHORT)
            assert len(target.prepared) <= 2


def test_headers_are_read_as_codecs_expect() -> None:
    """A mapping by lower-case name; a missing one is a KeyError, as of any mapping."""
    headers = LazyHeaders(Headers.of([(b"x-a", b"\xe9"), (b"x-b", b"2")]))
    assert (headers["x-a"], headers.get("x-c"), len(headers)) == ("é", None, 2)
    assert list(headers) == ["x-a", "x-b"]
    with pytest.raises(KeyError):
        headers["x-c"]


async def test_where_a_provider_sends_a_session_is_guarded() -> None:
    """Also of a provider whose own address the catalog has: an answer could name our network."""
    client = HttpClient()
    guarded, refresher = (
        HttpClient(allow_address=is_public),
        TokenRefresher(Clock(), Sender(client, client)),
    )
    made = WebSocketRequest("/x", origin=Origin("http", "127.0.0.1", 9))
    creation = SessionCreation(REQUEST, lambda _: made)
    try:
        async with serve(answer(b"{}")) as upstream:
            one = instance(upstream.url)
            target = replace(one.keys[0].endpoint("chat"), is_guarded=False)
            transport = Transport(client, guarded, refresher, lambda: 0.0)
            with pytest.raises(UpstreamUnreachable) as raised:
                await transport.open_session(target, one.spec, creation, LONG)
            assert "address" in raised.value.message
            assert upstream.paths == ["/chat/completions"]
    finally:
        await refresher.close()
        await guarded.close()
        await client.close()
