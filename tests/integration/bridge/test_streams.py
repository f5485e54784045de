"""Streamed answers, on real sockets."""

import asyncio
import re

import httpx
import openai
import pytest
from tests.integration.bridge.stage import (
    ADMIN,
    Health,
    Pieces,
    ScriptedRouter,
    event,
    piece,
    soon,
)

from conduit.v1.notification_pb2 import NOTIFICATION_KIND_PROVIDER_UNHEALTHY, Notification
from conduit.v1.notification_requests_pb2 import WatchNotificationsResponse
from conduit_bridge import bootstrap
from conduit_bridge.endpoints import stream as streams
from conduit_kernel.errors import StreamInterrupted

PATH = "/v1/chat/completions"
STREAM = b'{"model": "m", "messages": [], "stream": true}'
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer condt_caller\r\n"
    b"content-length: %d\r\n\r\n%b"
) % (
    len(STREAM),
    STREAM,
)


async def test_a_stream_is_events_as_they_came(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """The Router's bytes, behind a head that keeps proxies from gathering them."""
    answer = await http.post(PATH, content=STREAM)
    assert answer.content == event("Hel") + event("lo") + b"data: [DONE]\n\n"
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-conduit-provider"] == "OpenAI Production"
    assert answer.headers["x-request-id"] == router.request_id


async def test_each_message_leaves_when_it_comes(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """The second piece is only made after the first was received."""
    received = asyncio.Event()

    async def pieces() -> Pieces:
        yield piece("first")
        await received.wait()
        yield piece("second", is_last=True)

    router.pieces = pieces
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
    writer.write(REQUEST)
    async with asyncio.timeout(5):
        await reader.readuntil(event("first"))
        received.set()
        await reader.readuntil(b"0\r\n\r\n")
    writer.close()


async def test_a_message_of_several_events_is_one_chunk(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """What arrived together leaves together."""
    together = event("a") + event("b") + event("c")

    async def pieces() -> Pieces:
        message = piece("")
        message.events = together
        yield message

    router.pieces = pieces
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
    writer.write(REQUEST)
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    assert b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(together), together) in answer


async def test_a_stream_that_breaks_ends_with_its_error(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """An event with the error, and no `[DONE]`: nothing that looks whole."""

    async def pieces() -> Pieces:
        yield piece("Hel")
        raise StreamInterrupted("The provider hung up", provider="openai")

    router.pieces = pieces
    answer = await http.post(PATH, content=STREAM)
    assert answer.content.startswith(event("Hel") + b'data: {"error":{"message":"The provider')
    assert b"[DONE]" not in answer.content


async def test_the_sdk_raises_on_a_broken_stream(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """OpenAI's SDK knows such an event and raises an APIError."""

    async def pieces() -> Pieces:
        yield piece("Hel")
        raise RuntimeError("canary-4711")

    router.pieces = pieces
    url = f"http://127.0.0.1:{bridge.port}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="condt_1", max_retries=0) as sdk:
        stream = await sdk.chat.completions.create(model="m", messages=[], stream=True)
        first = await anext(stream)
        with pytest.raises(openai.APIError, match="did not foresee") as caught:
            await anext(stream)
    assert first.choices[0].delta.content == "Hel"
    assert "canary" not in str(caught.value)


async def test_a_stream_without_any_message_is_an_error(
    http: httpx.AsyncClient, router: ScriptedRouter
) -> None:
    """Silence is not an answer."""

    async def pieces() -> Pieces:
        for text in list[str]():
            yield piece(text)

    router.pieces = pieces
    answer = await http.post(PATH, content=STREAM)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "stream_interrupted")


async def test_a_caller_that_leaves_ends_the_stub_s_call(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """Also while nothing is being written."""

    async def pieces() -> Pieces:
        yield piece("first")
        await asyncio.Event().wait()

    router.pieces = pieces
    reader, writer = await asyncio.open_connection("127.0.0.1", bridge.port)
    writer.write(REQUEST)
    async with asyncio.timeout(5):
        await reader.readuntil(event("first"))
        assert not router.ended.is_set()
        writer.close()
        await router.ended.wait()


async def test_a_slow_caller_holds_the_stub_back(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """Messages are not piled up in memory for somebody who does not read."""
    made = 0

    async def pieces() -> Pieces:
        nonlocal made
        while made < 2000:
            made += 1
            yield piece("x" * 100_000)
            await asyncio.sleep(0)

    router.pieces = pieces
    _, writer = await asyncio.open_connection("127.0.0.1", bridge.port, limit=1024)
    writer.write(REQUEST)
    before = -1
    async with asyncio.timeout(5):
        while made != before or not made:
            before = made
            await asyncio.sleep(0.3)
        assert made < 500
        writer.transport.abort()
        await router.ended.wait()


async def test_sound_streams_as_plain_bytes(http: httpx.AsyncClient) -> None:
    """One message after the other; the first one names the media type."""
    body = {"model": "tts", "input": "hi", "voice": "alloy"}
    answer = await http.post("/v1/audio/speech", json=body)
    assert (answer.content, answer.headers["content-type"]) == (b"\x00\xff\x01", "audio/wav")


async def test_sound_can_be_events(http: httpx.AsyncClient) -> None:
    """Which have what belongs to events."""
    body = {"model": "tts", "input": "hi", "voice": "alloy", "stream_format": "sse"}
    answer = await http.post("/v1/audio/speech", json=body)
    assert answer.content == b"data: 1\n\n\x01"
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    broken = await http.post("/v1/audio/speech", json=body | {"voice": "broken"})
    assert broken.content.startswith(b'data: 1\n\ndata: {"error":{"message":"The provider asked')


async def test_sound_that_breaks_off_does_not_look_whole(http: httpx.AsyncClient) -> None:
    """Bytes have no place for an error, so the connection is cut."""
    body = {"model": "tts", "input": "hi", "voice": "broken"}
    with pytest.raises(httpx.TransportError):
        await http.post("/v1/audio/speech", json=body)


async def test_notifications_arrive_as_events(http: httpx.AsyncClient, health: Health) -> None:
    """The head comes before the first news, which may be hours away."""
    async with http.stream("GET", "/api/notifications", headers=ADMIN) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        await health.news.put(_unhealthy())
        lines: list[str] = []
        async for line in answer.aiter_lines():
            if line not in {"", ": keep-alive"}:
                lines.append(line)
            if line.startswith("data: "):
                break
    assert lines[0] == "id: 7"
    assert '"kind":"ProviderUnhealthy"' in lines[1]
    await soon(health.ended)


def _unhealthy() -> WatchNotificationsResponse:
    notification = Notification(id=7, kind=NOTIFICATION_KIND_PROVIDER_UNHEALTHY, provider_id=3)
    return WatchNotificationsResponse(notification=notification)


async def test_notifications_refused_have_their_own_status(
    http: httpx.AsyncClient,
) -> None:
    """A wrong key is a 401, not an empty stream."""
    answer = await http.get("/api/notifications", headers={"x-master-key": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (401, "MASTER_KEY_INVALID")


async def test_a_stream_of_notifications_shows_that_it_lives(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments keep the connection from being cut as idle."""
    monkeypatch.setattr(streams, "WATCH_HEAD_SECONDS", 0.01)
    async with http.stream("GET", "/api/notifications", headers=ADMIN) as answer:
        async for line in answer.aiter_lines():
            assert re.match(": keep-alive", line)
            break


async def test_notifications_end_when_the_bridge_stops(
    bridge: bootstrap.BridgeProcess, http: httpx.AsyncClient
) -> None:
    """A stream that would last for hours does not hold up the end of the process."""
    async with http.stream("GET", "/api/notifications", headers=ADMIN) as answer:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await bridge.drain(4.0)
        assert loop.time() - started < 1.0
        assert all(line in {"", ": keep-alive"} for line in [x async for x in answer.aiter_lines()])
