"""A provider on a port of its own that can be taken down in several ways, and brought back."""

import asyncio
import time

from tests.support.scripted_upstream import Act, answer

from conduit_kernel.http import Exchange, HttpServer

ANSWER = answer(
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"well"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
MODELS = answer(b'{"object":"list","data":[{"id":"m","object":"model"}]}')
DOWN = answer(b'{"error":{"message":"down"}}', 503)


async def hang(_: Exchange) -> None:
    """Take the request, and say nothing."""
    await asyncio.Event().wait()


KINDS: dict[str, Act | None] = {"refused": None, "silent": hang, "503": DOWN}


class FailingProvider:
    """Answers, or fails as it is told to."""

    def __init__(self) -> None:
        self.port = 0
        # When it was asked for an answer; checks are no such thing.
        self.asked: list[float] = []
        self._failure: Act | None = None
        self._server: HttpServer | None = None

    async def start(self) -> None:
        """Listen, again where it did before."""
        self._server = HttpServer(self._serve)
        await self._server.start("127.0.0.1", self.port)
        self.port = self._server.port

    async def stop(self) -> None:
        """Refuse connections, and cut those that there are."""
        if self._server is not None:
            await self._server.drain(0.0)
        self._server = None

    async def fail(self, kind: str) -> None:
        """Begin to fail."""
        self._failure = KINDS[kind]
        if self._failure is None:
            await self.stop()

    async def recover(self) -> None:
        """Be well again."""
        self._failure = None
        if self._server is None:
            await self.start()

    async def _serve(self, exchange: Exchange) -> None:
        is_check = exchange.method == "GET"
        if not is_check:
            self.asked.append(time.monotonic())
        act = self._failure or (MODELS if is_check else ANSWER)
        await act(exchange)
