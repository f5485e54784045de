"""OpenAI's own client for Node, unchanged, at the bridge; `make node-client` installs it."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.scripted_upstream import Act, serve
from tests.support.session_upstream import (
    DELTA,
    RESPONSE_CREATED,
    RESPONSE_DONE,
    STARTED,
    answers,
    closed,
    holding,
)
from tests.support.suite import Suite

from conduit_kernel.websocket import WebSocket
from conduit_simulator.transcription import WORDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = Path(__file__).parent / "node" / "client.mjs"
CLIENT = Path(os.environ.get("CONDUIT_NODE_CLIENT") or SCRIPT.parents[3] / "build" / "node-client")
SECONDS = 60.0


async def closing(socket: WebSocket) -> None:
    """Hold a live session until the caller ends it."""
    await socket.receive()
    await socket.send(STARTED)
    await socket.receive()
    await socket.send(closed(60))


async def add_provider(suite: Suite, alias: str, url: str) -> None:
    """Add an instance of OpenAI's kind, and its model."""
    fields = {"name": alias, "providerType": "OpenAI", "baseUrl": f"{url}/v1"}
    made = await suite.call("POST", "/api/providers", fields)
    await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-any"})
    mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": "gpt-realtime-2"}
    await suite.call("POST", "/api/model-provider-mappings", mapping)


async def test_the_client_for_node_hears_speaks_draws_and_talks(suite: Suite) -> None:
    """Files up, events and sound down, sessions of both kinds over WebSockets, and a batch."""
    modules = CLIENT / "node_modules"
    if not modules.exists():
        pytest.skip("`make node-client` installs it")
    acts: dict[str, Act] = {
        "node-talk": answers(RESPONSE_CREATED, DELTA, RESPONSE_DONE),
        "node-live": holding(closing),
    }
    async with AsyncExitStack() as stack:
        for alias, act in acts.items():
            upstream = await stack.enter_async_context(serve(act))
            await add_provider(suite, alias, upstream.url)
        await suite.add_simulator("node-echo", "echo")
        await suite.settled()
        got = await run(modules, suite.url, suite.virtual_key, *acts)
    assert got["transcription"] == got["streamed transcription"] == WORDS
    # Two seconds of PCM of 24 kHz.
    assert got["speech"] == 2 * 48_000
    partial = "image_generation.partial_image"
    assert got["images"] == [partial, partial, "image_generation.completed"]
    assert got["edit"] == 1
    turn = ["response.created", "response.output_text.delta", "response.done"]
    assert got["realtime"] == ["session.created", *turn]
    assert got["batch"] == ["completed", "from Node", True]
    assert got["live"] == [["session.started", "node-live"], ["session.closed", "node-live"]]


async def run(modules: Path, *arguments: str) -> dict[str, Any]:
    """Run the script; return what it tells."""
    process = await asyncio.create_subprocess_exec(
        *(str(modules / ".bin" / "node"), str(SCRIPT), str(modules), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            told, problems = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, problems.decode()
    return dict(orjson.loads(line) for line in told.splitlines())
