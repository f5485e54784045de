"""The newest official SDKs as oracles of requests: what they send, we send.

An SDK talks to a local server that keeps what it receives; the codec's request for the same call
must be the same in method, path, meaningful headers and body.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anthropic
import openai
import orjson
import pytest
from tests.support.operations import form_of

from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.provider_pb2 import Provider
from conduit_providers.auth import signer_for
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.wire import HttpRequest

SECRET = "sk-oracle-0123456789"
CATALOG = load_catalog()
MEANINGFUL = {
    "content-type",
    "authorization",
    "x-api-key",
    "api-key",
    "anthropic-version",
    "openai-organization",
    "openai-project",
}
Json = dict[str, Any]


KEY = KeyCredential(organization="org-1", project="proj_1")


class Received(NamedTuple):
    """A request, as far as it means something."""

    method: str
    path: str
    headers: dict[str, str]
    body: object


class Recorder:
    """A server that keeps each request and answers `{}` to all."""

    def __init__(self) -> None:
        self.received: list[Received] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = first.split(" ")
        meaningful = {k: v for k, v in headers.items() if k in MEANINGFUL}
        if not body:
            # The SDKs name the type of a body that they do not send.
            meaningful.pop("content-type", None)
        self.received.append(
            Received(method, path, meaningful, orjson.loads(body) if body else None)
        )
        start = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        writer.write(start + b"content-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[Recorder, str]]:
    """Run a recorder; yield it and its address."""
    recorder = Recorder()
    server = await asyncio.start_server(recorder, "127.0.0.1", 0)
    async with server:
        yield recorder, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def sdk_sends(act: Callable[[str], Awaitable[object]]) -> Received:
    """Return what an SDK sends when it acts on an address."""
    async with recording() as (recorder, address):
        async with asyncio.timeout(20):
            await act(address)
        return recorder.received[0]


def we_send(
    kind: str,
    operation: str,
    request: Json,
    *,
    path: str = "",
    key: KeyCredential | None = None,
    settings: Json | None = None,
) -> Received:
    """Return what the codec of a type sends for a request, with `path` before its path."""
    spec = CATALOG.find(kind)
    endpoint = spec.endpoints[operation]
    provider = Provider(name="P", provider_type=kind, base_url="http://127.0.0.1")
    provider.settings.update(settings or {})
    target = CATALOG.target(provider, key)
    raw = orjson.dumps({**request, "model": "my-alias"})
    model, stream = request.get("model", ""), bool(request.get("stream"))
    if operation == "models":
        sent = codec_named(endpoint.codec).to_upstream(endpoint, target)
    else:
        form = form_of(operation, raw)
        call = Call(form, alias="my-alias", model=model, stream=stream)
        sent = codec_named(endpoint.codec).to_upstream(call, endpoint, target)
    return meaning_of(signer_for(spec.auth, SECRET, target).sign(sent), path)


def meaning_of(sent: HttpRequest, path: str) -> Received:
    """Return our request as the recorder would have kept it."""
    headers = {name: value for name, value in sent.headers if name in MEANINGFUL}
    body = orjson.loads(sent.body) if sent.body else None
    return Received(sent.method, path + sent.path, headers, body)


WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
ASSISTANT: Json = {
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
SCHEMA: Json = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "additionalProperties": False,
}
OPENAI_CHATS: dict[str, Json] = {
    "plain": {"messages": [{"role": "user", "content": "Grüße"}]},
    "limits": {
        "messages": [{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}],
        "max_completion_tokens": 9,
        "temperature": 0.5,
        "stop": ["x"],
        "seed": 1,
        "logit_bias": {"1": 2},
        "reasoning_effort": "low",
        "metadata": {"model": "m"},
    },
    "image": {
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}
        ]
    },
    "tools": {
        "messages": [{"role": "user", "content": "w?"}],
        "tools": [WEATHER],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    },
    "tool_result": {
        "messages": [
            {"role": "user", "content": "w?"},
            ASSISTANT,
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ],
        "tools": [WEATHER],
    },
    "structured": {
        "messages": [{"role": "user", "content": "n?"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
        },
    },
    "stream": {
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    },
}


@pytest.mark.parametrize("name", OPENAI_CHATS)
async def test_openai_chat_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """Method, path, key, organization, project and body are the OpenAI SDK's."""
    request = {"model": "gpt-4o", **OPENAI_CHATS[name]}

    async def act(address: str) -> object:
        async with openai.AsyncOpenAI(
            api_key=SECRET, base_url=f"{address}/v1", organization="org-1", project="proj_1"
        ) as client:
            return await client.chat.completions.create(**request)

    sent = we_send("OpenAI", "chat", request, path="/v1", key=KEY)
    assert sent == await sdk_sends(act)


@pytest.mark.parametrize("name", OPENAI_CHATS)
async def test_azure_chat_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """The deployment's path, the version of the API and the key's header are the Azure SDK's."""
    request = {"model": "my-deployment", **OPENAI_CHATS[name]}

    async def act(address: str) -> object:
        async with openai.AsyncAzureOpenAI(
            api_key=SECRET, azure_endpoint=address, api_version="2024-10-21"
        ) as client:
            return await client.chat.completions.create(**request)

    sent = we_send("AzureOpenAI", "chat", request, settings={"apiVersion": "2024-10-21"})
    assert sent == await sdk_sends(act)


@pytest.mark.parametrize("extra", [{}, {"dimensions": 4}, {"encoding_format": "base64"}])
async def test_openai_embedding_is_sent_as_the_sdk_sends_it(extra: Json) -> None:
    """Texts, dimensions and encoding are the OpenAI SDK's."""
    request: Json = {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "encoding_format": "float",
    }
    request |= extra

    async def act(address: str) -> object:
        async with openai.AsyncOpenAI(api_key=SECRET, base_url=f"{address}/v1") as client:
            return await client.embeddings.with_raw_response.create(**request)

    assert we_send("OpenAI", "embed", request, path="/v1") == await sdk_sends(act)


async def test_openai_model_list_is_asked_for_as_the_sdk_asks() -> None:
    """The probe is the OpenAI SDK's request."""

    async def act(address: str) -> object:
        async with openai.AsyncOpenAI(api_key=SECRET, base_url=f"{address}/v1") as client:
            return await client.models.with_raw_response.list()

    assert we_send("OpenAI", "models", {}, path="/v1") == await sdk_sends(act)


async def test_anthropic_model_list_is_asked_for_as_the_sdk_asks() -> None:
    """The probe is the Anthropic SDK's request."""

    async def act(address: str) -> object:
        async with anthropic.AsyncAnthropic(api_key=SECRET, base_url=address) as client:
            return await client.models.with_raw_response.list(limit=1000)

    assert we_send("Anthropic", "models", {}) == await sdk_sends(act)


# OpenAI's request, and the same for Anthropic's SDK.
ANTHROPIC_CHATS: dict[str, tuple[Json, Json]] = {
    "plain": (
        {"messages": [{"role": "user", "content": "Hi"}]},
        {"max_tokens": 16384, "messages": [{"role": "user", "content": "Hi"}]},
    ),
    "system": (
        {
            "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
            "max_tokens": 9,
            "stop": "x",
            "user": "u",
        },
        {
            "system": "a",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "b"}],
            "stop_sequences": ["x"],
            "metadata": {"user_id": "u"},
        },
    ),
    "image": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}
            ],
            "max_tokens": 9,
        },
        {
            "max_tokens": 9,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {
                                "type": "base64",
                                "media_type": "image/png",
                                "data": "iVBORw0KGgo=",
                            },
                        }
                    ],
                }
            ],
        },
    ),
    "tools": (
        {**OPENAI_CHATS["tool_result"], "parallel_tool_calls": False, "max_tokens": 9},
        {
            "max_tokens": 9,
            "messages": [
                {"role": "user", "content": "w?"},
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool_use",
                            "id": "call_1",
                            "name": "get_weather",
                            "input": {"city": "Bonn"},
                        }
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"}
                    ],
                },
            ],
            "tools": [
                {
                    "name": "get_weather",
                    "description": "Get the weather",
                    "input_schema": WEATHER["function"]["parameters"],
                }
            ],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        },
    ),
    "structured": (
        {**OPENAI_CHATS["structured"], "reasoning_effort": "high", "max_tokens": 9},
        {
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "n?"}],
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {
                "effort": "high",
                # Where the name of the schema goes is ours to say.
                "format": {"type": "json_schema", "schema": {"title": "n", **SCHEMA}},
            },
        },
    ),
    "own_tools": (
        {
            "messages": [{"role": "user", "content": "Who won?"}],
            "tools": [
                {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
                WEATHER,
            ],
            "max_tokens": 9,
        },
        {
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "Who won?"}],
            "tools": [
                {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
                {
                    "name": "get_weather",
                    "description": "Get the weather",
                    "input_schema": WEATHER["function"]["parameters"],
                },
            ],
        },
    ),
    "web_search": (
        {
            "messages": [{"role": "user", "content": "Who won?"}],
            "web_search_options": {
                "user_location": {"type": "approximate", "approximate": {"country": "DE"}}
            },
        },
        {
            "max_tokens": 16384,
            "messages": [{"role": "user", "content": "Who won?"}],
            "tools": [
                {
                    "type": "web_search_20250305",
                    "name": "web_search",
                    "user_location": {"type": "approximate", "country": "DE"},
                }
            ],
        },
    ),
    "cited_document": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "file",
                            "file": {
                                "filename": "Grass",
                                "file_data": "data:text/plain;base64,R3JlZW4=",
                                "citations": {"enabled": True},
                            },
                        }
                    ],
                }
            ],
            "max_tokens": 9,
        },
        {
            "max_tokens": 9,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "title": "Grass",
                            "source": {"type": "text", "media_type": "text/plain", "data": "Green"},
                            "citations": {"enabled": True},
                        }
                    ],
                }
            ],
        },
    ),
    "stream": (
        {"messages": [{"role": "user", "content": "Hi"}], "stream": True},
        {
            "max_tokens": 16384,
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
        },
    ),
}


@pytest.mark.parametrize("name", ANTHROPIC_CHATS)
async def test_anthropic_chat_is_sent_as_the_sdk_sends_it(name: str) -> None:
    """An OpenAI-shaped chat becomes what the Anthropic SDK sends for the same in its own words."""
    asked, native = ANTHROPIC_CHATS[name]

    async def act(address: str) -> object:
        async with anthropic.AsyncAnthropic(api_key=SECRET, base_url=address) as client:
            return await client.messages.create(model="claude-opus-5", **native)

    sent = we_send("Anthropic", "chat", {"model": "claude-opus-5", **asked})
    assert sent == await sdk_sends(act)
