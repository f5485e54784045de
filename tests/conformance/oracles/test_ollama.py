"""Ollama's own SDK as an oracle: what it sends, we send, and what we read, its types accept."""

import contextlib
from typing import Any

import ollama
import orjson
import pytest
from pydantic import ValidationError
from tests.conformance.oracles.test_sdk_requests import (
    SECRET,
    WEATHER,
    Received,
    sdk_sends,
    we_send,
)
from tests.support.wire_cases import WireCase, case_named, cases

Json = dict[str, Any]
MODEL = "qwen3"
SCHEMA: Json = {"type": "object", "properties": {"n": {"type": "integer"}}}
HELLO: Json = {"role": "user", "content": "Grüße"}
CALLED: Json = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Bonn"}'},
        }
    ],
}
CALLED_HERE: Json = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Bonn"}}}],
}
PIXEL = "iVBORw0KGgo="
# OpenAI's request, and the same for Ollama's SDK.
CHATS: dict[str, tuple[Json, Json]] = {
    "plain": ({"messages": [HELLO]}, {"messages": [HELLO]}),
    "options": (
        {
            "messages": [HELLO],
            "max_completion_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["x"],
            "seed": 1,
            "presence_penalty": 0.5,
            "frequency_penalty": 0.25,
            "top_k": 4,
            "keep_alive": "1m",
        },
        {
            "messages": [HELLO],
            "options": {
                "num_predict": 9,
                "temperature": 0.5,
                "top_p": 0.9,
                "stop": ["x"],
                "seed": 1,
                "presence_penalty": 0.5,
                "frequency_penalty": 0.25,
                "top_k": 4,
            },
            "keep_alive": "1m",
        },
    ),
    "image": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "this?"},
                        {
                            "type": "image_url",
                            "image_url": {"url": f"data:image/png;base64,{PIXEL}"},
                        },
                    ],
                }
            ]
        },
        {"messages": [{"role": "user", "content": "this?", "images": [PIXEL]}]},
    ),
    "tools": (
        {"messages": [HELLO], "tools": [WEATHER]},
        {"messages": [HELLO], "tools": [WEATHER]},
    ),
    "tool_result": (
        {
            "messages": [
                HELLO,
                CALLED,
                {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            ]
        },
        {
            "messages": [
                HELLO,
                CALLED_HERE,
                {"role": "tool", "tool_name": "get_weather", "content": "rain"},
            ]
        },
    ),
    "json": (
        {"messages": [HELLO], "response_format": {"type": "json_object"}},
        {"messages": [HELLO], "format": "json"},
    ),
    "schema": (
        {
            "messages": [HELLO],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": SCHEMA},
            },
        },
        {"messages": [HELLO], "format": {"title": "n", **SCHEMA}},
    ),
    "thinking": (
        {"messages": [HELLO], "reasoning_effort": "high"},
        {"messages": [HELLO], "think": "high"},
    ),
    "no_thinking": (
        {"messages": [HELLO], "reasoning_effort": "none"},
        {"messages": [HELLO], "think": False},
    ),
    "logprobs": (
        {"messages": [HELLO], "logprobs": True, "top_logprobs": 2},
        {"messages": [HELLO], "logprobs": True, "top_logprobs": 2},
    ),
}


def client(address: str) -> ollama.AsyncClient:
    """Return the SDK, as for ollama.com."""
    return ollama.AsyncClient(host=address, headers={"authorization": f"Bearer {SECRET}"})


def shown(received: Received) -> Received:
    """Return a request without the empty list of tools that the SDK always sends."""
    assert isinstance(received.body, dict)
    body = {name: value for name, value in received.body.items() if (name, value) != ("tools", [])}
    return received._replace(body=body)


def without_ids(received: Received) -> Received:
    """Return a request without the ids of calls, which the server has and its SDK leaves out."""
    body = orjson.loads(orjson.dumps(received.body))
    for message in body["messages"]:
        message.pop("tool_call_id", None)
        for called in message.get("tool_calls", ()):
            called.pop("id", None)
    return received._replace(body=body)


@pytest.mark.parametrize("name", CHATS)
async def test_chat_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """Path, key, turns, options, tools and formats are the SDK's."""
    ours, theirs = CHATS[name]

    async def act(address: str) -> None:
        # The recorder's answer is none.
        with contextlib.suppress(ValidationError):
            async with client(address) as sdk:
                await sdk.chat(model=MODEL, **theirs)

    sent = we_send("Ollama", "chat", {"model": MODEL, **ours})
    assert without_ids(sent) == without_ids(shown(await sdk_sends(act)))


async def test_stream_is_asked_for_as_the_sdk_asks() -> None:
    """A streamed chat is the same request with one member more."""

    async def act(address: str) -> None:
        with contextlib.suppress(ValidationError):
            async with client(address) as sdk:
                async for _ in await sdk.chat(model=MODEL, messages=[HELLO], stream=True):
                    pass

    ours = we_send("Ollama", "chat", {"model": MODEL, "messages": [HELLO], "stream": True})
    assert ours == shown(await sdk_sends(act))


async def test_embedding_is_sent_as_the_sdk_sends_it() -> None:
    """Texts and dimensions are the SDK's."""

    async def act(address: str) -> None:
        with contextlib.suppress(ValidationError):
            async with client(address) as sdk:
                await sdk.embed(model=MODEL, input=["a", "b"], dimensions=4)

    ours = we_send("Ollama", "embed", {"model": MODEL, "input": ["a", "b"], "dimensions": 4})
    assert ours == await sdk_sends(act)


async def test_model_list_is_asked_for_as_the_sdk_asks() -> None:
    """The probe is the SDK's request."""

    async def act(address: str) -> None:
        with contextlib.suppress(ValidationError):
            async with client(address) as sdk:
                await sdk.list()

    assert we_send("Ollama", "models", {}) == await sdk_sends(act)


def good(operation: str, member: str) -> list[WireCase]:
    """Return the wire cases that end well."""
    return [
        case
        for case in cases(f"Ollama/{operation}/*")
        if member in (found := case.result) and "error" not in found
    ]


@pytest.mark.parametrize(
    "case", good("chat", "answer") + good("chat", "events"), ids=lambda case: case.name
)
def test_received_answers_are_ollamas(case: WireCase) -> None:
    """The SDK's own types accept the answers and lines that our wire cases start from."""
    body = case.received.body
    lines = body.splitlines() if "x-ndjson" in case.received.media_type else [body]
    answers = [ollama.ChatResponse.model_validate_json(line) for line in lines]
    assert answers[-1].done
    assert {answer.message.role for answer in answers} == {"assistant"}


@pytest.mark.parametrize("case", good("embed", "answer"), ids=lambda case: case.name)
def test_received_embeddings_are_ollamas(case: WireCase) -> None:
    """The SDK's own types accept the vectors that our wire cases start from."""
    assert ollama.EmbedResponse.model_validate_json(case.received.body).embeddings


def test_received_model_lists_are_ollamas() -> None:
    """The SDK's own types accept the list that our wire case starts from."""
    body = case_named("Ollama/models/list").received.body
    found = ollama.ListResponse.model_validate_json(body)
    assert [model.model for model in found.models] == ["gemma4", "qwen3:8b"]
