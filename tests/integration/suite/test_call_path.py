"""How many of our files a chat passes on its way, counted by a trace."""

import asyncio
import sys
from pathlib import Path
from types import FrameType

import orjson
import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[3]
# Lower it when the path gets shorter, and never raise it.
MOST_FILES = 46
# The provider and the control plane, which are in the same process here, are no part of the path.
PATH = tuple(f"services/conduit_{p}/" for p in ("bridge", "kernel/http", "providers", "router"))
BESIDE = "services/conduit_router/control_plane/"


async def ask(port: int, request: bytes) -> bytes:
    """Send a request on a connection of its own; return the answer up to the server's end of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def passed(seen: set[str]) -> set[str]:
    """Return the files of the path among the ones seen."""
    ours = {file.removeprefix(f"{ROOT}/") for file in seen}
    return {name for name in ours if name.startswith(PATH) and not name.startswith(BESIDE)}


async def test_a_chat_passes_few_files(suite: Suite) -> None:
    """Between the request's first byte and the answer's last; what is known is not learnt again."""
    await suite.add_simulator("path", "echo")
    await suite.settled()
    body = orjson.dumps({"model": "path", "messages": [{"role": "user", "content": "hi"}]})
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
        % (suite.virtual_key.encode(), len(body), body)
    )
    for _ in range(3):
        assert b"200 OK" in await ask(suite.bridge.port, request)
    port, seen = suite.bridge.port, set[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            seen.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        answer = await ask(port, request)
    finally:
        sys.setprofile(None)
    assert b"200 OK" in answer
    files = passed(seen)
    assert len(files) <= MOST_FILES, sorted(files)
