"""The official SDKs, pointed at `/passthrough/{provider}`: each speaks its provider's own words."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic
from cohere import AsyncClientV2
from google.genai import Client as GoogleClient
from google.genai.types import HttpOptions
from mistralai.client import Mistral
from openai import AsyncOpenAI, BadRequestError
from tests.support.native_upstream import NativeUpstream, native_upstream
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "native-1"
# Type, and what stands before its paths at the stand-in.
TYPES = {
    "Anthropic": "",
    "Cohere": "",
    "Gemini": "",
    "Mistral": "/v1",
    "OpenAI": "/v1",
}
# JSON, of which each SDK has types of its own.
WORDS: Any = [{"role": "user", "content": "Hello"}]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream(suite: Suite) -> AsyncIterator[NativeUpstream]:
    """Run a provider of all types, each with a mapping."""
    async with native_upstream() as started:
        for name, root in TYPES.items():
            made = await suite.call(
                "POST",
                "/api/providers",
                {"name": f"own {name}", "providerType": name, "baseUrl": started.url + root},
            )
            key = {"apiKey": f"sk-of-{name}"}
            await suite.call("POST", f"/api/providers/{made['id']}/keys", key)
            mapping = {"modelAlias": f"by {name}", "providerId": made["id"]}
            await suite.call(
                "POST", "/api/model-provider-mappings", mapping | {"actualModelName": MODEL}
            )
        await suite.settled()
        yield started


def _sent(upstream: NativeUpstream, path: str) -> dict[str, str]:
    """Return the headers of the last request; check its path, and that no caller's key is there."""
    last = upstream.received[-1]
    assert last.path == path
    assert "condt_" not in str(last)
    return dict(last.headers)


async def test_anthropic_sdk_speaks_through(suite: Suite, upstream: NativeUpstream) -> None:
    """Whole, streamed and counted, with the SDK's own version and betas."""
    async with AsyncAnthropic(
        api_key=suite.virtual_key, base_url=f"{suite.url}/passthrough/anthropic", max_retries=0
    ) as client:
        whole = await client.messages.create(max_tokens=9, model=MODEL, messages=WORDS)
        assert whole.usage.output_tokens == 7
        sent = _sent(upstream, "/v1/messages")
        assert sent["authorization"] == "Bearer sk-of-Anthropic"
        assert "x-api-key" not in sent
        assert sent["anthropic-version"] == client.default_headers["anthropic-version"]
        async with client.beta.messages.stream(
            max_tokens=9,
            model=MODEL,
            messages=WORDS,
            betas=["a-beta"],
        ) as stream:
            assert await stream.get_final_text() == "Hi"
        assert _sent(upstream, "/v1/messages")["anthropic-beta"] == "a-beta"
        counted = await client.messages.count_tokens(
            extra_query={"beta": "true"}, model=MODEL, messages=WORDS
        )
        assert counted.input_tokens == 5
        assert upstream.received[-1].query == "beta=true"


async def test_openai_sdk_speaks_through(suite: Suite, upstream: NativeUpstream) -> None:
    """Chats, responses and vectors; the address may end in `/v1`, as the SDK's own does."""
    base = f"{suite.url}/passthrough/openai/v1"
    async with AsyncOpenAI(api_key=suite.virtual_key, base_url=base, max_retries=0) as client:
        chat = await client.chat.completions.create(model=MODEL, messages=WORDS)
        assert chat.choices[0].message.content == "Hi"
        assert _sent(upstream, "/v1/chat/completions")["authorization"] == "Bearer sk-of-OpenAI"
        streamed = await client.chat.completions.create(model=MODEL, messages=WORDS, stream=True)
        chunks = [chunk async for chunk in streamed]
        assert chunks[-1].usage
        assert chunks[-1].usage.prompt_tokens == 11
        response = await client.responses.create(model=MODEL, input="Hello")
        assert response.output_text == "Hi"
        _sent(upstream, "/v1/responses")
        events = await client.responses.create(model=MODEL, input="Hello", stream=True)
        assert [event.type async for event in events][-1] == "response.completed"
        vectors = await client.embeddings.create(
            model=MODEL, input="Hello", encoding_format="float"
        )
        assert vectors.data[0].embedding == [0.5, 0.25]
        upstream.refusal = (
            400,
            {"content-type": "application/json"},
            b'{"error": {"message": "no such voice", "type": "invalid_request_error"}}',
        )
        with pytest.raises(BadRequestError, match="no such voice"):
            await client.chat.completions.create(model=MODEL, messages=WORDS)
        upstream.refusal = None


async def test_google_sdk_speaks_through(suite: Suite, upstream: NativeUpstream) -> None:
    """Whole, streamed and counted; the model is in the path."""
    async with httpx.AsyncClient(timeout=20) as http:
        base = f"{suite.url}/passthrough/gemini"
        options = HttpOptions(base_url=base, api_version="v1beta", httpx_async_client=http)
        client = GoogleClient(api_key=suite.virtual_key, http_options=options)
        whole = await client.aio.models.generate_content(model=MODEL, contents="Hello")
        assert whole.text == "Hi"
        sent = _sent(upstream, f"/v1beta/models/{MODEL}:generateContent")
        assert sent["x-goog-api-key"] == "sk-of-Gemini"
        stream = await client.aio.models.generate_content_stream(model=MODEL, contents="Hello")
        assert [piece.text async for piece in stream] == ["Hi"]
        counted = await client.aio.models.count_tokens(model=MODEL, contents="Hello")
        assert counted.total_tokens == 5


async def test_cohere_sdk_speaks_through(suite: Suite, upstream: NativeUpstream) -> None:
    """Whole and streamed."""
    async with httpx.AsyncClient(timeout=20) as http:
        client = AsyncClientV2(
            api_key=suite.virtual_key,
            base_url=f"{suite.url}/passthrough/cohere",
            httpx_client=http,
        )
        whole = await client.chat(model=MODEL, messages=WORDS)
        assert whole.message.content
        assert _sent(upstream, "/v2/chat")["authorization"] == "Bearer sk-of-Cohere"
        kinds = [event.type async for event in client.chat_stream(model=MODEL, messages=WORDS)]
        assert kinds[-1] == "message-end"


async def test_mistral_sdk_speaks_through(suite: Suite, upstream: NativeUpstream) -> None:
    """Whole and streamed."""
    server = f"{suite.url}/passthrough/mistral"
    async with Mistral(api_key=suite.virtual_key, server_url=server) as client:
        whole = await client.chat.complete_async(model=MODEL, messages=WORDS)
        assert whole.choices[0].message.content == "Hi"
        assert _sent(upstream, "/v1/chat/completions")["authorization"] == "Bearer sk-of-Mistral"
        stream = await client.chat.stream_async(model=MODEL, messages=WORDS)
        async with stream as events:
            texts = [
                event.data.choices[0].delta.content async for event in events if event.data.choices
            ]
        assert texts[0] == "Hi"
