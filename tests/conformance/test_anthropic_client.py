"""The official Anthropic SDK as a client: another `base_url`, and nothing else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import anthropic
import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic
from anthropic.types import Message
from tests.support.sdk_oracle import Upstream, upstream
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAYS_HELLO: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "Get the weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
# Provider types, a model of each, and what their keys are.
TYPES = {
    "OpenAI": ("gpt-6", "sk-any"),
    "Gemini": ("gemini-3-pro", "any"),
    "Cohere": ("command-a-03-2025", "any"),
    "Mistral": ("mistral-large-latest", "any"),
    "Ollama": ("qwen3", "any"),
    "DeepSeek": ("deepseek-chat", "any"),
    "Groq": ("openai/gpt-oss-120b", "any"),
    "OpenRouter": ("openai/gpt-6", "any"),
    "Anthropic": ("claude-opus-5", "any"),
}


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, Upstream]]:
    """Run a provider of each type, which answers as it was recorded."""
    with ExitStack() as stack:
        yield {kind: stack.enter_context(upstream(f"{kind}/chat/plain")) for kind in TYPES}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite, upstreams: dict[str, Upstream]) -> dict[str, Upstream]:
    """Map an alias to each of them, by its type."""
    for kind, provider in upstreams.items():
        model, key = TYPES[kind]
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
async def client(suite: Suite) -> AsyncIterator[AsyncAnthropic]:
    """Return the SDK's client, pointed at the bridge."""
    async with AsyncAnthropic(
        base_url=suite.url, api_key=suite.virtual_key, max_retries=0, timeout=20
    ) as made:
        yield made


async def test_message(client: AsyncAnthropic) -> None:
    """A plain answer of the simulator, with counts, ids and the reason to stop."""
    answer = await client.messages.create(model="echo", max_tokens=99, messages=SAYS_HELLO)
    (block,) = answer.content
    assert block.type == "text"
    assert block.text == "Hello"
    assert (answer.stop_reason, answer.role, answer.type) == ("end_turn", "assistant", "message")
    assert answer.usage.input_tokens > 0
    assert str(answer._request_id).startswith("req_")  # noqa: SLF001 # documented as public


async def test_stream(client: AsyncAnthropic) -> None:
    """The SDK's accumulator makes the whole of the events."""
    async with client.messages.stream(model="count", max_tokens=99, messages=SAYS_HELLO) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        whole = await stream.get_final_message()
    assert whole.content[0].type == "text"
    assert whole.content[0].text == text != ""
    assert whole.usage.output_tokens > 0


async def both(
    client: AsyncAnthropic, provider: Upstream, case: str, asked: dict[str, Any]
) -> list[Message]:
    """Return what a provider answers whole and streamed, as it was recorded in both cases."""
    kind = asked["model"]
    provider.become(f"{kind}/chat/{case}")
    whole = await client.messages.create(**asked)
    provider.become(f"{kind}/chat/stream{'' if case == 'plain' else f'_{case}'}")
    async with client.messages.stream(**asked) as stream:
        return [whole, await stream.get_final_message()]


@pytest.mark.parametrize("kind", TYPES)
async def test_tools_of_every_dialect(
    client: AsyncAnthropic, providers: dict[str, Upstream], kind: str
) -> None:
    """Calls come with ids and arguments, whole and streamed, and are the reason to stop."""
    asked: dict[str, Any] = {
        "model": kind,
        "max_tokens": 99,
        "messages": SAYS_HELLO,
        "tools": [WEATHER],
    }
    for answer in await both(client, providers[kind], "tools", asked):
        made = [block for block in answer.content if block.type == "tool_use"]
        assert made
        assert all(block.id and block.name for block in made)
        assert all(isinstance(block.input, dict) for block in made)
        assert answer.stop_reason == "tool_use"


async def test_requests_pass_to_anthropic_as_they_are(
    client: AsyncAnthropic, providers: dict[str, Upstream]
) -> None:
    """But for the model's name: cache marks, thoughts, betas, the version and unknown members."""
    asked: Any = {
        "max_tokens": 99,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=1"},
            {"type": "text", "text": "Be", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
        "messages": [
            *SAYS_HELLO,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "EqQBCgIYAhIM"},
                    {"type": "redacted_thinking", "data": "EmwKAhgBEgy"},
                    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web", "input": {}},
                ],
            },
            {"role": "user", "content": "And?"},
        ],
    }
    extra = {"context_management": {"edits": []}, "brand_new": {"model": "x"}}
    providers["Anthropic"].become("Anthropic/chat/plain")
    await client.messages.create(
        model="Anthropic",
        extra_body=extra,
        extra_headers={"anthropic-beta": "b-1,b-2"},
        **asked,
    )
    sent = providers["Anthropic"].received[-1]
    assert sent.body == {"model": "claude-opus-5", **asked, **extra}
    assert sent.path == "/v1/messages"


async def test_errors_are_the_sdks_own(client: AsyncAnthropic, suite: Suite) -> None:
    """Statuses, types and ids by which the SDK raises its exceptions."""
    with pytest.raises(anthropic.RateLimitError) as limited:
        await client.messages.create(model="limited", max_tokens=9, messages=SAYS_HELLO)
    body: Any = limited.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == "rate_limit_error"
    assert body["request_id"] == limited.value.request_id
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.create(model="nobody's", max_tokens=9, messages=SAYS_HELLO)
    async with AsyncAnthropic(base_url=suite.url, api_key="condt_no", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            await stranger.messages.create(model="echo", max_tokens=9, messages=SAYS_HELLO)


async def test_bearer_is_as_good_as_the_key(suite: Suite) -> None:
    """A client with `auth_token` sends a Bearer, and no `x-api-key`."""
    async with AsyncAnthropic(
        base_url=suite.url, auth_token=suite.virtual_key, api_key=None, max_retries=0
    ) as client:
        answer = await client.messages.create(model="echo", max_tokens=9, messages=SAYS_HELLO)
    assert answer.content


async def test_stream_that_breaks_off_raises(client: AsyncAnthropic) -> None:
    """An event tells of the error, and the SDK raises it."""
    asked: Any = [{"role": "user", "content": "one two three four five six"}]
    with pytest.raises(anthropic.APIStatusError) as broken:
        async with client.messages.stream(model="cut", max_tokens=9, messages=asked) as stream:
            await stream.get_final_message()
    body: Any = broken.value.body
    assert body["error"]["code"] == "STREAM_INTERRUPTED"


async def test_tokens_are_counted_by_who_counts(
    client: AsyncAnthropic, providers: dict[str, Upstream]
) -> None:
    """Anthropic's own count; elsewhere an estimate, which says so. Neither costs anything."""
    provider = providers["Anthropic"]
    provider.status, provider.body = 200, b'{"input_tokens": 2095}'
    asked: Any = {"messages": SAYS_HELLO, "tools": [WEATHER]}
    counted = await client.messages.count_tokens(model="Anthropic", **asked)
    assert counted.input_tokens == 2095
    assert provider.received[-1].path == "/v1/messages/count_tokens"
    assert provider.received[-1].body == {"model": "claude-opus-5", **asked}
    estimated = await client.messages.count_tokens(model="echo", **asked)
    assert estimated.input_tokens > 0
    assert (estimated.model_extra or {})["is_estimate"] is True
    provider.status, provider.body = 500, b"{}"
    failed = await client.messages.count_tokens(model="Anthropic", **asked)
    assert (failed.model_extra or {})["is_estimate"] is True
    provider.become("Anthropic/chat/plain")


async def test_models_are_listed_as_anthropics(client: AsyncAnthropic, suite: Suite) -> None:
    """In pages, forth and back; the same path lists them as OpenAI does for everybody else."""
    listed = [model.id async for model in await client.models.list(limit=5)]
    assert listed == sorted(listed)
    assert {"echo", "count"} <= set(listed)
    back = await client.models.list(before_id=listed[3], limit=2)
    assert [model.id for model in back.data] == listed[1:3]
    assert back.has_more
    one = await client.models.retrieve("echo")
    assert (one.id, one.type, one.display_name) == ("echo", "model", "echo")
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("nobody's")
    async with suite.caller() as anybody:
        assert (await anybody.get("/v1/models")).json()["object"] == "list"
