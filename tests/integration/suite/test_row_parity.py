"""Charges are what the provider served, one by one: whole answers, streams, streams left early."""

import asyncio
import os
from collections import Counter
from itertools import count

import httpx
import orjson
import pytest
from tests.support.scripted_upstream import EVENTS, JSON, ScriptedUpstream, serve
from tests.support.suite import Suite

from conduit_kernel.http import CallerGone, Exchange, HttpError

pytestmark = pytest.mark.asyncio(loop_scope="module")

# More where `make parity` asks for them.
CALLS = int(os.environ.get("CONDUIT_PARITY_CALLS", "2000"))
AT_ONCE = 32
MODEL = "claude-parity"
BODY = {
    "model": MODEL,
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "one two three"}],
}


def event(kind: str, **members: object) -> bytes:
    """Write an event of Anthropic's."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps({"type": kind, **members}))


class Counting:
    """A provider of Anthropic's dialect, whose answers each have read another number of tokens."""

    def __init__(self) -> None:
        self._numbers = count(1)
        # Of each answer that was begun: what was read.
        self.served = list[int]()
        self.failed = 0

    async def __call__(self, exchange: Exchange) -> None:
        """Answer, whole or streamed; every eleventh request is refused and costs nothing."""
        number = next(self._numbers)
        if number % 11 == 0:
            self.failed += 1
            told = {"type": "invalid_request_error", "message": "no"}
            exchange.respond(400, JSON, orjson.dumps({"type": "error", "error": told}))
            return
        self.served.append(number)
        message: dict[str, object] = {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": number, "output_tokens": 1},
        }
        if not orjson.loads(exchange.body).get("stream"):
            text = {"type": "text", "text": "Hi"}
            whole = message | {"content": [text], "stop_reason": "end_turn"}
            exchange.respond(200, JSON, orjson.dumps(whole))
            return
        out = exchange.start(200, EVENTS)
        try:
            out.write(event("message_start", message=message))
            block = {"type": "text", "text": ""}
            out.write(event("content_block_start", index=0, content_block=block))
            for _ in range(3):
                delta = {"type": "text_delta", "text": "Hi "}
                out.write(event("content_block_delta", index=0, delta=delta))
                await out.drain()
                await asyncio.sleep(0)
            out.write(event("content_block_stop", index=0))
            end = {"stop_reason": "end_turn", "stop_sequence": None}
            out.write(event("message_delta", delta=end, usage={"output_tokens": 1}))
            out.write(event("message_stop"))
            await out.drain()
            out.finish()
        except (CallerGone, HttpError):
            # Whoever asked has left.
            out.abort()


async def ask(client: httpx.AsyncClient, number: int) -> int:
    """Make a call: a third whole, a third streamed, a third left after the first words."""
    way = number % 3
    if way == 0:
        return (await client.post("/v1/messages", json=BODY)).status_code
    async with client.stream("POST", "/v1/messages", json=BODY | {"stream": True}) as answer:
        async for piece in answer.aiter_bytes():
            if way == 2 and b"content_block_delta" in piece:
                break
        return answer.status_code


async def test_charges_are_what_the_provider_served(suite: Suite) -> None:
    """One for each answer that was begun, with what it read; none for what it refused."""
    counting = Counting()
    async with serve(counting) as upstream:
        await _add(suite, upstream)
        left = iter(range(CALLS))
        headers = {"Authorization": f"Bearer {suite.virtual_key}"}
        async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=60) as client:

            async def caller() -> Counter[int]:
                return Counter([await ask(client, number) for number in left])

            found = sum(
                await asyncio.gather(*(caller() for _ in range(AT_ONCE))), start=Counter[int]()
            )
        assert found == {200: len(counting.served), 400: counting.failed}
        assert found.total() == CALLS
        await suite.deliver_charges()
    assert Counter(await _charged(suite)) == Counter(counting.served)


async def _add(suite: Suite, upstream: ScriptedUpstream) -> None:
    fields = {"name": MODEL, "providerType": "Anthropic", "baseUrl": upstream.url}
    made = await suite.call("POST", "/api/providers", fields)
    await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-any"})
    mapping = {"modelAlias": MODEL, "providerId": made["id"], "actualModelName": MODEL}
    await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()


async def _charged(suite: Suite) -> list[int]:
    """Return what each charge says that was read."""
    found, token = list[int](), ""
    while True:
        asked = {"pageSize": "1000", "modelAlias": MODEL} | ({"pageToken": token} if token else {})
        page = await suite.call("GET", "/api/usage/charges", params=asked)
        for charge in page["charges"]:
            (read,) = (line["quantity"] for line in charge["lines"] if line["unit"] == "InputToken")
            found.append(int(read))
        if not (token := page.get("nextPageToken") or ""):
            return found
