"""How many of our files a chat passes on its way, counted by a trace."""

import asyncio
import contextlib
import re
import sys
from pathlib import Path
from types import FrameType

import orjson
import pytest
from tests.support.call_path import drawn
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[3]
# Lower it when the path gets shorter, and never raise it.
MOST_FILES = 30
ANSWER = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
OURS = ("services/", "generated/")
# What is in the same process here, and no part of the path.
OTHERS = tuple(f"services/conduit_{p}/" for p in ("registry", "health", "billing", "simulator"))
BESIDE = (
    "services/conduit_router/control_plane/",
    "services/conduit_kernel/background.py",
    "services/conduit_kernel/rpc/",
)
TIMES = 5


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a provider, without any code of ours: answer each request alike."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(length_in(head))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER)
    writer.close()


def length_in(head: bytes) -> int:
    """Return how long the body behind a head is."""
    found = re.search(rb"content-length: (\d+)", head)
    assert found is not None
    return int(found[1])


class Connection:
    """A kept connection to the bridge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> bytes:
        """Send a request; return the body of its answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert b" 200 OK" in head
        return await self._reader.readexactly(length_in(head))

    async def close(self) -> None:
        """End it."""
        self._writer.close()
        await self._writer.wait_closed()


async def passed_by(connection: Connection, request: bytes) -> set[str]:
    """Return the files of ours whose functions ran from a request's first byte to its last."""
    seen = set[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            seen.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        await connection.ask(request)
    finally:
        sys.setprofile(None)
    ours = {file.removeprefix(f"{ROOT}/") for file in seen}
    return {name for name in ours if name.startswith(OURS) and not name.startswith(OTHERS + BESIDE)}


async def test_a_chat_passes_few_files(suite: Suite) -> None:
    """Between the request's first byte and the answer's last; what is known is not learnt again."""
    upstream = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]
    await suite.add_simulator("path", "m", baseUrl=f"http://127.0.0.1:{port}/v1")
    await suite.settled()
    body = orjson.dumps({"model": "path", "messages": [{"role": "user", "content": "hi"}]})
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
        b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
        % (suite.virtual_key.encode(), len(body), body)
    )
    connection = Connection(*await asyncio.open_connection("127.0.0.1", suite.bridge.port))
    for _ in range(3):
        await connection.ask(request)
    # Loops that run beside the calls may have their turn in the midst of one, seldom of each.
    traces = [await passed_by(connection, request) for _ in range(TIMES)]
    await connection.close()
    upstream.close()
    files = set.intersection(*traces)
    assert "services/conduit_router/calls/straight.py" in files
    assert len(files) <= MOST_FILES, sorted(files)
    assert files == drawn()
