"""The official OpenAI SDK as a client of Responses: another `base_url`, and nothing else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from openai.types.responses import ParsedResponse, Response
from pydantic import BaseModel
from tests.conformance.test_anthropic_client import TYPES
from tests.support.sdk_oracle import Upstream, upstream
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
# OpenAI's requests pass as they are; all that speak its chats are as this one.
DIALECTS = {kind: told for kind, told in TYPES.items() if kind != "OpenAI"}
DIALECTS["OpenAICompatible"] = ("m", "any")


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, Upstream]]:
    """Run a provider of each type, which answers as it was recorded."""
    with ExitStack() as stack:
        yield {kind: stack.enter_context(upstream(f"{of(kind)}/chat/plain")) for kind in DIALECTS}


def of(kind: str) -> str:
    """Return whose recorded answers a provider gives."""
    return "OpenAI" if kind == "OpenAICompatible" else kind


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite, upstreams: dict[str, Upstream]) -> dict[str, Upstream]:
    """Map an alias to each of them, by its type."""
    for kind, provider in upstreams.items():
        model, key = DIALECTS[kind]
        made = await suite.call(
            "POST",
            "/api/providers",
            {"name": kind, "providerType": kind, "baseUrl": provider.address},
        )
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": key})
        mapping = {"modelAlias": kind, "providerId": made["id"], "actualModelName": model}
        await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()
    return upstreams


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(suite: Suite) -> AsyncIterator[AsyncOpenAI]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncOpenAI(
        base_url=f"{suite.url}/v1", api_key=suite.virtual_key, max_retries=0, timeout=20
    ) as made:
        yield made


async def test_response(client: AsyncOpenAI) -> None:
    """A plain answer of the simulator, with counts and its end."""
    answer = await client.responses.create(model="echo", input="Hello", store=False)
    assert answer.output_text == "Hello"
    assert (answer.status, answer.object) == ("completed", "response")
    assert answer.usage is not None
    assert answer.usage.input_tokens > 0
    assert str(answer._request_id).startswith("req_")  # noqa: SLF001 # documented as public


async def test_stream(client: AsyncOpenAI) -> None:
    """The SDK's accumulator makes the whole of the events."""
    async with client.responses.stream(model="count", input="Hello") as stream:
        events = [event async for event in stream]
        whole = await stream.get_final_response()
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole.output_text != ""
    assert [event.sequence_number for event in events] == sorted(
        event.sequence_number for event in events
    )


async def both(
    client: AsyncOpenAI, provider: Upstream, case: str, asked: dict[str, Any]
) -> list[Response | ParsedResponse[Any]]:
    """Return what a provider answers whole and streamed, as it was recorded in both cases."""
    kind = of(asked["model"])
    provider.become(f"{kind}/chat/{case}")
    whole = await client.responses.create(**asked)
    provider.become(f"{kind}/chat/stream{'' if case == 'plain' else f'_{case}'}")
    async with client.responses.stream(**asked) as stream:
        async for _ in stream:
            pass
        return [whole, await stream.get_final_response()]


@pytest.mark.parametrize("kind", DIALECTS)
async def test_tools_of_every_dialect(
    client: AsyncOpenAI, providers: dict[str, Upstream], kind: str
) -> None:
    """Calls come with ids and arguments; the items are taken back with what came of the calls."""
    asked: dict[str, Any] = {
        "model": kind,
        "input": [{"role": "user", "content": "Weather in Bonn?"}],
        "tools": [WEATHER],
        "store": False,
    }
    for answer in await both(client, providers[kind], "tools", asked):
        made = [item for item in answer.output if item.type == "function_call"]
        assert made
        assert all(call.call_id and call.arguments.startswith("{") for call in made)
        results = [
            {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
            for call in made
        ]
        items = [item.model_dump(exclude_none=True) for item in answer.output]
        providers[kind].become(f"{of(kind)}/chat/plain")
        turns = [*asked["input"], *items, *results]
        again = await client.responses.create(**{**asked, "input": turns})
        assert again.output_text


@pytest.mark.parametrize("kind", ["Groq", "DeepSeek", "OpenRouter", "Gemini", "Anthropic"])
async def test_thoughts_are_summaries_where_these_are_asked_for(
    client: AsyncOpenAI, providers: dict[str, Upstream], kind: str
) -> None:
    """Whole and streamed."""
    asked: dict[str, Any] = {"model": kind, "input": "2+2?", "reasoning": {"summary": "auto"}}
    for answer in await both(client, providers[kind], "reasoning", asked):
        thoughts = [item for item in answer.output if item.type == "reasoning"]
        assert any(part.text for item in thoughts for part in item.summary)
        assert all(item.encrypted_content for item in thoughts)


class Number(BaseModel):
    """What an answer is to be."""

    n: int


async def test_parsed_answers(client: AsyncOpenAI) -> None:
    """The SDK's schema reaches the model, and its answer is read by it."""
    answer = await client.responses.parse(model="echo", input="A number?", text_format=Number)
    assert isinstance(answer.output_parsed, Number)


async def test_what_openai_answers_passes_as_it_is(client: AsyncOpenAI, suite: Suite) -> None:
    """Members that nobody knows come back; the id is OpenAI's."""
    with upstream("OpenAI/chat/plain") as provider:
        provider.body = PASSED
        made = await suite.call(
            "POST",
            "/api/providers",
            {"name": "passes", "providerType": "OpenAI", "baseUrl": provider.address},
        )
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-any"})
        mapping = {"modelAlias": "passes", "providerId": made["id"], "actualModelName": "gpt-6"}
        await suite.call("POST", "/api/model-provider-mappings", mapping)
        await suite.settled()
        raw = await client.responses.with_raw_response.create(model="passes", input="hi")
        assert raw.content == PASSED
        assert raw.headers["x-conduit-model"] == "gpt-6"
        assert raw.parse().id == "resp_of_openai"


PASSED = (
    b'{"id":"resp_of_openai","object":"response","created_at":1,"status":"completed","error":null,'
    b'"model":"gpt-6","output":[],"new_member":{"a":1.50},"parallel_tool_calls":true,"tools":[],'
    b'"tool_choice":"auto","usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}'
)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"conversation": "conv_1"}, None),
        ({"input": []}, "input"),
    ],
)
async def test_what_cannot_be_is_a_bad_request(
    client: AsyncOpenAI, asked: dict[str, Any], param: str | None
) -> None:
    """With OpenAI's form, so that the SDK raises its own exception."""
    with pytest.raises(openai.BadRequestError) as refused:
        await client.responses.create(**{"model": "echo", "input": "hi", **asked})
    assert refused.value.param == param
    assert refused.value.message


async def test_models_that_are_not_there(client: AsyncOpenAI) -> None:
    """Are a 404, streamed too."""
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(model="nobody", input="hi", stream=stream)


async def test_what_is_left_out_is_told(client: AsyncOpenAI) -> None:
    """In a header, by the caller's names."""
    raw = await client.responses.with_raw_response.create(
        model="echo", input="hi", truncation="auto", tools=[{"type": "web_search"}]
    )
    assert set(raw.headers["x-conduit-dropped"].split(", ")) >= {"truncation", "tools.web_search"}
