"""A service that nobody may reach, and notes who does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Trap:
    """Answers with a secret, in every form that somebody may take."""

    def __init__(self) -> None:
        self.port = 0
        # The first line of each request, or what came of one.
        self.reached: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Note a connection, whether or not anything is sent over it."""
        self.reached.append(b"")
        try:
            async with asyncio.timeout(2):
                self.reached[-1] = await reader.readline()
        except TimeoutError:
            pass
        body = b'{"data": [{"id": "inside-secret"}]}'
        head = b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\nconnection: close\r\n"
        writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        writer.close()


@asynccontextmanager
async def trap() -> AsyncIterator[Trap]:
    """Listen on all addresses of loopback, of both families where there are both."""
    found = Trap()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found
