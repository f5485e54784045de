"""Cohere's newest SDK as oracle: what it sends, we send; what it reads in an answer, we read.

The requests and answers are those of the wire cases; here is what a user of the SDK would write
for the same.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from cohere import AsyncClientV2
from tests.support.wire_cases import SECRET, case_named
from tests.support.wire_server import sent_of, serving

Json = dict[str, Any]
CHAT = "Cohere/chat"
PIXEL = "data:image/png;base64,iVBORw0KGgo="
RIDDLE = "Alice has 3 brothers and 2 sisters. How many sisters has her brother?"


def user(text: str) -> Json:
    """Return a conversation of one turn."""
    return {"messages": [{"role": "user", "content": text}]}


def tool(name: str, description: str | None, schema: Json) -> Json:
    """Return a tool."""
    function: Json = {"name": name, "parameters": schema}
    return {
        "type": "function",
        "function": function | ({"description": description} if description else {}),
    }


def called(call_id: str, city: str) -> Json:
    """Return a call of the weather tool."""
    function = {"name": "get_current_weather", "arguments": f'{{"location": "{city}"}}'}
    return {"id": call_id, "type": "function", "function": function}


WEATHER = tool(
    "get_current_weather",
    "Get the current weather in a given location",
    {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
)
TIME = tool("get_time", None, {"type": "object", "properties": {}})
SUM: Json = {
    "type": "object",
    "properties": {"value": {"type": "integer"}},
    "required": ["value"],
    "additionalProperties": False,
}
BOSTON = user("What is the weather like in Boston?")
IN_BOTH = user("What is the weather like in Boston and Paris?")["messages"][0]
STAFF = {"title": "Staff", "url": "https://example.com/staff", "text": "Ask Ada."}
# By wire case: the same in the words of the SDK.
NATIVE: dict[str, Json] = {
    "plain": user("Hello!"),
    "system": {
        "messages": [
            {"role": "system", "content": "Answer like a pirate."},
            *user("Hello!")["messages"],
        ]
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
    "tools": {**BOSTON, "tools": [WEATHER, TIME], "tool_choice": "REQUIRED"},
    "tool_choice_none": {**BOSTON, "tools": [WEATHER], "tool_choice": "NONE"},
    "tool_choice_allowed": {**BOSTON, "tools": [WEATHER], "strict_tools": True},
    "parallel_tools": {"messages": [IN_BOTH], "tools": [WEATHER]},
    "tool_result": {
        "messages": [
            IN_BOTH,
            {
                "role": "assistant",
                "tool_plan": "I will look up both.",
                "tool_calls": [
                    called("get_current_weather_a1", "Boston"),
                    called("get_current_weather_b2", "Paris"),
                ],
            },
            {
                "role": "tool",
                "tool_call_id": "get_current_weather_a1",
                "content": [{"type": "document", "document": {"data": {"degrees": 22}}}],
            },
            {"role": "tool", "tool_call_id": "get_current_weather_b2", "content": "rain"},
        ],
        "tools": [WEATHER],
    },
    "documents": {
        **user("Who do we ask?"),
        "documents": [{"id": "doc:1", "data": STAFF}],
        "citation_options": {"mode": "ACCURATE"},
    },
    "json_object": {
        **user("Two plus two, as JSON?"),
        "response_format": {"type": "json_object"},
    },
    "structured_output": {
        **user("Two plus two?"),
        "response_format": {"type": "json_object", "json_schema": {"title": "sum", **SUM}},
    },
    "stop_sequence": {**user("Count."), "stop_sequences": ["3"], "max_tokens": 50},
    "parameters": {
        **user("One letter."),
        "priority": 1,
        "safety_mode": "STRICT",
        "temperature": 0.2,
        "seed": 7,
        "p": 0.99,
        "k": 40,
        "presence_penalty": 0.1,
        "logprobs": True,
    },
    "reasoning": {**user(RIDDLE), "thinking": {"type": "enabled", "token_budget": 6553}},
    "reasoning_off": {**user("Hello!"), "thinking": {"type": "disabled"}},
    "reasoning_next_turn": {
        "messages": [
            *user("Riddle?")["messages"],
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Each brother has the same sisters."},
                    {"type": "text", "text": "Three."},
                ],
            },
            *user("Why?")["messages"],
        ]
    },
}
STREAMED: dict[str, Json] = {
    "stream": user("Hello!"),
    "stream_tools": {
        **user("What is the weather like in Boston, and what time is it?"),
        "tools": [WEATHER, TIME],
    },
    "stream_reasoning": {
        **user("Riddle?"),
        "max_tokens": 1000,
        "thinking": {"type": "enabled", "token_budget": 500},
    },
}


def model_of(name: str) -> str:
    """Return the model of a wire case."""
    body = sent_of(f"{CHAT}/{name}").body
    assert isinstance(body, dict)
    return str(body["model"])


def client(address: str) -> AsyncClientV2:
    """Return the SDK, pointed at an address."""
    # Given outright: left to itself the SDK takes another HTTP library where one is installed.
    return AsyncClientV2(
        api_key=SECRET, base_url=address, httpx_client=httpx.AsyncClient(timeout=20)
    )


@pytest.mark.parametrize("name", NATIVE)
async def test_chat_is_what_the_sdk_sends_and_reads(name: str) -> None:
    """Request, words, thoughts, calls and citations are the SDK's for the same call."""
    async with serving(f"{CHAT}/{name}") as (received, address):
        answer = await client(address).chat(model=model_of(name), **NATIVE[name])
    assert received == [sent_of(f"{CHAT}/{name}")]
    choice = case_named(f"{CHAT}/{name}").result["answer"]["choices"][0]
    message = answer.message
    blocks = message.content or []
    ours = choice["message"]
    assert (ours["content"] or "") == "".join(b.text for b in blocks if b.type == "text")
    thoughts = "".join(b.thinking for b in blocks if b.type == "thinking")
    assert ours.get("reasoning_content", "") == (message.tool_plan or "") + thoughts
    assert [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in ours.get("tool_calls", [])
    ] == [
        (call.id, call.function.name, call.function.arguments)
        for call in message.tool_calls or []
        if call.function
    ]
    cited = [c.text for c in message.citations or [] if c.type == "TEXT_CONTENT"]
    assert [note["text"] for note in ours.get("annotations", [])] == cited


@pytest.mark.parametrize("name", STREAMED)
async def test_stream_is_what_the_sdk_sends_and_reads(name: str) -> None:
    """Request, words, thoughts and arguments of a stream are the SDK's for the same call."""
    async with serving(f"{CHAT}/{name}") as (received, address):
        events = client(address).chat_stream(model=model_of(name), **STREAMED[name])
        theirs = await joined(events)
    assert received == [sent_of(f"{CHAT}/{name}")]
    text, thoughts, arguments = "", "", ""
    for event in case_named(f"{CHAT}/{name}").result["events"]:
        delta = event["choices"][0]["delta"]
        text += delta.get("content") or ""
        thoughts += delta.get("reasoning_content") or ""
        for call in delta.get("tool_calls") or []:
            arguments += call["function"].get("arguments") or ""
    # A tool without arguments streams none; ours reads `{}`.
    assert (text, thoughts, arguments.removesuffix("{}")) == theirs


async def joined(events: AsyncIterator[Any]) -> tuple[str, str, str]:
    """Return the words, the thoughts and the arguments of a stream, as the SDK reads them."""
    text, thoughts, arguments = "", "", ""
    async for event in events:
        match event.type:
            case "content-delta":
                text += event.delta.message.content.text or ""
                thoughts += event.delta.message.content.thinking or ""
            case "tool-plan-delta":
                thoughts += event.delta.message.tool_plan
            case "tool-call-delta":
                arguments += event.delta.message.tool_calls.function.arguments
    return text, thoughts, arguments


EMBEDDED: dict[str, Json] = {
    "plain": {"texts": ["The food", "was great"], "input_type": "search_document"},
    "query": {"texts": ["food?"], "input_type": "search_query", "truncate": "END"},
    "dimensions": {
        "texts": ["The food"],
        "input_type": "search_document",
        "output_dimension": 2,
    },
    "image": {
        "inputs": [
            {"content": [{"type": "text", "text": "A pixel"}]},
            {"content": [{"type": "image_url", "image_url": {"url": PIXEL}}]},
        ],
        "input_type": "search_document",
    },
}


@pytest.mark.parametrize("name", EMBEDDED)
async def test_embedding_is_what_the_sdk_sends_and_reads(name: str) -> None:
    """Inputs, their type, dimensions and vectors are the SDK's for the same call."""
    case = f"Cohere/embed/{name}"
    async with serving(case) as (received, address):
        answer = await client(address).embed(
            model="embed-v4.0", embedding_types=["float"], **EMBEDDED[name]
        )
    assert received == [sent_of(case)]
    vectors = [each["embedding"] for each in case_named(case).result["answer"]["data"]]
    assert answer.embeddings.float_ == vectors


async def test_model_list_is_asked_for_as_the_sdk_asks() -> None:
    """The probe is the SDK's request, and finds the same names and the same next page."""
    case = "Cohere/models/page"
    async with serving(case) as (received, address):
        page = await client(address).models.list(page_size=1000)
        await client(address).models.list(page_size=1000, page_token=page.next_page_token)
    result = case_named(case).result
    assert received[0] == sent_of(case)
    assert [model.name for model in page.models] == result["models"]
    assert received[1].path == result["nextPath"]
