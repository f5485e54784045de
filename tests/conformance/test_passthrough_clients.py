"""The official SDKs, pointed at `/passthrough/{provider}`: each speaks its provider's own words."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import boto3
import httpx
import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic, AsyncAnthropicVertex
from anthropic import BadRequestError as AnthropicBadRequest
from botocore import UNSIGNED
from botocore.config import Config
from cohere import AsyncClientV2
from google.genai import Client as GoogleClient
from google.genai.types import HttpOptions
from mistralai.client import Mistral
from openai import AsyncAzureOpenAI, AsyncOpenAI, BadRequestError
from tests.support.native_upstream import CONVERSED, NativeUpstream, native_upstream
from tests.support.signatures import is_signed
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "native-1"
# Type, and what stands before its paths at the stand-in.
TYPES = {
    "Anthropic": "",
    "AzureOpenAI": "",
    "Bedrock": "",
    "Cohere": "",
    "Gemini": "",
    "Mistral": "/v1",
    "OpenAI": "/v1",
    "VertexAI": "",
}
# What an instance of a cloud's has beside: settings, and how its models and keys are called.
SETTINGS: dict[str, dict[str, str]] = {
    "AzureOpenAI": {"resource": "any"},
    "Bedrock": {"region": "us-east-1"},
    "VertexAI": {"project": "acme-prod", "location": "us-central1"},
}
# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
PROFILE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
AWS_SECRET = "secret-of-aws"
AWS_KEY = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": AWS_SECRET}
# JSON, of which each SDK has types of its own.
WORDS: Any = [{"role": "user", "content": "Hello"}]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream(suite: Suite) -> AsyncIterator[NativeUpstream]:
    """Run a provider of all types, each with a mapping."""
    async with native_upstream() as started:
        for name, root in TYPES.items():
            fields: dict[str, Any] = {
                "name": f"own {name}",
                "providerType": name,
                "baseUrl": started.url + root,
            }
            fields |= {"settings": SETTINGS[name]} if name in SETTINGS else {}
            made = await suite.call("POST", "/api/providers", fields)
            is_aws = name == "Bedrock"
            key = {"apiKey": json.dumps(AWS_KEY) if is_aws else f"sk-of-{name}"}
            await suite.call("POST", f"/api/providers/{made['id']}/keys", key)
            mapping = {"modelAlias": f"by {name}", "providerId": made["id"]}
            mapping |= {"actualModelName": PROFILE if is_aws else MODEL}
            await suite.call("POST", "/api/model-provider-mappings", mapping)
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


async def test_azures_sdk_speaks_through(suite: Suite, upstream: NativeUpstream) -> None:
    """By deployments, with its API's date; and by the undated API."""
    async with AsyncAzureOpenAI(
        api_key=suite.virtual_key,
        azure_endpoint=f"{suite.url}/passthrough/azure",
        api_version="2024-10-21",
        max_retries=0,
    ) as client:
        chat = await client.chat.completions.create(model=MODEL, messages=WORDS)
        assert chat.choices[0].message.content == "Hi"
        sent = _sent(upstream, f"/openai/deployments/{MODEL}/chat/completions")
        assert sent["api-key"] == "sk-of-AzureOpenAI"
        assert "authorization" not in sent
        assert upstream.received[-1].query == "api-version=2024-10-21"
        streamed = await client.chat.completions.create(model=MODEL, messages=WORDS, stream=True)
        assert [chunk async for chunk in streamed][-1].usage
        vectors = await client.embeddings.create(
            model=MODEL, input="Hello", encoding_format="float"
        )
        assert vectors.data[0].embedding == [0.5, 0.25]
        with pytest.raises(BadRequestError):
            await client.chat.completions.create(
                model=MODEL, messages=WORDS, extra_body={"data_sources": [{"type": "any"}]}
            )
    base = f"{suite.url}/passthrough/azure/openai/v1"
    async with AsyncOpenAI(api_key=suite.virtual_key, base_url=base, max_retries=0) as undated:
        response = await undated.responses.create(model=MODEL, input="Hello")
        assert response.output_text == "Hi"
        _sent(upstream, "/openai/v1/responses")


async def test_vertex_sdks_speak_through(suite: Suite, upstream: NativeUpstream) -> None:
    """Google's by an API key, and Anthropic's by a token; both at the instance's own project."""
    root = "/projects/acme-prod/locations/us-central1/publishers"
    base = f"{suite.url}/passthrough/vertex"
    async with httpx.AsyncClient(timeout=20) as http:
        options = HttpOptions(base_url=base, httpx_async_client=http)
        client = GoogleClient(vertexai=True, api_key=suite.virtual_key, http_options=options)
        whole = await client.aio.models.generate_content(model=MODEL, contents="Hello")
        assert whole.text == "Hi"
        sent = _sent(upstream, f"/v1beta1{root}/google/models/{MODEL}:generateContent")
        assert sent["x-goog-api-key"] == "sk-of-VertexAI"
        stream = await client.aio.models.generate_content_stream(model=MODEL, contents="Hello")
        assert [piece.text async for piece in stream] == ["Hi"]
    for project, status in (("acme-prod", 200), ("another", 400)):
        async with AsyncAnthropicVertex(
            access_token=suite.virtual_key,
            project_id=project,
            region="us-central1",
            base_url=f"{base}/v1",
            max_retries=0,
        ) as vertex:
            asked = vertex.messages.with_raw_response.create
            before = len(upstream.received)
            if status != httpx.codes.OK:
                with pytest.raises(AnthropicBadRequest, match="another project"):
                    await asked(max_tokens=9, model=MODEL, messages=WORDS)
                assert len(upstream.received) == before
                continue
            answer = await asked(max_tokens=9, model=MODEL, messages=WORDS)
            assert (await answer.parse()).usage.output_tokens == 7
            _sent(upstream, f"/v1{root}/anthropic/models/{MODEL}:rawPredict")
            async with vertex.messages.stream(max_tokens=9, model=MODEL, messages=WORDS) as events:
                assert await events.get_final_text() == "Hi"


async def test_awss_sdk_speaks_through(suite: Suite, upstream: NativeUpstream) -> None:
    """With the virtual key; what arrives there is signed by the instance's own.

    To an https address it sends an API key by itself (`AWS_BEARER_TOKEN_BEDROCK`), and to no other.
    """
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=f"{suite.url}/passthrough/bedrock",
        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}),
    )

    def authorize(params: dict[str, Any], **_: object) -> None:
        params["headers"]["Authorization"] = f"Bearer {suite.virtual_key}"

    client.meta.events.register("before-call.bedrock-runtime", authorize)
    asked = {
        "modelId": PROFILE,
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "inferenceConfig": {"maxTokens": 9},
    }
    try:
        whole = await asyncio.to_thread(client.converse, **asked)
        assert whole["usage"] == CONVERSED["usage"]
        last = upstream.received[-1]
        assert last.path == "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
        assert "condt_" not in str(last)
        url = f"{upstream.url}{last.path}"
        assert is_signed("POST", url, last.headers, last.body, AWS_SECRET)
        stream = await asyncio.to_thread(client.converse_stream, **asked)
        events = await asyncio.to_thread(list, stream["stream"])
        assert events[-1]["metadata"]["usage"] == CONVERSED["usage"]
        record = await suite.call(
            "GET",
            f"/api/requests/{stream['ResponseMetadata']['HTTPHeaders']['x-conduit-request-id']}",
        )
        assert record["inputTokens"] == 11
    finally:
        client.close()
