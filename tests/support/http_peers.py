"""The other side of the HTTP tests: raw callers, scripted upstreams, and a check for leaks."""

import asyncio
import contextlib
import functools
import inspect
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvloop

from conduit_kernel.http import ClientLimits, Exchange, HttpClient, HttpServer, Origin, Timeouts

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
# No test may hang; none needs nearly as long.
TEST_SECONDS = 20.0
TEXT = ((b"content-type", b"text/plain"),)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 1024 * 1024
FIRM = Timeouts(connect=10.0, header=10.0, idle=10.0)

Handler = Callable[[Exchange], Awaitable[None]]
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on uvloop and on asyncio, in bounded time; nothing may be left over after it."""

    @functools.wraps(test)
    def on_a_loop(loop_name: str, **arguments: object) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
            runner.run(_without_leaks(test(**arguments)))

    signature = inspect.signature(test)
    extra = inspect.Parameter("loop_name", inspect.Parameter.KEYWORD_ONLY)
    parameters = [*signature.parameters.values(), extra]
    vars(on_a_loop)["__signature__"] = signature.replace(parameters=parameters)
    parametrized: Callable[..., None] = pytest.mark.parametrize("loop_name", LOOPS)(on_a_loop)
    return parametrized


async def _without_leaks(test: Coroutine[Any, Any, None]) -> None:
    problems: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(str(context)))
    before = open_sockets()
    async with asyncio.timeout(TEST_SECONDS):
        await test
    await until(lambda: len(asyncio.all_tasks()) == 1)
    await until(lambda: open_sockets() <= before)
    assert not problems, problems


def open_sockets() -> set[str]:
    """List the sockets that this process holds, where the system tells."""
    found = set()
    for entry in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            found.add(str(entry.readlink()))
    return {name for name in found if name.startswith("socket:")}


async def until(condition: Callable[[], object], seconds: float = 1.0) -> None:
    """Wait for a condition that another party brings about."""
    async with asyncio.timeout(seconds):
        # Only looking again can tell: the other party is a socket.
        while not condition():  # noqa: ASYNC110 - it gives no event
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def serving(handler: Handler, **options: Any) -> AsyncIterator[HttpServer]:  # noqa: ANN401 - passed on
    """Serve on a free port; at the end all connections must be gone."""
    tls = options.pop("ssl_context", None)
    server = HttpServer(handler, **options)
    await server.start("127.0.0.1", 0, ssl_context=tls)
    try:
        yield server
    finally:
        await server.drain(0.05)
        assert server.connections == 0


class Answer(NamedTuple):
    """What a raw caller got. ``whole`` is false if the body was cut."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True


class Peer:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send, waiting while the server does not take it."""
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, data: bytes) -> Answer:
        """Send and wait for the answer."""
        await self.send(data)
        return await self.answer()

    async def answer(self, *, head_only: bool = False) -> Answer:
        """Read one answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.rstrip("\r\n").split("\r\n")
        status = int(line.split(" ")[1])
        headers = {
            name.lower(): value.strip()
            for name, _, value in (field.partition(":") for field in fields)
        }
        assert len(headers) == len(fields), f"repeated fields in {head!r}"
        if head_only or status in (100, 101, 204, 304):
            return Answer(status, headers, b"")
        body, whole = await self._body(headers)
        return Answer(status, headers, body, whole)

    async def _body(self, headers: dict[str, str]) -> tuple[bytes, bool]:
        try:
            if headers.get("transfer-encoding") == "chunked":
                assert "content-length" not in headers
                return await self._chunks(), True
            if "content-length" in headers:
                return await self.reader.readexactly(int(headers["content-length"])), True
        except asyncio.IncompleteReadError as cut:
            return cut.partial, False
        except ConnectionError:
            return b"", False
        return await self.reader.read(), True

    async def _chunks(self) -> bytes:
        pieces = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            pieces.append(await self.reader.readexactly(size))
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return b"".join(pieces)

    async def ended(self) -> bool:
        """Wait for the end of the connection; whether nothing came before it."""
        try:
            return not await self.reader.read()
        except ConnectionError:
            return True

    def hold(self) -> None:
        """Read nothing more."""
        self.reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001 - has no name for it

    def reset(self) -> None:
        """Leave with a reset instead of a goodbye."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def calling(server: HttpServer, **options: Any) -> AsyncIterator[Peer]:  # noqa: ANN401 - passed on
    """Connect to a server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, **options)
    try:
        yield Peer(reader, writer)
    finally:
        await closed(writer)


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close and wait, whatever state the connection is in."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class Upstream:
    """A server that follows a script on each connection, and counts them."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.origin: Origin
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Follow the script on a new connection."""
        self.connections += 1
        self.open.add(writer)
        task = asyncio.ensure_future(self._follow(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._script(reader, writer)
        except (OSError, EOFError, RuntimeError, asyncio.CancelledError):
            # However its caller left; uvloop says RuntimeError of a closed transport.
            writer.transport.abort()
        finally:
            await closed(writer)
            self.open.discard(writer)

    async def stop(self) -> None:
        """End the scripts."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def upstream(
    script: Script,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    **options: Any,  # noqa: ANN401 - passed on
) -> AsyncIterator[Upstream]:
    """Run a scripted server, on a free port unless told which."""
    peer = Upstream(script)
    listener = await asyncio.start_server(peer.accept, host, port, **options)
    port = listener.sockets[0].getsockname()[1]
    peer.origin = Origin("https" if options.get("ssl") else "http", host, port)
    try:
        yield peer
    finally:
        listener.close()
        await peer.stop()
        await listener.wait_closed()


@contextlib.asynccontextmanager
async def client(**options: Any) -> AsyncIterator[HttpClient]:  # noqa: ANN401 - passed on
    """Make a client that is closed at the end."""
    made = HttpClient(limits=ClientLimits(**options.pop("limits", {})), **options)
    try:
        yield made
    finally:
        await made.close()


async def request_head(reader: asyncio.StreamReader) -> bytes:
    """Read one request and return its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    return head


def always(answer: bytes) -> Script:
    """Make a script that gives every request the same answer."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_head(reader)
            writer.write(answer)
            await writer.drain()

    return script


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change, drop or double some of the bytes."""
    mutant = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(mutant))
        match chance.randrange(3):
            case 0:
                mutant[at] = chance.choice((chance.randrange(256), 10, 13, 32, 58, 0))
            case 1:
                del mutant[at : at + chance.randint(1, 3)]
            case _:
                mutant[at:at] = mutant[at : at + chance.randint(1, 30)]
    return bytes(mutant)


def post(path: bytes, body: bytes) -> bytes:
    """Write a whole POST."""
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path, len(body), body)


async def echo(exchange: Exchange) -> None:
    """Answer with what was asked."""
    body = f"{exchange.method} {exchange.path} ".encode() + exchange.body
    exchange.respond(200, TEXT, body)


class Waiting:
    """A handler that answers when told, and remembers how it ended."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        """Wait, then answer."""
        self.started += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        exchange.respond(200, TEXT, exchange.path.encode())
