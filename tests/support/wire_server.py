"""A provider that answers as a wire case does, for SDKs that are held against the case."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

WIRE = Path(__file__).parents[1] / "wire"
# The key that the wire cases are signed with.
SECRET = "wire-secret-0123456789"
Json = dict[str, Any]


class Sent(NamedTuple):
    """A request, as far as it means something."""

    method: str
    path: str
    authorization: str
    body: object


def sent_of(case: Path) -> Sent:
    """Return the request that a wire case says we send."""
    head, _, body = (case / "sent.http").read_bytes().partition(b"\n\n")
    first, *lines = head.decode().splitlines()
    method, url = first.split(" ")
    address = urlsplit(url)
    query = f"?{address.query}" if address.query else ""
    return Sent(method, address.path + query, _headers(lines)["authorization"], _body(body))


def result_of(case: Path) -> Json:
    """Return what the caller gets."""
    return dict(orjson.loads((case / "result.json").read_bytes()))


@asynccontextmanager
async def serving(case: Path) -> AsyncIterator[tuple[list[Sent], str]]:
    """Answer all requests as the case was answered; yield them, and the address."""
    received: list[Sent] = []
    head, _, answer = (case / "received.http").read_bytes().partition(b"\n\n")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = asked.strip().split("\r\n")
        headers = _headers(lines)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = first.split(" ")
        received.append(Sent(method, path, headers.get("authorization", ""), _body(body)))
        writer.write(head.replace(b"\n", b"\r\n"))
        writer.write(b"\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(answer))
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.timeout(20):
        yield received, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.lower(): value.strip() for name, _, value in pairs}


def _body(body: bytes) -> object:
    return orjson.loads(body) if body.strip() else None
