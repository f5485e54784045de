"""A proxy as networks of companies have them, for requests that leave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from conduit_kernel.egress import Proxy

AUTHORIZATION = "proxy-authorization: "
Misbehaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Passed(NamedTuple):
    """A request as the proxy saw it: its first line, and its credentials."""

    line: str
    authorization: str


class EgressProxy:
    """Makes tunnels and passes requests on, to names that it alone knows."""

    def __init__(self) -> None:
        self.host, self.port = "127.0.0.1", 0
        # `name:port` to the port on loopback where it really is.
        self.known: dict[str, int] = {}
        self.seen: list[Passed] = []
        # Instead of any of it.
        self.misbehaviour: Misbehaviour | None = None

    @property
    def url(self) -> str:
        """Return it as variables have it."""
        return f"http://{self.host}:{self.port}"

    @property
    def proxy(self) -> Proxy:
        """Return it as clients have it."""
        return Proxy(self.host, self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its end."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            line, *fields = head.decode("latin-1").split("\r\n")
            named = dict(field.lower().split(": ", 1) for field in fields if field)
            values = (f.split(": ", 1)[1] for f in fields if f.lower().startswith(AUTHORIZATION))
            self.seen.append(Passed(line, next(values, "")))
            if self.misbehaviour is not None:
                await self.misbehaviour(reader, writer)
            else:
                await self._pass(line, head, named, reader, writer)
        writer.close()

    async def _pass(
        self,
        line: str,
        head: bytes,
        named: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        method, target, _ = line.split(" ")
        is_tunnel = method == "CONNECT"
        there = target if is_tunnel else target.split("/")[2]
        there = there if ":" in there.rpartition("]")[2] else f"{there}:80"
        if there not in self.known:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            return
        upstream, sink = await asyncio.open_connection("127.0.0.1", self.known[there])
        if is_tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            # One request a connection is enough here.
            path = "/" + target.split("/", 3)[3]
            rest = head.partition(b"\r\n")[2].replace(b"proxy-authorization", b"x-seen")
            sink.write(f"{method} {path} HTTP/1.1\r\nconnection: close\r\n".encode() + rest)
        try:
            await asyncio.gather(_copy(reader, sink), _copy(upstream, writer))
        finally:
            sink.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def serve_proxy() -> AsyncIterator[EgressProxy]:
    """Run a proxy for as long as this lasts; it ends with all of its connections."""
    proxy = EgressProxy()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(proxy.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
