"""A provider that answers as a wire case does, for SDKs that are held against the case."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import orjson
from tests.support.wire_cases import case_named


class Sent(NamedTuple):
    """A request, as far as it means something."""

    method: str
    path: str
    authorization: str
    body: object


def sent_of(case: str) -> Sent:
    """Return the request that a wire case says we send."""
    sent = case_named(case).sent
    return Sent(sent.method, sent.path, sent.headers["authorization"], _body(sent.body))


@asynccontextmanager
async def serving(case: str) -> AsyncIterator[tuple[list[Sent], str]]:
    """Answer all requests as the case was answered; yield them, and the address."""
    received: list[Sent] = []
    answer = case_named(case).received
    head = [answer.first, *(f"{name}: {value}" for name, value in answer.headers.items())]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = asked.strip().split("\r\n")
        headers = _headers(lines)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = first.split(" ")
        received.append(Sent(method, path, headers.get("authorization", ""), _body(body)))
        writer.write("\r\n".join(head).encode())
        length = len(answer.body)
        writer.write(b"\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % length)
        writer.write(answer.body)
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
