"""WebSocket floods: handshakes without a key, and a caller who sends without end."""

import asyncio
import os

import pytest
from tests.attacks.raw_http import exchanged
from tests.support.suite import Suite
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.asyncio(loop_scope="module")

HANDSHAKES = 300
FRAMES = 20_000
MASK = b"\0\0\0\0"
# Opcodes with the bit of a message's end, and without.
TEXT_BEGUN, CONTINUED, PING, PONG = b"\x01", b"\x00", b"\x89", b"\x8a"


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """Return a small frame as a client sends it."""
    return kind + bytes([0x80 | len(payload)]) + MASK + payload


async def is_served(gateway: Suite) -> bool:
    """Return whether somebody else's chat is answered."""
    body = {"model": "flooded-chat", "messages": [{"role": "user", "content": "hello"}]}
    async with gateway.caller() as client:
        return (await client.post("/v1/chat/completions", json=body)).status_code == 200


async def with_models(gateway: Suite) -> None:
    """Add a model for sessions, and one for chats."""
    known = (await gateway.call("GET", "/api/model-provider-mappings"))["mappings"]
    if not any(each["modelAlias"] == "flooded" for each in known):
        await gateway.add_simulator("flooded", "echo")
        await gateway.add_simulator("flooded-chat", "echo")


def session(gateway: Suite) -> connect:
    """Open a session with the caller's key."""
    return connect(
        f"{gateway.url.replace('http', 'ws', 1)}/v1/realtime?model=flooded",
        additional_headers={"authorization": f"Bearer {gateway.virtual_key}"},
        proxy=None,
        open_timeout=30,
    )


async def closed(socket: ClientConnection) -> int:
    """Return the code with which a session ends."""
    try:
        async with asyncio.timeout(30):
            while True:
                await socket.recv()
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else 1006


async def test_handshakes_without_a_key_are_refused_as_they_come(gateway: Suite) -> None:
    """Each by its head; none becomes a session."""
    await with_models(gateway)
    head = (
        b"GET /v1/realtime?model=flooded HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    found = await asyncio.gather(*(exchanged(gateway.bridge.port, head) for _ in range(HANDSHAKES)))
    assert {int(answer.split()[1]) for answer in found} == {401}
    assert await is_served(gateway)


@pytest.mark.parametrize(
    "flood",
    [
        frame(PING, b"x" * 100) * FRAMES,
        frame(PONG) * FRAMES,
        frame(TEXT_BEGUN, b"{") + frame(CONTINUED) * FRAMES,
        frame(TEXT_BEGUN, b"{") + frame(CONTINUED, b" ") * FRAMES,
    ],
    ids=["pings", "pongs", "empty pieces", "tiny pieces"],
)
async def test_frames_without_end_hold_up_nobody_else(gateway: Suite, flood: bytes) -> None:
    """Nor do they outlast their caller."""
    await with_models(gateway)
    async with session(gateway) as socket:
        socket.transport.write(flood)
        assert await is_served(gateway)
        socket.transport.abort()
    assert await is_served(gateway)


async def test_a_message_beyond_the_bound_ends_its_session(gateway: Suite) -> None:
    """Told by its length, before it is sent; and by its pieces, once they are too much."""
    await with_models(gateway)
    async with session(gateway) as socket:
        announced = b"\x81\xff" + (1 << 40).to_bytes(8) + MASK
        socket.transport.write(announced)
        assert await closed(socket) in {1009, 1006}
    piece = os.urandom(60_000).hex().encode()
    large = (
        b"\xfe" + len(piece).to_bytes(2) if len(piece) < 65536 else b"\xff" + len(piece).to_bytes(8)
    )
    async with session(gateway) as socket:
        socket.transport.write(frame(TEXT_BEGUN, b'"'))
        for _ in range(200):
            socket.transport.write(CONTINUED + large + MASK + piece)
            await asyncio.sleep(0)
            if socket.close_code is not None:
                break
        assert await closed(socket) in {1009, 1006}
    assert await is_served(gateway)
