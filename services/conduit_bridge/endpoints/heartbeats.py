"""Server-sent events that come when something happens, which may be hours apart."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.stream import EventsEndpoint, let_go
from conduit_bridge.endpoints.unary import PATIENCE_SECONDS, Backend, Outcome, RequestContext
from conduit_bridge.metrics import RouteCounts
from conduit_kernel.http import Stream
from conduit_kernel.rpc import until_connected

SIGN_OF_LIFE = b": keep-alive\n\n"
# Proxies commonly cut what is silent for 30 s.
SIGN_SECONDS = 15.0
# How long the head waits for a first message, so that a call that fails at once gets its status.
FIRST_SECONDS = 1.0

SILENT = object()
ENDED = object()


class HeartbeatEventsEndpoint(EventsEndpoint):
    """Relays news, with signs of life between them; ends them when the process stops."""

    def __init__(
        self,
        route: Route,
        backend: Backend,
        counts: RouteCounts,
        *,
        master_key: bytes,
        stopping: asyncio.Event,
        sign_seconds: float = SIGN_SECONDS,
    ) -> None:
        """Bind a route; its streams end when `stopping` is set."""
        super().__init__(route, backend, counts, master_key=master_key)
        self._stopping = stopping
        self._sign_seconds = sign_seconds

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, send the head soon, and relay."""
        if context.exchange.method == "HEAD":
            return self._serve_head(context)
        if self.channel is not None:
            await until_connected(self.channel, PATIENCE_SECONDS)
        call = self.begin(context)
        try:
            async with _Events(aiter(call), self._stopping) as news:
                first = await news.next(FIRST_SECONDS)
                stream = context.exchange.start(self.done.status, (), context.lines + self.media)
                return await self.finish(context, stream, self._relay_news(stream, first, news))
        finally:
            await let_go(call)

    async def _relay_news(self, stream: Stream, first: object, news: "_Events") -> None:
        piece = first
        while piece is not ENDED:
            stream.write(SIGN_OF_LIFE if piece is SILENT else self.write(piece))
            await stream.drain()
            piece = await news.next(self._sign_seconds)

    def _serve_head(self, context: RequestContext) -> Outcome:
        # Only what can be judged without a call, for that would last until somebody hangs up.
        self.request_of(context)
        context.exchange.respond(self.done.status, (), b"", context.lines + self.media)
        return self.done


class _Events:
    """An iterator that one may stop waiting for, and go on waiting for later."""

    def __init__(self, messages: AsyncIterator[Any], stopping: asyncio.Event) -> None:
        self._messages = messages
        self._stopping = stopping

    async def __aenter__(self) -> Self:
        self._stopped = asyncio.create_task(self._stopping.wait())
        self._coming = asyncio.create_task(self._take())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks = (self._stopped, self._coming)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def next(self, seconds: float) -> object:
        """Return the next message; SILENT if none comes in time, ENDED if none will come."""
        tasks = (self._stopped, self._coming)
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._stopped.done():
            return ENDED
        if not self._coming.done():
            return SILENT
        message = self._coming.result()
        self._coming = asyncio.create_task(self._take())
        return message

    async def _take(self) -> object:
        return await anext(self._messages, ENDED)
