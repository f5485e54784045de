"""What the simulator answers when it behaves, as OpenAI's own SDK understands it."""

import base64
import math
import struct
import time
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello out there"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 2},
            },
            "required": ["city"],
        },
    },
}
TIME: ChatCompletionToolParam = {"type": "function", "function": {"name": "time"}}


async def test_echo_says_the_last_user_message_and_counts_it(sdk: openai.AsyncOpenAI) -> None:
    """Three words are three tokens, read and written."""
    answer = await sdk.chat.completions.create(model="echo", messages=HELLO)
    assert answer.choices[0].message.content == "hello out there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 3)


async def test_a_stream_says_the_same_as_a_whole_answer(sdk: openai.AsyncOpenAI) -> None:
    """The chunks joined are the text; usage comes last, when it is asked for, and is the same."""
    stream = await sdk.chat.completions.create(
        model="echo", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == "hello out there"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert chunks[-1].usage.total_tokens == 6


async def test_a_stream_without_the_wish_has_no_usage(http: httpx.AsyncClient) -> None:
    """As with OpenAI, the member is absent, and the stream ends with [DONE]."""
    body = {"model": "echo", "messages": HELLO, "stream": True}
    answer = await http.post("/v1/chat/completions", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "usage" not in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")


async def test_the_pace_is_kept(sdk: openai.AsyncOpenAI) -> None:
    """Ten tokens, 10 ms apart, take a tenth of a second; this is about time, so it takes it."""
    began = time.monotonic()
    stream = await sdk.chat.completions.create(model="stream-10x10ms", messages=HELLO, stream=True)
    text = "".join([c.choices[0].delta.content or "" async for c in stream])
    assert text == "1 2 3 4 5 6 7 8 9 10"
    assert time.monotonic() - began >= 0.1


async def test_slow_answers_are_slow(http: httpx.AsyncClient) -> None:
    """The milliseconds in the name pass before the first byte."""
    began = time.monotonic()
    body = {"model": "echo-slow-60ms", "messages": HELLO}
    assert (await http.post("/v1/chat/completions", json=body)).status_code == 200
    assert time.monotonic() - began >= 0.06


async def test_a_limit_cuts_the_answer(sdk: openai.AsyncOpenAI) -> None:
    """The answer has so many tokens and says why it ended."""
    answer = await sdk.chat.completions.create(
        model="echo", messages=HELLO, max_completion_tokens=2
    )
    assert answer.choices[0].message.content == "hello out"
    assert answer.choices[0].finish_reason == "length"


async def test_a_stop_string_ends_the_answer(sdk: openai.AsyncOpenAI) -> None:
    """What comes from the string on is not said."""
    answer = await sdk.chat.completions.create(model="echo", messages=HELLO, stop=[" there"])
    assert answer.choices[0].message.content == "hello out"


async def test_several_choices_are_given(sdk: openai.AsyncOpenAI) -> None:
    """All of them count as written."""
    answer = await sdk.chat.completions.create(model="echo", messages=HELLO, n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.usage
    assert answer.usage.completion_tokens == 6


async def test_images_are_seen_as_images(sdk: openai.AsyncOpenAI) -> None:
    """The echo shows where they were, and each costs 85 tokens."""
    answer = await sdk.chat.completions.create(
        model="echo",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look: "},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            }
        ],
    )
    assert answer.choices[0].message.content == "look: [image_url]"
    assert answer.usage
    assert answer.usage.prompt_tokens == 87


async def test_reasoning_comes_before_the_answer(http: httpx.AsyncClient) -> None:
    """It has a member of its own, and its tokens are part of those written."""
    body = {"model": "think", "messages": HELLO}
    answer = (await http.post("/v1/chat/completions", json=body)).json()
    message = answer["choices"][0]["message"]
    assert message["content"] == "hello out there"
    assert "say it again" in message["reasoning_content"]
    reasoning = answer["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert answer["usage"]["completion_tokens"] == reasoning + 3


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_in_parallel(sdk: openai.AsyncOpenAI, *, stream: bool) -> None:
    """Each call has an id, a name, and arguments of the tool's schema; a stream says the same."""
    calls = await _calls(sdk, stream=stream, model="tools")
    assert [name for _, name, _ in calls] == ["weather", "time"]
    assert len({id_ for id_, _, _ in calls}) == 2
    assert calls[0][2] == '{"city":"hello out there","unit":"celsius","days":2}'


async def _calls(
    sdk: openai.AsyncOpenAI, *, stream: bool, model: str
) -> list[tuple[str, str, str]]:
    if not stream:
        whole = await sdk.chat.completions.create(
            model=model, messages=HELLO, tools=[WEATHER, TIME]
        )
        assert whole.choices[0].finish_reason == "tool_calls"
        return [
            (call.id, call.function.name, call.function.arguments)
            for call in whole.choices[0].message.tool_calls or ()
            if call.type == "function"
        ]
    calls: dict[int, list[str]] = {}
    async with sdk.chat.completions.stream(
        model=model, messages=HELLO, tools=[WEATHER, TIME]
    ) as events:
        async for event in events:
            if event.type != "chunk" or not event.chunk.choices:
                continue
            for part in event.chunk.choices[0].delta.tool_calls or ():
                call = calls.setdefault(part.index, ["", "", ""])
                call[0] += part.id or ""
                call[1] += (part.function and part.function.name) or ""
                call[2] += (part.function and part.function.arguments) or ""
    return [(call[0], call[1], call[2]) for _, call in sorted(calls.items())]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("auto", []),
        ("required", ["weather"]),
        ({"type": "function", "function": {"name": "time"}}, ["time"]),
    ],
)
async def test_the_choice_of_tool_is_obeyed(
    http: httpx.AsyncClient, choice: object, called: list[str]
) -> None:
    """Every model calls a tool when it must, and none when it must not."""
    body = {
        "model": "echo",
        "messages": HELLO,
        "tools": [WEATHER, TIME],
        "tool_choice": choice,
    }
    message = (await http.post("/v1/chat/completions", json=body)).json()["choices"][0]["message"]
    assert [c["function"]["name"] for c in message.get("tool_calls", [])] == called


async def test_a_tool_s_answer_ends_the_calls(sdk: openai.AsyncOpenAI) -> None:
    """After it the model speaks, so that a loop of calls ends."""
    answer = await sdk.chat.completions.create(
        model="tool",
        messages=[
            *HELLO,
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "time", "arguments": "{}"},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "12:00"},
        ],
        tools=[TIME],
    )
    assert answer.choices[0].message.content == "12:00"


async def test_an_answer_by_schema_fits_the_schema(http: httpx.AsyncClient) -> None:
    """References, unions, formats and a schema that contains itself included."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "born": {"type": "string", "format": "date"},
            "pet": {"anyOf": [{"$ref": "#/$defs/pet"}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#"}},
        },
        "required": ["name", "born", "pet", "children"],
        "$defs": {"pet": {"type": "object", "properties": {"legs": {"type": "integer"}}}},
    }
    body = {
        "model": "echo",
        "messages": HELLO,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "person", "schema": schema},
        },
    }
    answer = (await http.post("/v1/chat/completions", json=body)).json()
    person = httpx.Response(200, text=answer["choices"][0]["message"]["content"]).json()
    assert person["name"] == "hello out there"
    assert person["born"] == "2026-01-31"
    assert person["pet"] == {"legs": 1}
    assert person["children"][0]["name"] == "hello out there"


async def test_vectors_are_of_unit_length_and_repeat(sdk: openai.AsyncOpenAI) -> None:
    """The same text gives the same vector, another text another one."""
    answer = await sdk.embeddings.create(
        model="embed-8", input=["a", "b", "a"], encoding_format="float"
    )
    a, b, again = (item.embedding for item in answer.data)
    assert a == again
    assert a != b
    assert len(a) == 8
    assert math.isclose(sum(x * x for x in a), 1)
    assert answer.usage.prompt_tokens == 3


async def test_base64_holds_the_same_vector(http: httpx.AsyncClient) -> None:
    """As little-endian 32-bit floats."""
    body = {"model": "echo", "input": [1, 2, 3], "dimensions": 4}
    floats = (await http.post("/v1/embeddings", json=body)).json()["data"][0]["embedding"]
    packed = (await http.post("/v1/embeddings", json={**body, "encoding_format": "base64"})).json()
    assert struct.unpack("<4f", base64.b64decode(packed["data"][0]["embedding"])) == pytest.approx(
        floats
    )


async def test_the_models_are_listed(sdk: openai.AsyncOpenAI) -> None:
    """Every name in the list answers for itself."""
    names = [model.id async for model in await sdk.models.list()]
    assert "echo" in names
    for name in names:
        assert (await sdk.models.retrieve(name)).id == name


async def test_the_limits_are_told_in_headers(http: httpx.AsyncClient) -> None:
    """As OpenAI does, for requests and for tokens."""
    body = {"model": "echo", "messages": HELLO}
    headers = (await http.post("/v1/chat/completions", json=body)).headers
    assert headers["x-ratelimit-limit-requests"] == "1000000"
    assert headers["x-ratelimit-remaining-requests"] == "999999"
    assert headers["x-ratelimit-reset-requests"].endswith("ms")
    assert "x-ratelimit-remaining-tokens" in headers
    assert headers["x-request-id"].startswith("req_")
