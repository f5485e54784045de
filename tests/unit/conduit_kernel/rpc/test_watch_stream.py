"""The client's side of a `Watch` RPC, against a server that ends, is silent, and lies."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from tests.support.waiting import eventually

from conduit_kernel.errors import ConduitError, ServiceUnavailable
from conduit_kernel.rpc.watch_stream import WatchStream

PATH = "/test.Watcher/Watch"
Script = Callable[[int], AsyncIterator[bytes]]


class Watched:
    """A server of one RPC, which follows a script by the number of the stream."""

    def __init__(self, script: Script) -> None:
        self.streams = 0
        self.open = 0
        self._script = script

    async def watch(
        self, _: bytes, _context: "grpc.aio.ServicerContext[bytes, bytes]"
    ) -> AsyncIterator[bytes]:
        """Serve one stream."""
        self.streams += 1
        self.open += 1
        try:
            async for message in self._script(self.streams):
                yield message
        finally:
            self.open -= 1

    async def all_ended(self) -> bool:
        """Return whether no stream is open."""
        return not self.open


def decoded(data: bytes) -> str:
    """Read a message; one that is none raises."""
    return data.decode()


@asynccontextmanager
async def watching(
    script: Script, silence_seconds: float | None = 5.0
) -> AsyncIterator[tuple[Watched, WatchStream[bytes, str]]]:
    """Serve the script, and watch it."""
    watched = Watched(script)
    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(
        watched.watch
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Watcher", {"Watch": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_stream(PATH, response_deserializer=decoded)
        stream: WatchStream[bytes, str] = WatchStream(lambda: call(b""), silence_seconds)
        yield watched, stream
        stream.close()
    await server.stop(0)


async def endless(number: int) -> AsyncIterator[bytes]:
    """Send two messages, then nothing more."""
    yield b"%d a" % number
    yield b"%d b" % number
    await asyncio.Event().wait()


async def test_messages_come_over_one_stream() -> None:
    """It is opened by the first read, and ended with `close`, after which reading begins anew."""
    async with watching(endless) as (watched, stream):
        assert watched.streams == 0
        assert [await stream.read() for _ in range(2)] == ["1 a", "1 b"]
        stream.close()
        await eventually(watched.all_ended)
        assert await stream.read() == "2 a"


async def test_the_streams_end_is_an_error_and_the_next_read_another_stream() -> None:
    """A watcher that took it for the end of all news would never hear anything again."""

    async def one(number: int) -> AsyncIterator[bytes]:
        yield b"%d" % number

    async with watching(one) as (watched, stream):
        assert await stream.read() == "1"
        with pytest.raises(ServiceUnavailable):
            await stream.read()
        assert await stream.read() == "2"
        assert watched.streams == 2


async def test_silence_ends_the_stream() -> None:
    """The connection may stand though nobody is there; the server's side is ended, too."""
    async with watching(endless, silence_seconds=0.5) as (watched, stream):
        assert [await stream.read() for _ in range(2)] == ["1 a", "1 b"]
        with pytest.raises(TimeoutError):
            await stream.read()
        await eventually(watched.all_ended)
        assert await stream.read() == "2 a"


async def test_what_is_no_message_is_an_error() -> None:
    """Of this version, at least; no watcher may take it for one."""

    async def garbage(_: int) -> AsyncIterator[bytes]:
        yield b"\xff"
        yield b"never read"

    async with watching(garbage) as (watched, stream):
        with pytest.raises((ConduitError, grpc.RpcError)):
            await stream.read()
        await eventually(watched.all_ended)


async def test_a_reader_that_gives_up_leaves_no_stream() -> None:
    """Whoever reads next has a fresh one, not the rest of the other's."""
    async with watching(endless) as (watched, stream):
        assert [await stream.read() for _ in range(2)] == ["1 a", "1 b"]
        reading = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await eventually(watched.all_ended)
        assert await stream.read() == "2 a"


async def test_a_server_that_is_away_is_an_error() -> None:
    """Each read tries again."""
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        call: Any = channel.unary_stream(PATH, response_deserializer=decoded)
        stream: WatchStream[bytes, str] = WatchStream(lambda: call(b""))
        for _ in range(2):
            with pytest.raises(grpc.RpcError) as caught:
                await stream.read()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_closing_what_was_never_read_does_nothing() -> None:
    """No call is begun for it."""
    WatchStream(lambda: pytest.fail("opened")).close()
