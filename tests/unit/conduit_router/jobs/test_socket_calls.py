"""Uploads over WebSockets: bounded, paced, and failing by class."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.scripted_upstream import open_transport
from tests.support.snapshots import compiled, provider, snapshot
from tests.support.waiting import eventually

from conduit_kernel.errors import (
    InvalidRequest,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import BodyCut, Exchange, HttpServer, JoinedUpload, Timeouts
from conduit_kernel.websocket import WebSocket, WebSocketClosed, accept
from conduit_providers.redaction import Redactor
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import SocketFrame, SocketRequest, WebSocketRequest
from conduit_router.jobs.message_source import BUFFER_BYTES
from conduit_router.jobs.socket_calls import HEAD_BYTES, SocketCalls
from conduit_router.routing.table import UpstreamTarget

TIMES = Timeouts(5.0, 5.0, 5.0, 30.0)
END = b"end"
Script = Callable[[WebSocket], Awaitable[None]]


class Echoes:
    """Sends each piece as a frame of its own, and tells a failure by a word."""

    handshake = WebSocketRequest("/upload", (("x-acme", "1"),))

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    def check(self, messages: bytes) -> None:
        """Raise if the word is there."""
        if b"failed" in messages:
            raise UpstreamError("it failed")

    def frames(self, data: bytes) -> Iterator[SocketFrame]:
        """Yield the piece."""
        yield SocketFrame(data, self._seconds)

    def end(self) -> Iterator[SocketFrame]:
        """Yield a word."""
        yield SocketFrame(END)


class Broken:
    """An upload that breaks off behind its first piece, if not before."""

    length = None

    def __init__(self, pieces: int) -> None:
        self._left = pieces

    async def open(self) -> "Broken":
        """Begin."""
        return self

    async def next(self) -> bytes:
        """Return a piece, or break."""
        self._left -= 1
        if self._left < 0:
            raise InvalidRequest("A file has another size than was said", field="file.size")
        return bytes(HEAD_BYTES)


class Peer:
    """Does with a session what its script says."""

    def __init__(self) -> None:
        self.address = ""
        self.script: Script = echo
        self.begun = self.ended = 0

    async def __call__(self, exchange: Exchange) -> None:
        """Hold one session."""
        socket = accept(exchange)
        self.begun += 1
        try:
            await self.script(socket)
        except WebSocketClosed:
            pass
        finally:
            self.ended += 1
            await socket.close()


async def echo(socket: WebSocket) -> None:
    """Say how many bytes each frame has."""
    while (message := await socket.receive()) != END:
        await socket.send(f"{len(message)} ")


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """Run the provider."""
    made = Peer()
    server = HttpServer(made)
    await server.start("127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.port}"
    yield made
    await server.drain(1)


@pytest.fixture
async def calls() -> AsyncIterator[SocketCalls]:
    """Return what makes calls."""
    async with open_transport(asyncio.get_running_loop().time) as transport:
        yield SocketCalls(transport)


def target(peer: Peer) -> tuple[UpstreamTarget, ProviderSpec]:
    """Return the provider with a key, and its type."""
    instance = compiled(snapshot([provider(1, peer.address)])).instances[1]
    return instance.keys[0].endpoint("chat"), instance.spec


def request(*pieces: bytes, seconds: float = 0.0) -> SocketRequest:
    """Return an upload in pieces."""
    return SocketRequest(JoinedUpload(pieces), lambda _: Echoes(seconds))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""

    async def holds() -> bool:
        await asyncio.sleep(0)
        return condition()

    await eventually(holds)


async def test_the_answer_is_all_messages_up_to_the_end(calls: SocketCalls, peer: Peer) -> None:
    """What is seen of the upload first goes out with the rest."""
    pieces = (bytes(HEAD_BYTES), bytes(7), bytes(9))
    answer, headers = await calls.ask(*target(peer), request(*pieces), TIMES)
    assert (answer.status, answer.body) == (200, b"65536 7 9 ")
    assert headers.get(b"upgrade") == b"websocket"
    response = await calls.open(*target(peer), request(*pieces), TIMES)
    assert await response.read(100) == b"65536 7 9 "
    response.close()
    await until(lambda: peer.ended == 2)


async def test_answers_do_not_repeat_the_key(calls: SocketCalls, peer: Peer) -> None:
    """Wherever messages cut it."""

    async def repeat(socket: WebSocket) -> None:
        while await socket.receive() != END:
            pass
        for piece in ("a sec", "ret-7", " b"):
            await socket.send(piece)

    peer.script = repeat
    where, spec = target(peer)
    where = replace(where, redactor=Redactor("secret-7"))
    answer, _ = await calls.ask(where, spec, request(b"x"), TIMES)
    assert answer.body == b"a [redacte b"


async def silent(socket: WebSocket) -> None:
    """Take everything, and say nothing."""
    while True:
        await socket.receive()


@pytest.mark.parametrize("times", [Timeouts(5, 5, 0.1, 30), Timeouts(5, 5, 30, 0.1)])
async def test_a_provider_that_says_nothing_is_given_up(
    calls: SocketCalls, peer: Peer, times: Timeouts
) -> None:
    """After the longest silence, or when the time for all is up."""
    peer.script = silent
    with pytest.raises(UpstreamTimeout):
        await calls.ask(*target(peer), request(b"a"), times)
    await until(lambda: peer.ended == 1)


async def test_silence_while_sound_is_sent_is_none(
    calls: SocketCalls, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider listens: forty pieces of 50 ms take longer than it may be silent."""
    monkeypatch.setattr("conduit_router.jobs.socket_calls.LEAD_SECONDS", 0.0)

    async def late(socket: WebSocket) -> None:
        while await socket.receive() != END:
            pass
        await socket.send("done")

    peer.script = late
    pieces = (bytes(HEAD_BYTES), *[b"a"] * 40)
    times = Timeouts(5, 5, 1.0, 30)
    answer, _ = await calls.ask(*target(peer), request(*pieces, seconds=0.05), times)
    assert answer.body == b"done"


@pytest.mark.parametrize("pieces", [0, 1, 2])
async def test_an_upload_that_breaks_off_is_its_callers_failure(
    calls: SocketCalls, peer: Peer, pieces: int
) -> None:
    """Before the handshake, or behind it; no provider is blamed."""
    upload = SocketRequest(Broken(pieces), lambda _: Echoes())
    with pytest.raises(InvalidRequest, match="another size"):
        await calls.ask(*target(peer), upload, TIMES)
    await until(lambda: peer.ended == (pieces > 0))


async def refuse(socket: WebSocket) -> None:
    """Say that it failed, and end well, before the upload has."""
    await socket.send("failed")


async def test_what_was_said_before_an_early_end_is_why(calls: SocketCalls, peer: Peer) -> None:
    """The end itself says less."""
    peer.script = refuse
    with pytest.raises(UpstreamError, match="it failed"):
        await calls.ask(*target(peer), request(bytes(HEAD_BYTES), *[bytes(65_536)] * 100), TIMES)


@pytest.mark.parametrize("is_said", [False, True])
async def test_an_end_that_is_no_clean_one_is_a_failure(
    calls: SocketCalls, peer: Peer, *, is_said: bool
) -> None:
    """Also once everything was sent, and something said."""

    async def break_off(socket: WebSocket) -> None:
        while await socket.receive() != END:
            pass
        if is_said:
            await socket.send("half")
        await socket.close(1011)

    peer.script = break_off
    with pytest.raises(UpstreamUnreachable):
        await calls.ask(*target(peer), request(b"a"), TIMES)
    response = await calls.open(*target(peer), request(b"a"), TIMES)
    with pytest.raises(BodyCut):
        await response.read(100)
    response.close()


class Torn:
    """A socket that cannot be read, and says so by an error that nobody expects."""

    answer_fields = ()

    def __init__(self) -> None:
        self.is_open = True

    async def receive(self) -> bytes:
        """Fail."""
        raise RuntimeError("the call has no memory of its messages")

    async def send(self, message: bytes) -> None:
        """Take whatever there is."""

    def abort(self) -> None:
        """End."""
        self.is_open = False


class Opening:
    """A transport of one socket."""

    def __init__(self, socket: Torn) -> None:
        self._socket = socket

    async def open_socket(self, *_: object) -> Torn:
        """Return it."""
        return self._socket


async def test_an_error_that_nobody_expects_ends_the_answer(peer: Peer) -> None:
    """At once, not when its time is over."""
    torn = Torn()
    transport: Any = Opening(torn)
    with pytest.raises(UpstreamError):
        async with asyncio.timeout(2):
            await SocketCalls(transport).ask(*target(peer), request(b"x"), TIMES)
    assert not torn.is_open


async def test_who_leaves_ends_the_session(calls: SocketCalls, peer: Peer) -> None:
    """Of a whole answer, and of a stream."""
    peer.script = silent
    task = asyncio.create_task(calls.ask(*target(peer), request(b"a"), TIMES))
    await until(lambda: peer.begun == 1)
    task.cancel()
    await asyncio.wait([task])
    response = await calls.open(*target(peer), request(b"a"), TIMES)
    response.close()
    await until(lambda: peer.ended == 2)


async def test_a_slow_reader_holds_the_provider_back(calls: SocketCalls, peer: Peer) -> None:
    """What nobody takes stays where it is, and comes in full once it is taken."""
    said = 0

    async def talk(socket: WebSocket) -> None:
        nonlocal said
        while await socket.receive() != END:
            pass
        for _ in range(400):
            await socket.send(bytes(65_536))
            said += 1

    peer.script = talk
    response = await calls.open(*target(peer), request(b"a"), TIMES)
    await until(lambda: response.paused)
    assert sum(map(len, response.parts)) <= BUFFER_BYTES + 65_536
    assert said < 400
    assert len(await response.read(400 * 65_536)) == 400 * 65_536
    response.close()
