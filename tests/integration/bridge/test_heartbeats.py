"""Streams of events that have nothing to say for a while."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import openai
import pytest
from tests.integration.bridge.stage import CALLER, Pieces, ScriptedRouter, event, piece

from conduit_bridge import bootstrap
from conduit_kernel.errors import UpstreamRateLimited
from conduit_kernel.http import Stream
from conduit_kernel.settings import Settings

PATH = "/v1/chat/completions"
STREAM = b'{"model": "m", "messages": [], "stream": true}'
COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"
SECONDS = 0.2


@dataclass
class Served:
    """Who answered, as the Router tells."""

    provider_id: int = 1
    provider_name: str = "One"
    key_id: str = "key_1"
    actual_model_name: str = "m"
    notes: bytes = b""


@dataclass
class Summary:
    """What was done, as the Router tells."""

    served_by: Served = field(default_factory=Served)
    dropped: tuple[str, ...] = ()
    request_id: str = "req_1"
    attempts: int = 1
    fallbacks: int = 0
    overhead_ms: float = 0.0
    cost_nano_usd: int | None = None
    upstream_request_id: str = ""
    standings: tuple[Any, ...] = ()
    cache: str = ""
    guardrails: tuple[str, ...] = ()


class PlainRouter(ScriptedRouter):
    """Streams without messages around the events."""

    def plain_rpc(self, rpc: str) -> Any:  # noqa: ANN401 # an RPC
        """Return the one RPC that is called."""
        return self._stream if rpc == "StreamChat" else None

    async def _stream(
        self,
        _: bytes,
        __: object,
        ___: str,
        start: Callable[[Summary], Stream],
        ____: object,
    ) -> None:
        stream: Stream | None = None
        async with aclosing(self.pieces()) as pieces:
            async for message in pieces:
                stream = stream or start(Summary())
                if stream.write(message.events):
                    await stream.drain()
        if stream is not None:
            stream.finish()


@pytest.fixture(params=[ScriptedRouter, PlainRouter])
def router(request: pytest.FixtureRequest) -> ScriptedRouter:
    """Return a Router of each way of streaming."""
    made: ScriptedRouter = request.param()
    return made


@pytest.fixture(params=[SECONDS])
async def lively(
    request: pytest.FixtureRequest, settings: Settings, router: ScriptedRouter
) -> AsyncIterator[bootstrap.BridgeProcess]:
    """Start a bridge whose streams are seldom silent."""
    process = await bootstrap.start(
        replace(settings, heartbeat_seconds=request.param), router=router
    )
    yield process
    await process.drain(0.1)


async def ask(process: bootstrap.BridgeProcess) -> httpx.Response:
    """Stream a chat, whole."""
    async with httpx.AsyncClient(timeout=5, headers=CALLER) as client:
        return await client.post(f"http://127.0.0.1:{process.port}{PATH}", content=STREAM)


async def test_a_model_that_thinks_is_not_silent(
    lively: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """Comments come at least as often as promised, and nothing else of the answer changes."""
    gaps: list[float] = []

    async def pieces() -> Pieces:
        yield piece("Hel")
        await asyncio.sleep(4 * SECONDS)
        yield piece("lo", is_last=True)

    router.pieces = pieces
    url = f"http://127.0.0.1:{lively.port}{PATH}"
    clock = asyncio.get_running_loop().time
    async with (
        httpx.AsyncClient(timeout=5, headers=CALLER) as client,
        client.stream("POST", url, content=STREAM) as answer,
    ):
        assert answer.headers["x-request-id"]
        whole, before = b"", clock()
        async for data in answer.aiter_raw():
            gaps.append(clock() - before)
            whole, before = whole + data, clock()
    assert whole.count(COMMENT) >= 3
    assert max(gaps) < 1.5 * SECONDS
    assert whole.replace(COMMENT, b"") == event("Hel") + event("lo") + DONE


async def test_a_first_piece_that_takes_long_does_not_hold_the_head_back(
    lively: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """The head is sent with the first comment; OpenAI's SDK takes no notice of it."""

    async def pieces() -> Pieces:
        await asyncio.sleep(2 * SECONDS)
        yield piece("hi", is_last=True)

    router.pieces = pieces
    answer = await ask(lively)
    assert answer.content.startswith(COMMENT)
    assert answer.content.replace(COMMENT, b"") == event("hi") + DONE
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    url = f"http://127.0.0.1:{lively.port}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="condt_1", max_retries=0) as sdk:
        stream = await sdk.chat.completions.create(model="m", messages=[], stream=True)
        assert [chunk.choices[0].delta.content async for chunk in stream] == ["hi"]


async def test_a_failure_has_its_status_until_the_first_comment(
    lively: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """After it an event tells of it, as when a stream breaks."""
    pause = 0.0

    async def pieces() -> Pieces:
        await asyncio.sleep(pause)
        raise UpstreamRateLimited("The provider asked us to slow down")
        yield piece("never")

    router.pieces = pieces
    early = await ask(lively)
    assert (early.status_code, early.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    pause = 2 * SECONDS
    late = await ask(lively)
    assert late.status_code == 200
    assert late.content.replace(COMMENT, b"").startswith(b'data: {"error":{"message":"The provider')
    assert DONE not in late.content


async def test_a_busy_stream_has_no_comments(
    lively: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """They are for silence alone."""

    async def pieces() -> Pieces:
        for _ in range(20):
            yield piece("x")
            await asyncio.sleep(SECONDS / 10)
        yield piece("y", is_last=True)

    router.pieces = pieces
    assert COMMENT not in (await ask(lively)).content


@pytest.mark.parametrize("lively", [0], indirect=True)
async def test_heartbeats_can_be_turned_off(
    lively: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """For callers that cannot read comments."""

    async def pieces() -> Pieces:
        await asyncio.sleep(2 * SECONDS)
        yield piece("hi", is_last=True)

    router.pieces = pieces
    assert (await ask(lively)).content == event("hi") + DONE


async def test_events_of_speech_are_not_silent_either(
    lively: bootstrap.BridgeProcess, router: ScriptedRouter
) -> None:
    """Sound itself has no room for comments."""
    router.hangs = True
    url = f"http://127.0.0.1:{lively.port}/v1/audio/speech"
    body = {"input": "hi", "voice": "alloy", "stream_format": "sse"}
    async with (
        httpx.AsyncClient(timeout=5, headers=CALLER) as client,
        client.stream("POST", url, json=body) as answer,
    ):
        told = b""
        async for data in answer.aiter_raw():
            told += data
            if told.count(COMMENT) == 2:
                break
    assert told == b"data: 1\n\n" + 2 * COMMENT
