"""The official OpenAI SDK as a client: another `base_url`, and nothing else."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from pydantic import BaseModel
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

# One transparent pixel.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
CLOCK: Any = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[AsyncOpenAI]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=20
    ) as made:
        yield made


def says(text: str) -> Any:  # noqa: ANN401 # plain JSON, where the SDK has a class for each turn
    """Return a conversation of one turn."""
    return [{"role": "user", "content": text}]


async def test_chat(client: AsyncOpenAI) -> None:
    """A plain answer, with usage."""
    answer = await client.chat.completions.create(model="echo", messages=says("hello there"))
    assert answer.choices[0].message.content == "hello there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.total_tokens == 4


async def test_every_answer_says_what_happened(client: AsyncOpenAI) -> None:
    """The headers name request, provider, key, model, attempts, overhead."""
    raw = await client.chat.completions.with_raw_response.create(
        model="echo",
        messages=says("x"),
        extra_headers={"x-request-id": "req_mine"},
    )
    assert raw.headers["x-request-id"] == "req_mine"
    assert raw.headers["x-conduit-request-id"] == "req_mine"
    assert raw.headers["x-conduit-provider"] == "echo echo"
    assert raw.headers["x-conduit-key-id"].startswith("key_")
    assert raw.headers["x-conduit-attempts"] == "1"
    assert float(raw.headers["x-conduit-overhead-ms"]) > 0


async def test_stream(client: AsyncOpenAI) -> None:
    """The pieces make the whole; usage comes when asked for."""
    stream = await client.chat.completions.create(
        model="count",
        messages=says("count"),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text.split()[-1] == "20"
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens > 0


async def test_stream_helper_of_the_sdk(client: AsyncOpenAI) -> None:
    """The SDK's own accumulation reaches the same answer."""
    async with client.chat.completions.stream(model="echo", messages=says("one two")) as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "one two"


async def test_tools(client: AsyncOpenAI) -> None:
    """A call, its result, and an answer."""
    first = await client.chat.completions.create(
        model="tool",
        messages=says("weather?"),
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
    )
    [call] = first.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "weather"
    assert first.choices[0].finish_reason == "tool_calls"
    conversation: Any = [
        *says("weather?"),
        first.choices[0].message.to_dict(),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
        *says("so?"),
    ]
    second = await client.chat.completions.create(model="echo", messages=conversation)
    assert second.choices[0].message.content == "so?"


async def test_parallel_tools_streamed(client: AsyncOpenAI) -> None:
    """Arguments arrive in pieces, each with its call's index."""
    async with client.chat.completions.stream(
        model="tools",
        messages=says("both"),
        tools=[WEATHER, CLOCK],
    ) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [c.function.name for c in calls] == ["weather", "clock"]


async def test_vision(client: AsyncOpenAI) -> None:
    """A picture in a message reaches a provider that can see."""
    answer = await client.chat.completions.create(
        model="echo",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "what is this?"},
                    {"type": "image_url", "image_url": {"url": PICTURE}},
                ],
            }
        ],
    )
    assert "what is this?" in (answer.choices[0].message.content or "")


class Person(BaseModel):
    """A structured answer."""

    name: str
    age: int


async def test_structured_output(client: AsyncOpenAI) -> None:
    """The SDK parses the answer into the caller's own class."""
    answer = await client.chat.completions.parse(
        model="echo",
        messages=says("who?"),
        response_format=Person,
    )
    assert isinstance(answer.choices[0].message.parsed, Person)


async def test_reasoning_comes_through(client: AsyncOpenAI) -> None:
    """Members that the SDK does not know are not lost."""
    answer = await client.chat.completions.create(model="think", messages=says("hm"))
    assert (answer.choices[0].message.model_extra or {}).get("reasoning_content")


async def test_embeddings(client: AsyncOpenAI) -> None:
    """Vectors; the SDK asks for base64 and unpacks it."""
    answer = await client.embeddings.create(model="vectors", input=["a", "b"])
    assert [len(item.embedding) for item in answer.data] == [64, 64]
    floats = await client.embeddings.create(model="vectors", input="a", encoding_format="float")
    assert floats.data[0].embedding == pytest.approx(answer.data[0].embedding, abs=1e-6)


async def test_models(client: AsyncOpenAI) -> None:
    """The aliases, listed and one by one."""
    listed = [model.id async for model in client.models.list()]
    assert "echo" in listed
    assert (await client.models.retrieve("echo")).owned_by == "conduit"


async def test_unknown_model(client: AsyncOpenAI) -> None:
    """NotFoundError, with OpenAI's code."""
    with pytest.raises(openai.NotFoundError) as refused:
        await client.chat.completions.create(model="gpt-9", messages=says("x"))
    assert refused.value.code == "model_not_found"


async def test_wrong_and_missing_keys(suite: Suite) -> None:
    """AuthenticationError."""
    async with AsyncOpenAI(base_url=f"{suite.url}/v1", api_key="condt_wrong") as wrong:
        with pytest.raises(openai.AuthenticationError) as refused:
            await wrong.chat.completions.create(model="echo", messages=says("x"))
    assert refused.value.code == "invalid_api_key"


async def test_bad_requests(client: AsyncOpenAI) -> None:
    """BadRequestError, naming the parameter."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model="echo", messages=[])
    assert refused.value.param == "messages"
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(model="refused", messages=says("x"))
    with pytest.raises(openai.BadRequestError) as long:
        await client.chat.completions.create(model="long", messages=says("word " * 50))
    assert long.value.code == "context_length_exceeded"


async def test_rate_limits(client: AsyncOpenAI) -> None:
    """RateLimitError, with the provider's pause."""
    with pytest.raises(openai.RateLimitError) as limited:
        await client.chat.completions.create(model="limited", messages=says("x"))
    assert int(limited.value.response.headers["retry-after"]) > 0


async def test_a_broken_provider(client: AsyncOpenAI) -> None:
    """InternalServerError."""
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(model="broken", messages=says("x"))


async def test_a_stream_that_breaks(client: AsyncOpenAI) -> None:
    """APIError in the loop, never an answer that looks whole."""
    stream = await client.chat.completions.create(
        model="cut",
        messages=says("one two three four five six"),
        stream=True,
    )
    with pytest.raises(openai.APIError) as broken:
        [chunk async for chunk in stream]
    assert broken.value.code == "stream_interrupted"
