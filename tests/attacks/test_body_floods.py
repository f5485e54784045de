"""Callers who may call, and send many large bodies at once that do not end.

kortix-ai/suna#6835: each is within its bound, and all together end the gateway.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from tests.support.suite import Suite, running_suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
ROOM, SENT, CONNECTIONS = 8 * MIB, MIB // 2, 24


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    """Run a gateway with little room for bodies."""
    folder = tmp_path_factory.mktemp("bodies")
    async with running_suite(folder, max_bodies_bytes=ROOM) as running:
        await running.add_simulator("echo", "echo")
        await running.settled()
        yield running


async def begin(gateway: Suite) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the most of a large body, and not its end."""
    port = int(gateway.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {gateway.virtual_key}\r\nContent-Length: {2 * SENT}\r\n\r\n"
    )
    writer.write(head.encode() + b" " * SENT)
    await writer.drain()
    return reader, writer


async def told(reader: asyncio.StreamReader) -> bytes:
    """Return what a caller is told within a moment; nothing if it is waited for."""
    try:
        async with asyncio.timeout(0.5):
            return await reader.readuntil(b"\r\n\r\n") + await reader.read(500)
    except TimeoutError:
        return b""


async def test_bodies_without_end_leave_room_for_others(gateway: Suite) -> None:
    """Whoever has all that an address may have is told to come again; others are served."""
    begun = [await begin(gateway) for _ in range(CONNECTIONS)]
    heard = await asyncio.gather(*(told(reader) for reader, _ in begun))
    refused = [each for each in heard if each]
    # Three quarters of the room, in pieces.
    assert len(refused) >= CONNECTIONS - ROOM * 3 // 4 // SENT
    assert len(refused) < CONNECTIONS
    for each in refused:
        assert each.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in each
        assert b'"error":{"message":"The server holds as many bodies' in each
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    headers = {"Authorization": f"Bearer {gateway.virtual_key}"}
    async with httpx.AsyncClient(
        base_url=gateway.url, transport=transport, headers=headers, timeout=40
    ) as other:
        messages = [{"role": "user", "content": "x" * MIB}]
        answer = await other.post(
            "/v1/chat/completions", json={"model": "echo", "messages": messages}
        )
        assert answer.status_code == 200
    for _, writer in begun:
        writer.close()
