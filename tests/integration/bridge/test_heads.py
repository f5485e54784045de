"""What is known by a request's head is answered before its body is read."""

import asyncio
import contextlib
import json

import pytest
from tests.integration.bridge.stage import ADMIN, ScriptedRouter

from conduit_bridge import bootstrap

SIZE = 200_000
MASTER_KEY = ADMIN["x-master-key"]


async def answer_to(port: int, head: str, sent: int = 60_000) -> tuple[int, bytes]:
    """Send a head that announces a large body, and a part of it; return status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(5):
            writer.write(f"{head}Host: x\r\nContent-Length: {SIZE}\r\n\r\n".encode())
            writer.write(b"x" * sent)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert b"connection: close" in answer
            return int(answer.split()[1]), await reader.read()
    finally:
        # What the server never took would keep the connection open beyond the test.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("POST /v1/chat/completions HTTP/1.1\r\n", "invalid_api_key"),
        ("POST /v1/embeddings HTTP/1.1\r\nAuthorization: Basic abc\r\n", "invalid_api_key"),
        ("POST /v1/audio/transcriptions HTTP/1.1\r\nAuthorization: Bearer \r\n", "invalid_api_key"),
        (
            "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer condt_unknown\r\n",
            "invalid_api_key",
        ),
        ("POST /api/providers HTTP/1.1\r\n", "MASTER_KEY_MISSING"),
        ("POST /api/providers HTTP/1.1\r\nX-Master-Key: wrong\r\n", "MASTER_KEY_INVALID"),
    ],
)
async def test_credential_is_judged_before_the_body_is_read(
    bridge: bootstrap.BridgeProcess, router: ScriptedRouter, head: str, reason: str
) -> None:
    """Nobody fills the memory without a key; the answer is that of a whole request."""
    status, body = await answer_to(bridge.port, head)
    assert status == 401
    error = json.loads(body)
    assert reason in (error.get("code"), error["error"]["code"] if "code" not in error else "")
    assert not router.requests


async def test_request_with_a_credential_is_read(bridge: bootstrap.BridgeProcess) -> None:
    """Whichever credential the call is for."""
    heads = (
        f"POST /api/providers HTTP/1.1\r\nX-Master-Key: {MASTER_KEY}\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: bearer condt_any\r\n",
    )
    for head in heads:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await answer_to(bridge.port, head)
