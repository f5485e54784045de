"""A server that plays Replicate where images are changed: its files, and predictions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from typing import Any, NamedTuple

import orjson

from conduit_kernel.http import Exchange, HttpServer

JSON = [(b"content-type", b"application/json")]
Json = dict[str, Any]


class StoredFile(NamedTuple):
    """A file as it came."""

    member: str
    name: str | None
    media_type: str
    content: bytes


@dataclass
class Replicate:
    """What it was sent, and how its predictions end."""

    address: str = ""
    files: list[StoredFile] = field(default_factory=list[StoredFile])
    inputs: list[Json] = field(default_factory=list[Json])
    seen: list[str] = field(default_factory=list[str])
    keys: set[bytes | None] = field(default_factory=set[bytes | None])
    # The status of each request for a file, where it is no success.
    refuses_files: int = 0
    error: str | None = None

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        self.seen.append(f"{exchange.method} {exchange.path}")
        self.keys.add(exchange.headers.get(b"authorization"))
        body = b"".join([piece async for piece in exchange.body_stream()])
        if exchange.path == "/v1/files":
            self._store(exchange, body)
        elif exchange.method == "POST" and not exchange.path.endswith("/cancel"):
            self.inputs.append(orjson.loads(body)["input"])
            exchange.respond(201, JSON, self._prediction("processing"))
        else:
            ended = "failed" if self.error else "succeeded"
            exchange.respond(200, JSON, self._prediction(ended))

    def _store(self, exchange: Exchange, body: bytes) -> None:
        if self.refuses_files:
            exchange.respond(self.refuses_files, JSON, b'{"detail":"no room"}')
            return
        head = b"content-type: %b\r\n\r\n" % exchange.fields[b"content-type"]
        parts = message_from_bytes(head + body, policy=HTTP).get_payload()
        assert isinstance(parts, list)
        (part,) = parts
        assert isinstance(part, Message)
        member = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(member, str)
        assert isinstance(content, bytes)
        self.files.append(StoredFile(member, part.get_filename(), part.get_content_type(), content))
        exchange.respond(201, JSON, self._file(len(self.files)))

    def _file(self, number: int) -> bytes:
        return orjson.dumps(
            {
                "id": f"f{number}",
                "name": "image.png",
                "content_type": "image/png",
                "size": 1,
                "etag": "e",
                "checksums": {},
                "metadata": {},
                "created_at": "2026-11-23T12:00:00Z",
                "expires_at": None,
                "urls": {"get": f"{self.address}/v1/files/f{number}"},
            }
        )

    def _prediction(self, status: str) -> bytes:
        base = f"{self.address}/v1/predictions/p1"
        return orjson.dumps(
            {
                "id": "p1",
                "model": "black-forest-labs/flux-kontext-pro",
                "version": "hidden",
                "input": {},
                "status": status,
                "output": f"{self.address}/out.png" if status == "succeeded" else None,
                "error": self.error,
                "created_at": "2026-11-23T12:00:00Z",
                "urls": {"get": base, "cancel": f"{base}/cancel"},
            }
        )


@asynccontextmanager
async def replicate() -> AsyncIterator[Replicate]:
    """Run the server."""
    plays = Replicate()
    server = HttpServer(plays)
    await server.start("127.0.0.1", 0)
    plays.address = f"http://127.0.0.1:{server.port}"
    try:
        yield plays
    finally:
        await server.drain(0.1)
