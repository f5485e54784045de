"""Nonsense of callers of all other dialects, by HTTP and WebSockets, through the whole suite.

The twin of `test_fuzz`, and run as long by `make fuzz`; the same round makes the same.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from tests.support.fuzzed_suite import (
    ROUNDS,
    SECONDS,
    STATUSES,
    FixedUpstream,
    add_alias,
    check,
    check_charges,
    fixed_upstream,
    limited_caller,
)
from tests.support.inbound_requests import COMPLETION, CONTENT, COUNTING, MESSAGE, RESPONSE
from tests.support.message_replays import answered_chats
from tests.support.nonsense import nonsense
from tests.support.replays import Replay
from tests.support.suite import Suite
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

Json = dict[str, Any]
CASES = 4
# Their tokens and predictions come from addresses that an answer names.
ELSEWHERE = {"VertexAI", "Replicate"}
HI: Json = {"max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]}
# By path, in which some have their model.
SURFACES = {
    "/v1/messages": MESSAGE,
    "/v1/messages/count_tokens": MESSAGE,
    "/v1/responses": RESPONSE,
    "/v1/completions": COMPLETION,
    "/v1beta/models/{model}:generateContent": CONTENT,
    "/v1beta/models/{model}:streamGenerateContent": CONTENT,
    "/v1beta/models/{model}:countTokens": {"contents": CONTENT["contents"]},
    "/v1/tokenize": COUNTING,
}


def plain_chats(name: str) -> dict[str, Replay]:
    """Return the chats of a name, one of each dialect."""
    return {
        each.endpoint.codec: each
        for each in answered_chats()
        if each.name.endswith(f"/{name}")
        and each.spec.name not in ELSEWHERE
        and not each.asked.fetched
    }


CHATS, STREAMED = plain_chats("plain"), plain_chats("stream")
# The code of a goodbye to who sends a text that is no UTF-8.
NO_TEXT = 1007
ENDS = {"response.completed", "response.incomplete", "response.failed", "error"}


@pytest_asyncio.fixture(loop_scope="module")
async def upstream() -> AsyncIterator[FixedUpstream]:
    """Run a provider."""
    async with fixed_upstream() as peer:
        yield peer


async def add(replay: Replay, suite: Suite, upstream: FixedUpstream, alias: str) -> None:
    """Have an alias whose provider answers as one did."""
    await add_alias(replay, suite, upstream, alias)
    upstream.body, upstream.media_type = replay.response.body, replay.case.received.media_type


def wrongs(request: Json, alias: str, chance: random.Random) -> Iterator[bytes]:
    """Yield requests with something wrong in them, and now and then cut off."""
    for _ in range(CASES):
        asked = request
        if "model" in request:
            asked = {**request, "model": alias, "stream": chance.random() < 0.5}
        body = nonsense(asked, chance)
        if chance.random() < 0.2:
            body = body[: chance.randrange(len(body))] + chance.randbytes(3)
        yield body


@pytest.mark.parametrize("turn", ROUNDS)
async def test_no_caller_brings_about_an_error_of_ours(
    suite: Suite, upstream: FixedUpstream, turn: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of each dialect, to a provider of each; what is right is answered, limited or not."""
    answered = 0
    limited = await limited_caller(suite, f"limited {turn}")
    # Both in turns: which takes as long as one.
    chats = STREAMED if turn % 2 else CHATS
    for number, (codec, replay) in enumerate(chats.items()):
        await add(replay, suite, upstream, alias := f"inbound-{turn}-{number}")
        async with suite.caller() as known, httpx.AsyncClient(base_url=suite.url) as unknown:
            for path, request in SURFACES.items():
                chance = random.Random(f"{turn} {codec} {path}")  # noqa: S311 # no secret
                for body in wrongs(request, alias, chance):
                    client = chance.choice((known, limited, limited, unknown))
                    headers = {"content-type": "application/json"}
                    answer = await client.post(
                        path.format(model=alias), content=body, headers=headers, timeout=SECONDS
                    )
                    check(answer, f"{path} {replay.name} {body[:300]!r}")
            stream = replay.fresh_call().stream
            right = {"model": alias, "stream": stream, **HI}
            answered += (await known.post("/v1/messages", json=right)).status_code == 200
            answered += (await limited.post("/v1/messages", json=right)).status_code == 200
    await limited.aclose()
    # Otherwise all would be refused for one and the same reason.
    assert answered > len(chats)
    written = capfd.readouterr()
    assert "Traceback" not in written.out + written.err
    await check_charges(suite)


async def end_of(socket: ClientConnection, body: bytes) -> Json | int:
    """Send a frame; return the event that ends what comes of it, or the code of a goodbye."""
    await socket.send(body, text=True)
    event: Json = {"type": ""}
    async with asyncio.timeout(SECONDS):
        while event["type"] not in ENDS:
            try:
                event = orjson.loads(await socket.recv())
            except ConnectionClosed as goodbye:
                return goodbye.rcvd.code if goodbye.rcvd else 0
    return event


@pytest.mark.parametrize("turn", ROUNDS)
async def test_no_frame_brings_about_an_error_of_ours(
    suite: Suite, upstream: FixedUpstream, turn: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each is answered, or told what is wrong with it; only what is no text ends the connection."""
    address, answered = f"{suite.url.replace('http', 'ws', 1)}/v1/responses", 0
    headers = {"authorization": f"Bearer {suite.virtual_key}"}
    for number, (codec, replay) in enumerate(STREAMED.items()):
        await add(replay, suite, upstream, alias := f"framed-{turn}-{number}")
        chance = random.Random(f"{turn} {codec} frames")  # noqa: S311 # no secret
        created = {**RESPONSE, "type": "response.create"}
        for body in wrongs(created, alias, chance):
            async with connect(address, additional_headers=headers, proxy=None) as socket:
                end = await end_of(socket, body)
            if isinstance(end, int):
                assert end == NO_TEXT, body
            elif end["type"] == "error":
                assert end["status"] in STATUSES, (body, end)
        right = {"type": "response.create", "model": alias, "input": "Hello"}
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            end = await end_of(socket, orjson.dumps(right))
        answered += isinstance(end, dict) and end["type"] == "response.completed"
    # Otherwise all would be refused for one and the same reason.
    assert answered == len(STREAMED)
    written = capfd.readouterr()
    assert "Traceback" not in written.out + written.err
    await check_charges(suite)
