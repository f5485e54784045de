"""Calls of gRPC as connections; those to a provider are in tests of the router on real sockets."""

import asyncio

import grpc
import pytest
from tests.support.google_speech_upstream import API_KEY, SERVICE, recognizing
from tests.unit.conduit_router.jobs.test_grpc_calls import target

from conduit_kernel.errors import InvalidApiKey
from conduit_kernel.http import Timeouts
from conduit_kernel.websocket import WebSocketClosed
from conduit_providers.codecs.googlecloud.streaming import beginning, sound_message, told_by
from conduit_router.upstream.grpc_connector import Connected
from conduit_router.upstream.grpc_endings import CallFailed
from conduit_router.upstream.grpc_sockets import GrpcSocket

METHOD = f"/{SERVICE}/StreamingRecognize"
TIMES = Timeouts(2.0, 2.0, 2.0, 2.0)


async def test_messages_go_both_ways_until_a_clean_end() -> None:
    """What waits is woken; nothing is sent to a call that has ended."""
    async with recognizing() as server, grpc.aio.insecure_channel(server.url[7:]) as channel:
        upstream, spec = target(server.url)
        connected = Connected(channel, (("x-goog-api-key", API_KEY),), TIMES)
        socket = GrpcSocket(connected, METHOD, spec, upstream)
        await socket.send(beginning("r", {}))
        await socket.send(sound_message(b"ab"))
        heard = await socket.receive()
        assert told_by(heard, "").stretches[0].text == "Hello"
        socket.wake()
        assert await socket.receive_or_wake() is None
        await socket.finish()
        texts = [told_by(await socket.receive(), "").stretches for _ in range(3)]
        assert [each[0].text for each in texts if each] == ["Hello there.", "Bye."]
        with pytest.raises(WebSocketClosed) as end:
            await socket.receive()
        assert end.value.is_clean
        with pytest.raises(WebSocketClosed):
            await socket.send(b"x")
        await socket.close()
        assert server.sound == [b"ab"]


async def test_a_status_is_why_a_call_ended_even_while_much_is_sent() -> None:
    """What gRPC says of messages that could not be written is no reason."""
    async with recognizing() as server, grpc.aio.insecure_channel(server.url[7:]) as channel:
        upstream, spec = target(server.url)
        socket = GrpcSocket(Connected(channel, (), TIMES), METHOD, spec, upstream)
        with pytest.raises(CallFailed) as end:
            await _talk(socket)
        assert isinstance(end.value.failure, InvalidApiKey)
        await socket.close()


async def _talk(socket: GrpcSocket) -> None:
    async with asyncio.timeout(10):
        while True:
            await socket.send(sound_message(bytes(15_000)))
