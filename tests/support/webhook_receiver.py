"""A receiver of webhooks that answers as a test says."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from conduit_kernel.http import Exchange, HttpServer

Headers = Mapping[str, str]


class Received(NamedTuple):
    """A delivery as it came."""

    path: str
    headers: Headers
    body: bytes


class WebhookReceiver:
    """Answers 204, unless a test has other statuses for it."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        self.port = 0
        # Answers wait for it.
        self.answers_after: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/hooks/conduit?team=ops"

    async def serve(self, exchange: Exchange) -> None:
        """Take a delivery."""
        headers = {k.decode(): v.decode() for k, v in exchange.headers.items()}
        target = f"{exchange.path}?{exchange.query}"
        self.received.append(Received(target, headers, exchange.body))
        if self.answers_after is not None:
            await self.answers_after.wait()
        status = self.statuses.pop(0) if self.statuses else 204
        exchange.respond(status, [(b"location", b"http://127.0.0.1:1/")], b"")


@asynccontextmanager
async def receiving() -> AsyncIterator[WebhookReceiver]:
    """Run a receiver for as long as this lasts."""
    receiver = WebhookReceiver()
    server = HttpServer(receiver.serve)
    await server.start("127.0.0.1", 0)
    receiver.port = server.port
    try:
        yield receiver
    finally:
        await server.drain(0.1)
