"""Google's newest SDK as oracle, of requests and of answers.

The SDK talks to a local server that keeps what it receives; the codec's request for the same call
must be the same in method, path, meaningful headers and body. The answers of the wire cases are
read by the SDK's own types.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
import pytest
from google import genai
from google.auth.credentials import Credentials
from google.genai import types

from conduit.v1.provider_pb2 import Provider
from conduit_providers.auth import HeaderSigner, signer_for
from conduit_providers.calls import Call, chat_request, embedding_request
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import chat_codec, embed_codec, models_codec
from conduit_providers.target import Target

WIRE = Path(__file__).parents[2] / "wire"
CATALOG = load_catalog()
KEY = "AIza-oracle"
TOKEN = "ya29-oracle"
MEANINGFUL = {"content-type", "authorization", "x-goog-api-key"}
SETTINGS = {"project": "acme-prod", "location": "us-central1"}
PNG = b"\x89PNG\r\n\x1a\n"
PNG_BASE64 = "iVBORw0KGgo="
SEAL = "CpcHAdHtim9YLbtq0Fv3Iw=="
SCHEMA = {"type": "object", "properties": {"city_name": {"type": "string"}}}
PLATFORMS = ["Gemini", "VertexAI"]
Json = dict[str, Any]


class Sent(NamedTuple):
    """A request, as far as it means something."""

    method: str
    path: str
    headers: dict[str, str]
    body: object


class FixedToken(Credentials):
    """Credentials that have a token already."""

    def __init__(self) -> None:
        super().__init__()
        self.token = TOKEN

    def refresh(self, request: object) -> None:
        """Have it still."""


class Recorder(ThreadingHTTPServer):
    """Keeps what it receives and gives the same answer to all."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Sent] = []

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Recorder)
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {k.lower(): v for k, v in self.headers.items() if k.lower() in MEANINGFUL}
        body = canonical(orjson.loads(raw)) if raw else None
        if not raw:
            headers.pop("content-type", None)
        self.server.received.append(Sent(self.command, self.path, headers, body))
        answer = b'{"candidates": [{"content": {"parts": [{"text": "Hi"}]}}], "models": []}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815 # http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Run a recorder."""
    server = Recorder()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


# Values with names of the caller's own, which stay as they are.
OPAQUE = {"args", "response", "parametersJsonSchema", "responseJsonSchema"}
_SNAKE = re.compile(r"_([a-z0-9])")


def canonical(value: object) -> object:
    """Spell names the JSON way of protobuf, and bytes in its usual alphabet; both ways are taken.

    https://protobuf.dev/programming-guides/json/
    """
    if isinstance(value, list):
        return [canonical(each) for each in value]
    if not isinstance(value, dict):
        return value
    found: Json = {}
    for name, each in value.items():
        spelled = _SNAKE.sub(lambda match: match[1].upper(), name)
        found[spelled] = each if spelled in OPAQUE else canonical(each)
        if spelled in {"data", "thoughtSignature"} and isinstance(each, str):
            found[spelled] = each.replace("-", "+").replace("_", "/")
    if not found.get("generationConfig", True):
        # The SDK sends an empty one where it has nothing to say.
        del found["generationConfig"]
    return found


def client(platform: str, address: str) -> genai.Client:
    """Return the SDK, pointed at an address."""
    if platform == "Gemini":
        return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=address))
    options = types.HttpOptions(base_url=address, api_version="v1")
    return genai.Client(vertexai=True, credentials=FixedToken(), http_options=options, **SETTINGS)


def target_of(platform: str) -> Target:
    """Return an instance of a type."""
    provider = Provider(name="P", provider_type=platform)
    if platform == "VertexAI":
        provider.settings.update(SETTINGS)
    return CATALOG.target(provider)


def we_send(platform: str, operation: str, request: Json) -> Sent:
    """Return what the codec of a type sends for a request, signed."""
    spec, target = CATALOG.find(platform), target_of(platform)
    endpoint = spec.endpoints[operation]
    model, raw = request.get("model", ""), orjson.dumps({**request, "model": "my-alias"})
    if operation == "chat":
        stream = bool(request.get("stream"))
        chat = Call(chat_request(json=raw), alias="my-alias", model=model, stream=stream)
        sent = chat_codec(endpoint.codec).to_upstream(chat, endpoint, target)
    elif operation == "embed":
        embed = Call(embedding_request(json=raw), alias="my-alias", model=model)
        sent = embed_codec(endpoint.codec).to_upstream(embed, endpoint, target)
    else:
        sent = models_codec(endpoint.codec).to_upstream(endpoint, target)
    bearer = HeaderSigner((("authorization", f"Bearer {TOKEN}"),))
    signer = signer_for(spec.auth, KEY, target) if platform == "Gemini" else bearer
    signed = signer.sign(sent)
    headers = {name: value for name, value in signed.headers if name in MEANINGFUL}
    body = canonical(orjson.loads(signed.body)) if signed.body else None
    return Sent(signed.method, signed.path, headers, body)


def user(*parts: types.Part) -> types.Content:
    """Return a turn of the user."""
    return types.Content(role="user", parts=list(parts))


def model(*parts: types.Part) -> types.Content:
    """Return a turn of the model."""
    return types.Content(role="model", parts=list(parts))


def text(words: str, *, thought: bool | None = None) -> types.Part:
    """Return a part with words."""
    return types.Part(text=words, thought=thought)


def declared(*names: str) -> list[types.Tool]:
    """Return functions with our schema."""
    functions = [
        types.FunctionDeclaration(name=name, description="Does", parameters_json_schema=SCHEMA)
        for name in names
    ]
    return [types.Tool(function_declarations=functions)]


def tools(*names: str) -> list[Json]:
    """Return the same, as OpenAI has them."""
    function = {"description": "Does", "parameters": SCHEMA}
    return [{"type": "function", "function": {"name": name, **function}} for name in names]


def choosing(mode: str, *names: str) -> types.ToolConfig:
    """Return whether and which functions must be called."""
    return types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(
            mode=types.FunctionCallingConfigMode(mode), allowed_function_names=list(names) or None
        )
    )


class Same(NamedTuple):
    """The same chat, as OpenAI and as the SDK say it."""

    openai: Json
    contents: list[types.Content]
    config: Mapping[str, Any] = MappingProxyType({})
    model: str = "gemini-3.5-flash"


HELLO = {"messages": [{"role": "user", "content": "Hello!"}]}
HELLO_SDK = [user(text("Hello!"))]
CALLED = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"city_name": "Paris"}'},
    "extra_content": {"google": {"thought_signature": SEAL}},
}
CALLED_SDK = types.Part.model_validate(
    {
        "function_call": {"id": "c1", "name": "f", "args": {"city_name": "Paris"}},
        "thought_signature": SEAL,
    }
)
CHATS = {
    "plain": Same(HELLO, HELLO_SDK),
    "stream": Same(HELLO | {"stream": True}, HELLO_SDK),
    "system": Same(
        {"messages": [{"role": "system", "content": "Be brief."}, *HELLO["messages"]]},
        HELLO_SDK,
        {"system_instruction": types.Content(parts=[text("Be brief.")])},
    ),
    "multi_turn": Same(
        {
            "messages": [
                *HELLO["messages"],
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": "Bye."},
            ]
        },
        [*HELLO_SDK, model(text("Hi.")), user(text("Bye."))],
    ),
    "image": Same(
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is it?"},
                        {
                            "type": "image_url",
                            "image_url": {"url": f"data:image/png;base64,{PNG_BASE64}"},
                        },
                        {"type": "image_url", "image_url": {"url": "gs://bucket/cat.jpg"}},
                    ],
                }
            ]
        },
        [
            user(
                text("What is it?"),
                types.Part.from_bytes(data=PNG, mime_type="image/png"),
                types.Part.from_uri(file_uri="gs://bucket/cat.jpg", mime_type="image/jpeg"),
            )
        ],
    ),
    "tools": Same(HELLO | {"tools": tools("f", "g")}, HELLO_SDK, {"tools": declared("f", "g")}),
    "tool_choice_none": Same(
        HELLO | {"tools": tools("f"), "tool_choice": "none"},
        HELLO_SDK,
        {"tools": declared("f"), "tool_config": choosing("NONE")},
    ),
    "tool_choice_required": Same(
        HELLO | {"tools": tools("f"), "tool_choice": "required"},
        HELLO_SDK,
        {"tools": declared("f"), "tool_config": choosing("ANY")},
    ),
    "tool_choice_function": Same(
        HELLO
        | {"tools": tools("f"), "tool_choice": {"type": "function", "function": {"name": "f"}}},
        HELLO_SDK,
        {"tools": declared("f"), "tool_config": choosing("ANY", "f")},
    ),
    "tool_result": Same(
        {
            "messages": [
                *HELLO["messages"],
                {"role": "assistant", "content": None, "tool_calls": [CALLED]},
                {"role": "tool", "tool_call_id": "c1", "content": '{"degrees_c": 15}'},
            ],
            "tools": tools("f"),
        },
        [
            *HELLO_SDK,
            model(CALLED_SDK),
            user(
                types.Part(
                    function_response=types.FunctionResponse(
                        id="c1", name="f", response={"degrees_c": 15}
                    )
                )
            ),
        ],
        {"tools": declared("f")},
    ),
    "structured_output": Same(
        HELLO
        | {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "city", "schema": SCHEMA},
            }
        },
        HELLO_SDK,
        {"response_mime_type": "application/json", "response_json_schema": SCHEMA},
    ),
    "json_object": Same(
        HELLO | {"response_format": {"type": "json_object"}},
        HELLO_SDK,
        {"response_mime_type": "application/json"},
    ),
    "parameters": Same(
        HELLO
        | {
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "max_completion_tokens": 100,
            "n": 2,
            "stop": ["END"],
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "logprobs": True,
            "top_logprobs": 3,
            "service_tier": "flex",
            "cached_content": "cachedContents/x",
        },
        HELLO_SDK,
        {
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "max_output_tokens": 100,
            "candidate_count": 2,
            "stop_sequences": ["END"],
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "response_logprobs": True,
            "logprobs": 3,
            "service_tier": types.ServiceTier.FLEX,
            "cached_content": "cachedContents/x",
        },
    ),
    "thinking_level": Same(
        HELLO | {"reasoning_effort": "high"},
        HELLO_SDK,
        {
            "thinking_config": types.ThinkingConfig(
                include_thoughts=True, thinking_level=types.ThinkingLevel.HIGH
            )
        },
    ),
    "thinking_budget": Same(
        HELLO | {"reasoning_effort": "medium"},
        HELLO_SDK,
        {"thinking_config": types.ThinkingConfig(include_thoughts=True, thinking_budget=8192)},
        model="gemini-2.5-flash",
    ),
    "thoughts_next_turn": Same(
        {
            "messages": [
                *HELLO["messages"],
                {
                    "role": "assistant",
                    "content": "Hi.",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "Hm.", "format": "google-gemini-v1"},
                        {
                            "type": "reasoning.encrypted",
                            "data": SEAL,
                            "format": "google-gemini-v1",
                            "index": 1,
                        },
                    ],
                },
                {"role": "user", "content": "Bye."},
            ]
        },
        [
            *HELLO_SDK,
            model(
                text("Hm.", thought=True),
                types.Part.model_validate({"text": "Hi.", "thought_signature": SEAL}),
            ),
            user(text("Bye.")),
        ],
    ),
}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", CHATS)
def test_chat_is_what_the_sdk_sends(recorder: Recorder, platform: str, name: str) -> None:
    """The SDK and the codec send the same request for the same chat."""
    same = CHATS[name]
    config = dict(same.config)
    if platform == "VertexAI" and "cached_content" in config:
        # The SDK completes the name with the project.
        whole = "projects/acme-prod/locations/us-central1/cachedContents/x"
        same = same._replace(openai=same.openai | {"cached_content": whole})
    with client(platform, recorder.address) as sdk:
        settings = types.GenerateContentConfig(**config) if config else None
        if same.openai.get("stream"):
            list(
                sdk.models.generate_content_stream(
                    model=same.model, contents=list(same.contents), config=settings
                )
            )
        else:
            sdk.models.generate_content(
                model=same.model, contents=list(same.contents), config=settings
            )
    assert recorder.received == [we_send(platform, "chat", same.openai | {"model": same.model})]


EMBEDS = [
    ("Gemini", "gemini-embedding-001", ["one"]),
    ("Gemini", "gemini-embedding-001", ["one", "two"]),
    ("VertexAI", "text-embedding-005", ["one", "two"]),
    ("VertexAI", "gemini-embedding-001", ["one"]),
    ("VertexAI", "gemini-embedding-001", ["one", "two"]),
]


@pytest.mark.parametrize(("platform", "name", "texts"), EMBEDS)
def test_embedding_is_what_the_sdk_sends(
    recorder: Recorder, platform: str, name: str, texts: list[str]
) -> None:
    """The SDK and the codec choose the same method and send the same texts."""
    with client(platform, recorder.address) as sdk:
        sdk.models.embed_content(
            model=name,
            contents=list(texts),
            config=types.EmbedContentConfig(output_dimensionality=8, task_type="RETRIEVAL_QUERY"),
        )
    request = {"model": name, "input": texts, "dimensions": 8, "input_type": "search_query"}
    assert recorder.received == [we_send(platform, "embed", request)]


@pytest.mark.parametrize(
    ("platform", "size", "version"), [("Gemini", 1000, "v1"), ("VertexAI", 100, "v1beta1")]
)
def test_model_list_is_what_the_sdk_asks_for(
    recorder: Recorder, platform: str, size: int, version: str
) -> None:
    """The SDK and the codec ask for the same list, by the version that the SDK takes by itself."""
    options = types.HttpOptions(base_url=recorder.address)
    by_token = {"vertexai": True, "credentials": FixedToken(), **SETTINGS}
    how: Json = {"api_key": KEY} if platform == "Gemini" else by_token
    with genai.Client(http_options=options, **how) as sdk:
        list(sdk.models.list(config={"page_size": size}))
    assert recorder.received == [we_send(platform, "models", {})]
    assert recorder.received[0].path.startswith(f"/{version}/")


def body_of(case: Path) -> bytes:
    """Return the body that a wire case receives."""
    return (case / "received.http").read_bytes().partition(b"\n\n")[2]


def cases(member: str) -> list[Path]:
    """Return the wire cases of Gemini whose results have a member and are no error."""
    found = []
    for file in sorted(WIRE.glob("*/chat/*/result.json")):
        case, result = file.parent, orjson.loads(file.read_bytes())
        is_ours = case.parent.parent.name in PLATFORMS and not case.name.startswith("claude")
        if is_ours and member in result and "error" not in result:
            found.append(case)
    return found


def texts_of(response: types.GenerateContentResponse) -> list[str]:
    """Return the words of each candidate, without thoughts."""
    return [
        "".join(part.text or "" for part in (c.content.parts or []) if not part.thought)
        if c.content
        else ""
        for c in response.candidates or []
    ]


@pytest.mark.parametrize(
    "case", cases("answer"), ids=lambda case: f"{case.parents[1].name}-{case.name}"
)
def test_sdk_reads_the_answers_as_we_do(case: Path) -> None:
    """The answers of the wire cases are Google's: its own types take them, and find the same."""
    response = types.GenerateContentResponse.model_validate(orjson.loads(body_of(case)))
    answer = orjson.loads((case / "result.json").read_bytes())["answer"]
    assert texts_of(response) == [c["message"]["content"] or "" for c in answer["choices"]]
    calls = [call.name for call in response.function_calls or []]
    ours = answer["choices"][0]["message"].get("tool_calls", [])
    assert calls == [call["function"]["name"] for call in ours]
    metadata = response.usage_metadata
    assert metadata is not None
    assert metadata.total_token_count == answer["usage"]["total_tokens"]


@pytest.mark.parametrize(
    "case", cases("events"), ids=lambda case: f"{case.parents[1].name}-{case.name}"
)
def test_sdk_reads_the_streams_as_we_do(case: Path) -> None:
    """The events of the wire cases are Google's: its own types take them, and find the same."""
    lines = [line for line in body_of(case).splitlines() if line.startswith(b"data:")]
    responses = [
        types.GenerateContentResponse.model_validate(json.loads(line[5:])) for line in lines
    ]
    events = orjson.loads((case / "result.json").read_bytes())["events"]
    ours = [choice["delta"].get("content") or "" for e in events for choice in e["choices"]]
    assert "".join(words for each in responses for words in texts_of(each)) == "".join(ours)
