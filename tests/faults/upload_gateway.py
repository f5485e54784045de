"""A gateway in miniature, as a process of its own: what is uploaded to it, it uploads to a port.

``python -m tests.faults.upload_gateway PORT FOLDER`` prints the port it listens on, and then, for
each line it reads, its resident memory in KiB.
"""

import asyncio
import contextlib
import re
import sys
from pathlib import Path

import uvloop

from conduit_kernel.http import (
    ConnectionReset,
    Exchange,
    HttpClient,
    HttpServer,
    Origin,
    ServerLimits,
    SpillBody,
    SpillSpace,
    Timeouts,
)

MIB = 1024 * 1024


def resident() -> int:
    """Return this process's resident memory in KiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


async def run(port: int, folder: str) -> None:
    """Serve until standard input ends."""
    client, space = HttpClient(), SpillSpace(Path(folder))
    refused = client.prepare(Origin("http", "127.0.0.1", port), "POST", "/refuse")
    accepted = client.prepare(Origin("http", "127.0.0.1", port), "POST", "/accept")

    async def relay(exchange: Exchange) -> None:
        """Try a candidate that refuses after most of the upload, then one that takes it."""
        length = int(exchange.fields[b"content-length"])
        body = SpillBody(exchange.body_stream(), space, length=length)
        try:
            # A server that answers before it has read everything, and hangs up, may be met by a
            # write: then its answer is lost with the connection.
            with contextlib.suppress(ConnectionReset):
                first = await client.send_prepared(refused, (), body, timeouts=Timeouts())
                first.close()
            response = await client.send_prepared(accepted, (), body, timeouts=Timeouts())
            answer = await response.read(MIB)
        finally:
            body.close()
        exchange.respond(response.status, (), answer)

    server = HttpServer(
        relay,
        limits=ServerLimits(body_bytes=64 * MIB),
        streams_body=lambda _method, _path: True,
    )
    await server.start("127.0.0.1", 0)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(f"{resident()}\n")
        sys.stdout.flush()
    await server.drain(1)
    await client.close()


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), sys.argv[2]))
