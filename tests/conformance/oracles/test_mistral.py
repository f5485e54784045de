"""Mistral's newest SDK as oracle: what it sends, we send; what it reads in an answer, we read.

The requests and answers are those of the wire cases; here is what a user of the SDK would write
for the same.
"""

from typing import Any

import pytest
from mistralai.client import Mistral
from tests.support.wire_cases import SECRET, case_named
from tests.support.wire_server import Sent, sent_of, serving

Json = dict[str, Any]
CHAT = "Mistral/chat"
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def user(text: str) -> Json:
    """Return a conversation of one turn."""
    return {"messages": [{"role": "user", "content": text}]}


def called(call_id: str, city: str) -> Json:
    """Return a call of the weather tool."""
    function = {"name": "get_current_weather", "arguments": f'{{"location": "{city}"}}'}
    return {"id": call_id, "type": "function", "function": function}


WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    },
}
NO_ARGUMENTS: Json = {"type": "object", "properties": {}}
TIME: Json = {"type": "function", "function": {"name": "get_time", "parameters": NO_ARGUMENTS}}
BOSTON = user("What is the weather like in Boston?")
IN_BOTH = user("What is the weather like in Boston and Paris?")
THOUGHT: Json = {
    "type": "thinking",
    "thinking": [{"type": "text", "text": "Each brother has the same sisters."}],
    "signature": "c2ln",
    "closed": True,
}
SUM: Json = {
    "type": "object",
    "properties": {"value": {"type": "integer"}},
    "required": ["value"],
    "additionalProperties": False,
}
# By wire case: the same in the words of the SDK.
NATIVE: dict[str, Json] = {
    "plain": user("Hello!"),
    "tools": {**BOSTON, "tools": [WEATHER, TIME], "tool_choice": "any"},
    "parallel_tools": {
        **IN_BOTH,
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "function": {"name": "get_current_weather"}},
    },
    "tool_result": {
        "messages": [
            *IN_BOTH["messages"],
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [called("XYhVF1sFJ", "Boston"), called("D681PevKs", "Paris")],
            },
            {
                "role": "tool",
                "tool_call_id": "XYhVF1sFJ",
                "name": "get_current_weather",
                "content": "22 degrees",
            },
            {"role": "tool", "tool_call_id": "D681PevKs", "content": "rain"},
        ],
        "tools": [WEATHER],
    },
    "prefix": {
        "messages": [
            *user("A haiku?")["messages"],
            {"role": "assistant", "content": "Autumn", "tool_calls": None, "prefix": True},
        ],
        "safe_prompt": True,
    },
    "image": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is in this image?"},
                    {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
                ],
            }
        ]
    },
    "file": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Summarize."},
                    {
                        "type": "document_url",
                        "document_url": "data:application/pdf;base64,JVBERi0=",
                        "document_name": "a.pdf",
                    },
                    {"type": "file", "file_id": "00edaf84-95b0-45db-8f83-f71138491f23"},
                ],
            }
        ]
    },
    "audio": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "input_audio", "input_audio": "UklGRg=="},
                    {"type": "text", "text": "What is said?"},
                ],
            }
        ]
    },
    "structured_output": {
        **user("Two plus two?"),
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "sum", "strict": True, "schema": SUM},
        },
    },
    "parameters": {
        **user("One letter."),
        "temperature": 0.2,
        "top_p": 0.9,
        "n": 2,
        "stop": ["\n"],
        "random_seed": 7,
        "max_tokens": 5,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "logprobs": True,
        "top_logprobs": 1,
        "metadata": {"a": "b"},
        "service_tier": "standard_only",
        "prompt_cache_key": "k",
    },
    "reasoning": {**user("Riddle?"), "reasoning_effort": "high"},
    "reasoning_next_turn": {
        "messages": [
            *user("Riddle?")["messages"],
            {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": "Three."}]},
            *user("Why?")["messages"],
        ]
    },
}
STREAMED: dict[str, Json] = {
    "stream": user("Hello!"),
    "stream_tools": {**IN_BOTH, "tools": [WEATHER]},
    "stream_reasoning": {**user("Riddle?"), "reasoning_effort": "high"},
}


def client(address: str) -> Mistral:
    """Return the SDK, pointed at an address."""
    return Mistral(api_key=SECRET, server_url=address)


def model_of(name: str) -> str:
    """Return the model of a wire case."""
    body = sent_of(f"{CHAT}/{name}").body
    assert isinstance(body, dict)
    return str(body["model"])


def meaning_of(sent: Sent) -> Sent:
    """Return a request without the members in which the SDK says what holds anyway."""
    return sent._replace(body=_without_defaults(sent.body))


def _without_defaults(value: object) -> object:
    if isinstance(value, list):
        return [_without_defaults(item) for item in value]
    if not isinstance(value, dict):
        return value
    defaults = {"stream": False, "prefix": False, "index": 0, "tool_calls": None}
    said = {k: v for k, v in value.items() if k not in defaults or v != defaults[k]}
    return {name: _without_defaults(inner) for name, inner in said.items()}


def read(content: object) -> tuple[str, str]:
    """Return the words and the thoughts of a content, as the SDK reads it."""
    if not isinstance(content, list):
        return str(content or ""), ""
    text = "".join(chunk.text for chunk in content if chunk.type == "text")
    thoughts = [chunk.thinking for chunk in content if chunk.type == "thinking"]
    return text, "".join(piece.text for pieces in thoughts for piece in pieces)


@pytest.mark.parametrize("name", NATIVE)
async def test_chat_is_what_the_sdk_sends_and_reads(name: str) -> None:
    """Request, words, thoughts and calls are the SDK's for the same call."""
    async with serving(f"{CHAT}/{name}") as (received, address), client(address) as sdk:
        answer = await sdk.chat.complete_async(model=model_of(name), **NATIVE[name])
    assert [meaning_of(each) for each in received] == [meaning_of(sent_of(f"{CHAT}/{name}"))]
    for ours, theirs in zip(
        case_named(f"{CHAT}/{name}").result["answer"]["choices"], answer.choices, strict=True
    ):
        said = ours["message"]
        words = said["content"] or "", said.get("reasoning_content") or ""
        assert theirs.message is not None
        assert words == read(theirs.message.content)
        calls = theirs.message.tool_calls or []
        assert [(c["id"], c["function"]["name"]) for c in said.get("tool_calls") or []] == [
            (call.id, call.function.name) for call in calls
        ]


@pytest.mark.parametrize("name", STREAMED)
async def test_stream_is_what_the_sdk_sends_and_reads(name: str) -> None:
    """Request, words, thoughts and calls of a stream are the SDK's for the same call."""
    theirs: list[tuple[str, str, int]] = []
    async with serving(f"{CHAT}/{name}") as (received, address), client(address) as sdk:
        stream = await sdk.chat.stream_async(model=model_of(name), **STREAMED[name])
        async with stream:
            async for event in stream:
                delta = event.data.choices[0].delta
                theirs.append((*read(delta.content), len(delta.tool_calls or [])))
    assert [meaning_of(each) for each in received] == [meaning_of(sent_of(f"{CHAT}/{name}"))]
    deltas = [
        event["choices"][0]["delta"] for event in case_named(f"{CHAT}/{name}").result["events"]
    ]
    assert theirs == [
        (
            delta.get("content") or "",
            delta.get("reasoning_content") or "",
            len(delta.get("tool_calls") or []),
        )
        for delta in deltas
    ]


EMBEDDED: dict[str, Json] = {
    "plain": {"inputs": ["The food", "was delicious"], "encoding_format": "float"},
    "dimensions": {"inputs": "The food", "output_dimension": 2},
    "output_dtype": {"inputs": "The food", "output_dtype": "int8"},
}


@pytest.mark.parametrize("name", EMBEDDED)
async def test_embedding_is_what_the_sdk_sends_and_reads(name: str) -> None:
    """Texts, dimensions, types and vectors are the SDK's for the same call."""
    case = f"Mistral/embed/{name}"
    sent = sent_of(case)
    assert isinstance(sent.body, dict)
    async with serving(case) as (received, address), client(address) as sdk:
        answer = await sdk.embeddings.create_async(model=sent.body["model"], **EMBEDDED[name])
    assert received == [sent]
    vectors = [each["embedding"] for each in case_named(case).result["answer"]["data"]]
    assert [each.embedding for each in answer.data] == vectors


async def test_model_list_is_asked_for_as_the_sdk_asks() -> None:
    """The probe is the SDK's request, and finds the same names."""
    case = "Mistral/models/list"
    async with serving(case) as (received, address), client(address) as sdk:
        listed = await sdk.models.list_async()
    assert received == [sent_of(case)]
    names = [getattr(model, "id", "") for model in listed.data or []]
    assert names == case_named(case).result["models"]
