"""Providers that behave as users of gateways reported, each at a place of its own on one server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from tests.support.scripted_upstream import Act, stream
from tests.support.suite import Suite

from conduit_kernel.http import Exchange, HttpServer, ServerLimits

Json = dict[str, Any]
# As much as Anthropic takes. https://platform.claude.com/docs/en/api/errors
LARGE = 32 * 2**20
USAGE: Json = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def completion(text: str = "ok", finish: str = "stop", **more: object) -> bytes:
    """Return a whole answer of OpenAI's dialect."""
    said = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": said, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return orjson.dumps({**head, "choices": [choice], "usage": USAGE, **more})


def event(value: object) -> bytes:
    """Return an event of a stream."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


def chunk(delta: Json | None = None, finish: str | None = None, **more: object) -> bytes:
    """Return an event of OpenAI's dialect."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return event({**head, "choices": [choice], **more})


def generated(text: str = "ok", finish: str = "STOP", **usage: int) -> bytes:
    """Return a whole answer of Gemini's."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish}
    counts = usage or {"promptTokenCount": 5, "candidatesTokenCount": 2}
    return orjson.dumps({"candidates": [candidate], "usageMetadata": counts})


def conversed(finish: str = "end_turn") -> bytes:
    """Return a whole answer of Bedrock's."""
    message = {"role": "assistant", "content": [{"text": "ok"}]}
    usage = {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}
    return orjson.dumps({"output": {"message": message}, "stopReason": finish, "usage": usage})


def claude_stream(
    *blocks: tuple[Json, list[Json]], reason: str = "end_turn", **usage: object
) -> Act:
    """Stream blocks as Anthropic does."""
    counts = {"input_tokens": 5, "output_tokens": 1, **usage}
    events: list[Json] = [{"type": "message_start", "message": {"id": "msg_1", "usage": counts}}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += (
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        )
        events.append({"type": "content_block_stop", "index": index})
    end = {"delta": {"stop_reason": reason}, "usage": {"output_tokens": 50}}
    events += ({"type": "message_delta", **end}, {"type": "message_stop"})
    return stream(*(event(each) for each in events))


def said_block(text: str) -> tuple[Json, list[Json]]:
    """Return a block of words."""
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": text}]


def called_block(name: str, *pieces: str) -> tuple[Json, list[Json]]:
    """Return a block that is a call."""
    block = {"type": "tool_use", "id": name, "name": "run", "input": {}}
    return block, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


class ReportedProviders:
    """Serves each request by the act of the place that it went to."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.acts: dict[str, Act] = {}
        # What each place was sent, and the alias that leads there.
        self.bodies: dict[str, list[bytes]] = {}
        self.aliases: dict[str, str] = {}
        self.url = ""

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        place, _, exchange.path = exchange.path.removeprefix("/").partition("/")
        if exchange.method == "POST":
            self.bodies[place].append(exchange.body)
        await self.acts[place](exchange)

    def bodies_of(self, alias: str) -> list[bytes]:
        """Return what the first instance of an alias was sent, and will be."""
        return next(self.bodies[place] for place, each in self.aliases.items() if each == alias)

    async def add(self, alias: str, provider: str, model: str, act: Act, **more: object) -> int:
        """Have an alias go to an instance that acts so; return its id."""
        place = f"place-{len(self.acts)}"
        self.acts[place], self.aliases[place], self.bodies[place] = act, alias, []
        more = {"settings": {"region": "us-east-1"}, **more} if provider == "Bedrock" else more
        url = f"{self.url}/{place}"
        made = await self.suite.add_simulator(
            alias, model, name=place, providerType=provider, baseUrl=url, **more
        )
        await self.suite.settled()
        return made

    async def map(self, alias: str, instance: int, model: str) -> None:
        """Have another alias go to an instance."""
        mapped = {"modelAlias": alias, "providerId": instance, "actualModelName": model}
        await self.suite.call("POST", "/api/model-provider-mappings", mapped)
        await self.suite.settled()


@asynccontextmanager
async def reported_providers(suite: Suite) -> AsyncIterator[ReportedProviders]:
    """Run the providers for as long as this lasts."""
    providers = ReportedProviders(suite)
    server = HttpServer(providers, limits=ServerLimits(body_bytes=LARGE))
    await server.start("127.0.0.1", 0)
    providers.url = f"http://127.0.0.1:{server.port}"
    try:
        yield providers
    finally:
        await server.drain(0.1)
