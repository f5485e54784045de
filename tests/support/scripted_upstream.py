"""A provider on a real port that does, request by request, what a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from conduit_kernel.http import Exchange, HttpClient, HttpServer
from conduit_providers.sending import Sender
from conduit_router.upstream.token_refresh import TokenRefresher
from conduit_router.upstream.transport import Transport

JSON = [(b"content-type", b"application/json")]
EVENTS = [(b"content-type", b"text/event-stream")]
Act = Callable[[Exchange], Awaitable[None]]


class ScriptedUpstream:
    """Serves each request by the next act; the last one stays."""

    def __init__(self, *acts: Act) -> None:
        self.acts = list(acts)
        self.paths: list[str] = []
        self.bodies: list[bytes] = []
        self.arrived = asyncio.Event()
        # The provider's address, without a slash at its end.
        self.url = ""

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        self.paths.append(exchange.path)
        self.bodies.append(exchange.body)
        self.arrived.set()
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        await act(exchange)


def answer(body: bytes, status: int = 200) -> Act:
    """Answer with JSON."""

    async def act(exchange: Exchange) -> None:
        exchange.respond(status, JSON, body)

    return act


def stream(*pieces: bytes, is_cut: bool = False, is_held: bool = False) -> Act:
    """Answer with events, and end well, break off or fall silent."""

    async def act(exchange: Exchange) -> None:
        out = exchange.start(200, EVENTS)
        for piece in pieces:
            out.write(piece)
            await out.drain()
            # Each piece is to arrive by itself.
            await asyncio.sleep(0.005)
        if is_held:
            await asyncio.Event().wait()
        elif is_cut:
            out.abort()
        else:
            out.finish()

    return act


async def hang(_exchange: Exchange) -> None:
    """Take the request, and say nothing."""
    await asyncio.Event().wait()


async def reset(exchange: Exchange) -> None:
    """Cut the connection."""
    exchange.abort()


async def drip(exchange: Exchange) -> None:
    """Send an answer byte by byte, without an end."""
    out = exchange.start(200, JSON)
    while True:
        out.write(b" ")
        await asyncio.sleep(0.01)


@asynccontextmanager
async def serve(*acts: Act) -> AsyncIterator[ScriptedUpstream]:
    """Run a provider for as long as this lasts."""
    upstream = ScriptedUpstream(*acts)
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.port}"
    try:
        yield upstream
    finally:
        await server.drain(0.1)


@asynccontextmanager
async def open_transport(clock: Callable[[], float] = lambda: 0.0) -> AsyncIterator[Transport]:
    """Make a transport that may go anywhere."""
    client = HttpClient()
    refresher = TokenRefresher(clock, Sender(client, client))
    try:
        yield Transport(client, client, refresher, clock)
    finally:
        await refresher.close()
        await client.close()
