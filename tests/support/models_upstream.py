"""A provider on loopback that lists models, or does not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

LIMITS = {
    "x-ratelimit-limit-requests": "3500",
    "x-ratelimit-remaining-requests": "3420",
    "x-ratelimit-reset-requests": "60s",
    "x-ratelimit-limit-tokens": "90000",
    "x-ratelimit-remaining-tokens": "85400",
    "x-ratelimit-reset-tokens": "60s",
}


class ModelsUpstream:
    """Answers `GET /v1/models` as a test wishes, by the key that asks."""

    def __init__(self) -> None:
        self.models = ["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo"]
        # Status by key; 200 for those that are not here.
        self.statuses: dict[str, int] = {}
        # Status for everybody.
        self.status = 200
        self.headers = dict(LIMITS)
        # What errors say.
        self.repeats = ""
        self.is_silent = False
        # Cleared while whoever asks has to wait.
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until its end."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                key = head.partition("authorization: bearer ")[2].partition("\r\n")[0]
                self.asked.append(key)
                if self.is_silent:
                    await reader.read()
                    break
                await self.answers.wait()
                writer.write(self._answer(key))
                await writer.drain()
        writer.close()

    def _answer(self, key: str) -> bytes:
        status = self.status if self.status != 200 else self.statuses.get(key, 200)  # all is well
        listed = {"object": "list", "data": [{"id": name} for name in self.models]}
        words = self.repeats or f"The upstream says {status}"
        failed = {"error": {"message": words, "type": "", "code": None}}
        body = orjson.dumps(listed if status == 200 else failed)  # the same
        headers = {**self.headers, "content-length": str(len(body))}
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {text}" for name, text in headers.items())]
        return "\r\n".join([*lines, "content-type: application/json", "", ""]).encode() + body


@asynccontextmanager
async def serve_models() -> AsyncIterator[ModelsUpstream]:
    """Run an upstream for as long as this lasts."""
    upstream = ModelsUpstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield upstream
    finally:
        server.close()
