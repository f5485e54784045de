"""AWS's newest SDK as oracle, of requests, signatures, answers and streams.

The SDK talks to a local server that keeps what it receives and answers what it is told; the codec's
request for the same call must be the same in method, path, meaningful headers and body.
"""

import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import boto3
import orjson
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from msgspec.structs import replace
from tests.support.operations import form_of
from tests.support.signatures import is_signed
from tests.support.wire_cases import WireCase, case_named, cases

from conduit.v1.provider_pb2 import Provider
from conduit_providers.auth import signer_for
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.operations.embed import embedding_request, split_embedding
from conduit_providers.wire import HttpRequest

CATALOG = load_catalog()
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "session-token-example"
KEY = {"accessKeyId": KEY_ID, "secretAccessKey": SECRET, "sessionToken": TOKEN}
# What both sides must say; `host` is checked by the signature.
MEANINGFUL = {"content-type", "x-amz-security-token"}
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{MODEL}"
NOVA = "us.amazon.nova-2-lite-v1:0"
OLD = "anthropic.claude-3-5-sonnet-20240620-v1:0"
PNG = b"\x89PNG\r\n\x1a\n"
PNG_BASE64 = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FRAMES = "application/vnd.amazon.eventstream"
Json = dict[str, Any]


class Received(NamedTuple):
    """A request as it came over the wire; names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def meaning(self) -> tuple[str, str, dict[str, str], object]:
        """What both sides must agree on."""
        told = {name: value for name, value in self.headers.items() if name in MEANINGFUL}
        return self.method, self.path, told, orjson.loads(self.body) if self.body else None


class Recorder(ThreadingHTTPServer):
    """Keeps what it receives and gives the same answer to all."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.status = 200
        self.headers = {"content-type": "application/json"}
        self.answer = orjson.dumps(
            {
                "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
                "metrics": {"latencyMs": 1},
            }
        )

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def play(self, case: WireCase) -> None:
        """Answer as in a wire case."""
        answer = case.answer
        self.status, self.headers, self.answer = answer.status, answer.headers, answer.body


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Recorder)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Received(self.command, self.path, headers, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_GET = do_POST  # noqa: N815 # http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Run a recorder, with nothing of this machine's own for the SDK to find."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
    server = Recorder()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def runtime(recorder: Recorder) -> Iterator[Any]:
    """Return the SDK for calls of models, pointed at the recorder."""
    yield from sdk("bedrock-runtime", recorder)


@pytest.fixture
def control(recorder: Recorder) -> Iterator[Any]:
    """Return the SDK for lists of models, pointed at the recorder."""
    yield from sdk("bedrock", recorder)


def sdk(service: str, recorder: Recorder) -> Iterator[Any]:
    """Return a client of the SDK that tries once."""
    client: Any = boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=recorder.address,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        aws_session_token=TOKEN,
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def we_send(operation: str, request: Json, address: str) -> Received:
    """Return what we send for an OpenAI-shaped call whose model is the provider's."""
    spec = CATALOG.find("Bedrock")
    provider = Provider(name="Prod", provider_type=spec.name, base_url=address)
    provider.settings.update({"region": "us-east-1"})
    endpoint, target = spec.endpoints[operation], CATALOG.target(provider)
    raw, model = orjson.dumps(request), request.get("model", "")
    sent: HttpRequest
    if operation == "models":
        sent = codec_named(endpoint.codec).to_upstream(endpoint, target)
        sent = replace(sent, path=request.get("path", sent.path))
    else:
        form, stream = form_of(operation, raw), bool(request.get("stream"))
        call = Call(form, alias=model, model=model, stream=stream)
        sent = codec_named(endpoint.codec).to_upstream(call, endpoint, target)
    signed = signer_for(spec.auth, orjson.dumps(KEY).decode(), target).sign(sent)
    headers = dict(signed.headers)
    assert is_signed(signed.method, address + signed.path, headers, signed.body, SECRET)
    return Received(signed.method, signed.path, headers, signed.body)


class Same(NamedTuple):
    """The same chat, as OpenAI and as the SDK say it."""

    openai: Json
    boto: Json
    model: str = MODEL


def user(*blocks: Json) -> list[Json]:
    """Return a conversation of one turn, as the SDK has it."""
    return [{"role": "user", "content": list(blocks)}]


def said(*parts: Json) -> list[Json]:
    """Return a conversation of one turn, as OpenAI has it."""
    return [{"role": "user", "content": list(parts)}]


HELLO: Json = {"messages": [{"role": "user", "content": "Hello!"}]}
HELLO_BOTO: Json = {"messages": user({"text": "Hello!"})}
TOOL = {"type": "function", "function": {"name": "f", "description": "Does", "parameters": SCHEMA}}
TOOL_BOTO = {"toolSpec": {"name": "f", "description": "Does", "inputSchema": {"json": SCHEMA}}}
CALLED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"city":"Rom"}'}}
IMAGE_BOTO = {"image": {"format": "png", "source": {"bytes": PNG}}}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG_BASE64}"}}
REPORT = {"filename": "R.pdf", "file_data": f"data:application/pdf;base64,{PNG_BASE64}"}
REPORT_BOTO = {"format": "pdf", "name": "R", "source": {"bytes": PNG}}
SUM_UP: Json = {"type": "text", "text": "Sum up."}
OF_MARCH: Json = {"citations": {"enabled": True}, "context": "Of March."}
CLOSED = '{"type":"object","properties":{"city":{"type":"string"}},"additionalProperties":false}'
CHATS = {
    "plain": Same(HELLO, HELLO_BOTO),
    "arn": Same(HELLO, HELLO_BOTO, ARN),
    "stream": Same(HELLO | {"stream": True}, HELLO_BOTO),
    "system": Same(
        {"messages": [{"role": "system", "content": "Be brief."}, *HELLO["messages"]]},
        HELLO_BOTO | {"system": [{"text": "Be brief."}]},
    ),
    "multi_turn": Same(
        {
            "messages": [
                *HELLO["messages"],
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": "Bye."},
            ]
        },
        {
            "messages": [
                *HELLO_BOTO["messages"],
                {"role": "assistant", "content": [{"text": "Hi."}]},
                *user({"text": "Bye."}),
            ]
        },
    ),
    "media": Same(
        {
            "messages": said(
                {"type": "text", "text": "What is it?"},
                IMAGE,
                {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{PNG_BASE64}"}},
                {"type": "input_audio", "input_audio": {"data": PNG_BASE64, "format": "wav"}},
                {
                    "type": "file",
                    "file": {
                        "filename": "Report.pdf",
                        "file_data": f"data:application/pdf;base64,{PNG_BASE64}",
                    },
                },
                {"type": "image_url", "image_url": {"url": "s3://my-bucket/cat.jpg"}},
            )
        },
        {
            "messages": user(
                {"text": "What is it?"},
                IMAGE_BOTO,
                {"video": {"format": "mp4", "source": {"bytes": PNG}}},
                {"audio": {"format": "wav", "source": {"bytes": PNG}}},
                {"document": {"format": "pdf", "name": "Report", "source": {"bytes": PNG}}},
                {
                    "image": {
                        "format": "jpeg",
                        "source": {"s3Location": {"uri": "s3://my-bucket/cat.jpg"}},
                    }
                },
            )
        },
        NOVA,
    ),
    "citations": Same(
        {"messages": said(SUM_UP, {"type": "file", "file": {**REPORT, **OF_MARCH}})},
        {"messages": user({"text": "Sum up."}, {"document": {**REPORT_BOTO, **OF_MARCH}})},
    ),
    "tools": Same(
        HELLO | {"tools": [TOOL], "tool_choice": "required"},
        HELLO_BOTO | {"toolConfig": {"tools": [TOOL_BOTO], "toolChoice": {"any": {}}}},
    ),
    "tool_choice": Same(
        HELLO | {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
        HELLO_BOTO | {"toolConfig": {"tools": [TOOL_BOTO], "toolChoice": {"tool": {"name": "f"}}}},
    ),
    "tool_result": Same(
        {
            "messages": [
                *HELLO["messages"],
                {"role": "assistant", "content": None, "tool_calls": [CALLED]},
                {
                    "role": "tool",
                    "tool_call_id": "c1",
                    "content": [{"type": "text", "text": "15"}, IMAGE],
                },
            ],
            "tools": [TOOL],
        },
        {
            "messages": [
                *HELLO_BOTO["messages"],
                {
                    "role": "assistant",
                    "content": [
                        {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"city": "Rom"}}}
                    ],
                },
                *user({"toolResult": {"toolUseId": "c1", "content": [{"text": "15"}, IMAGE_BOTO]}}),
            ],
            "toolConfig": {"tools": [TOOL_BOTO]},
        },
    ),
    "structured_output": Same(
        HELLO
        | {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "city", "description": "A city", "schema": SCHEMA},
            }
        },
        HELLO_BOTO
        | {
            "outputConfig": {
                "textFormat": {
                    "type": "json_schema",
                    "structure": {
                        "jsonSchema": {
                            "schema": CLOSED,
                            "name": "city",
                            "description": "A city",
                        }
                    },
                }
            }
        },
    ),
    "parameters": Same(
        HELLO
        | {
            "temperature": 0.5,
            "top_p": 0.9,
            "max_tokens": 100,
            "stop": ["END"],
            "service_tier": "flex",
            "metadata": {"team": "blue"},
            "guardrailConfig": {"guardrailIdentifier": "gr1", "guardrailVersion": "1"},
        },
        HELLO_BOTO
        | {
            "inferenceConfig": {
                "temperature": 0.5,
                "topP": 0.9,
                "maxTokens": 100,
                "stopSequences": ["END"],
            },
            "serviceTier": {"type": "flex"},
            "requestMetadata": {"team": "blue"},
            "guardrailConfig": {"guardrailIdentifier": "gr1", "guardrailVersion": "1"},
        },
        NOVA,
    ),
    "reasoning_budget": Same(
        HELLO | {"reasoning_effort": "medium", "max_tokens": 8000},
        HELLO_BOTO
        | {
            "inferenceConfig": {"maxTokens": 8000},
            "additionalModelRequestFields": {
                "thinking": {"type": "enabled", "budget_tokens": 4000}
            },
        },
    ),
    "reasoning_effort": Same(
        HELLO | {"reasoning_effort": "high"},
        HELLO_BOTO
        | {
            "additionalModelRequestFields": {
                "thinking": {"type": "adaptive", "display": "summarized"}
            },
            "outputConfig": {"effort": "high"},
        },
        "us.anthropic.claude-opus-4-7",
    ),
    "reasoning_next_turn": Same(
        {
            "messages": [
                *HELLO["messages"],
                {
                    "role": "assistant",
                    "content": "Hi.",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "index": 0},
                        {"type": "reasoning.encrypted", "data": PNG_BASE64, "index": 1},
                    ],
                },
                {"role": "user", "content": "Bye."},
            ]
        },
        {
            "messages": [
                *HELLO_BOTO["messages"],
                {
                    "role": "assistant",
                    "content": [
                        {
                            "reasoningContent": {
                                "reasoningText": {"text": "Hm.", "signature": "c2ln"}
                            }
                        },
                        {"reasoningContent": {"redactedContent": PNG}},
                        {"text": "Hi."},
                    ],
                },
                *user({"text": "Bye."}),
            ]
        },
    ),
    "prompt_cache": Same(
        {
            "messages": said(
                {
                    "type": "text",
                    "text": "Long.",
                    "cache_control": {"type": "ephemeral", "ttl": "1h"},
                }
            )
        },
        {"messages": user({"text": "Long."}, {"cachePoint": {"type": "default", "ttl": "1h"}})},
    ),
}


@pytest.mark.parametrize("name", CHATS)
def test_chat_is_what_the_sdk_sends(recorder: Recorder, runtime: Any, name: str) -> None:  # noqa: ANN401 # untyped
    """The SDK and the codec send the same request for the same chat, each rightly signed."""
    same = CHATS[name]
    if same.openai.get("stream"):
        recorder.play(case_named("Bedrock/chat/stream"))
        list(runtime.converse_stream(modelId=same.model, **same.boto)["stream"])
    else:
        runtime.converse(modelId=same.model, **same.boto)
    (theirs,) = recorder.received
    ours = we_send("chat", same.openai | {"model": same.model}, recorder.address)
    assert ours.meaning == theirs.meaning
    url = recorder.address + theirs.path
    assert is_signed(theirs.method, url, theirs.headers, theirs.body, SECRET)
    scope = ours.headers["authorization"].split(",")[0].split("/", 2)[2]
    assert theirs.headers["authorization"].split(",")[0].split("/", 2)[2] == scope


INVOCATIONS: list[tuple[str, str, Json, Json]] = [
    (
        "embed",
        "amazon.titan-embed-text-v2:0",
        {"input": "one", "dimensions": 256, "normalize": True},
        {"inputText": "one", "dimensions": 256, "normalize": True},
    ),
    (
        "embed",
        "cohere.embed-english-v3",
        {"input": ["one", "two"], "input_type": "search_query", "truncate": "END"},
        {
            "texts": ["one", "two"],
            "input_type": "search_query",
            "truncate": "END",
            "embedding_types": ["float"],
        },
    ),
    (
        "image",
        "stability.stable-image-core-v1:1",
        {"prompt": "a hat", "size": "1792x1024", "seed": 7},
        {"prompt": "a hat", "aspect_ratio": "16:9", "seed": 7, "output_format": "png"},
    ),
    (
        "image_edit",
        "us.stability.stable-image-style-guide-v1:0",
        {"prompt": "a hat", "images": [{"image_url": "data:image/png;base64,UE5H"}]},
        {"prompt": "a hat", "output_format": "png", "image": "UE5H"},
    ),
    (
        "image",
        "amazon.nova-canvas-v2:0",
        {"prompt": "a hat"},
        {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a hat"}},
    ),
]


@pytest.mark.parametrize(("operation", "model", "request_", "body"), INVOCATIONS)
def test_invocation_is_what_the_sdk_sends(
    recorder: Recorder,
    runtime: Any,  # noqa: ANN401 # untyped
    operation: str,
    model: str,
    request_: Json,
    body: Json,
) -> None:
    """The SDK and the codec invoke the same model with the same body."""
    runtime.invoke_model(modelId=model, body=orjson.dumps(body), contentType="application/json")
    ours = we_send(operation, request_ | {"model": model}, recorder.address)
    assert [theirs.meaning for theirs in recorder.received] == [ours.meaning]


def test_several_texts_are_what_the_sdk_sends_one_by_one(
    recorder: Recorder,
    runtime: Any,  # noqa: ANN401 # untyped
) -> None:
    """Titan takes one text in a request: the parts of our call are the SDK's calls."""
    model, texts = "amazon.titan-embed-text-v2:0", ["one", "two", "three"]
    for text in texts:
        body = orjson.dumps({"inputText": text, "dimensions": 256})
        runtime.invoke_model(modelId=model, body=body, contentType="application/json")
    raw = orjson.dumps({"model": model, "input": texts, "dimensions": 256})
    whole = Call(embedding_request(json=raw), alias=model, model=model)
    parts = split_embedding(whole, CATALOG.find("Bedrock").endpoints["embed"])
    ours = [we_send("embed", orjson.loads(each.request.json), recorder.address) for each in parts]
    assert [theirs.meaning for theirs in recorder.received] == [each.meaning for each in ours]


def test_model_lists_are_what_the_sdk_asks_for(
    recorder: Recorder,
    control: Any,  # noqa: ANN401 # untyped
) -> None:
    """The SDK and the codec ask for the same lists; the SDK reads the recorded ones as we do."""
    recorder.play(case_named("Bedrock/models/plain"))
    models = control.list_foundation_models()["modelSummaries"]
    first = we_send("models", {}, recorder.address)
    recorder.play(case_named("Bedrock/models/profiles"))
    profiles = control.list_inference_profiles(maxResults=1000)
    path = case_named("Bedrock/models/plain").result["nextPath"]
    second = we_send("models", {"path": path}, recorder.address)
    assert [each.meaning for each in recorder.received] == [first.meaning, second.meaning]
    callable_ids = [m["modelId"] for m in models if "ON_DEMAND" in m["inferenceTypesSupported"]]
    assert callable_ids == case_named("Bedrock/models/plain").result["models"]
    ids = [p["inferenceProfileId"] for p in profiles["inferenceProfileSummaries"]]
    assert ids == case_named("Bedrock/models/profiles").result["models"]


def chats(member: str) -> list[WireCase]:
    """Return the chats of the wire cases whose results have a member."""
    found = [case for case in cases("Bedrock/chat/*") if member in case.result]
    return [case for case in found if member == "error" or "error" not in case.result]


@pytest.mark.parametrize("case", chats("answer"), ids=lambda case: case.name)
def test_sdk_reads_the_answers_as_we_do(
    recorder: Recorder,
    runtime: Any,  # noqa: ANN401 # untyped
    case: WireCase,
) -> None:
    """The answers of the wire cases are AWS's: its SDK finds the same words, calls and counts."""
    recorder.play(case)
    answer = runtime.converse(modelId=MODEL, **HELLO_BOTO)
    ours = case.result["answer"]
    message = ours["choices"][0]["message"]
    blocks = answer["output"]["message"]["content"]
    inputs = [block["toolUse"]["input"] for block in blocks if "toolUse" in block]
    if "by_tool" in case.name and not message.get("tool_calls"):
        assert orjson.loads(message["content"]) == inputs[0]
    else:
        cited = [c for b in blocks for c in b.get("citationsContent", {}).get("content", ())]
        words = "".join(block.get("text", "") for block in [*blocks, *cited])
        assert words == (message["content"] or "")
    assert answer["usage"]["outputTokens"] == ours["usage"]["completion_tokens"]
    assert answer["ResponseMetadata"]["RequestId"] == ours["id"]


@pytest.mark.parametrize("case", chats("events"), ids=lambda case: case.name)
def test_sdk_reads_the_streams_as_we_do(
    recorder: Recorder,
    runtime: Any,  # noqa: ANN401 # untyped
    case: WireCase,
) -> None:
    """The frames of the wire cases are AWS's: its SDK finds the same words in them."""
    recorder.play(case)
    stream = runtime.converse_stream(modelId=MODEL, **HELLO_BOTO)["stream"]
    deltas = [
        event["contentBlockDelta"]["delta"] for event in stream if "contentBlockDelta" in event
    ]
    pieces = [delta.get("text", "") for delta in deltas]
    if "by_tool" in case.name:
        pieces = [delta["toolUse"]["input"] for delta in deltas]
    ours = [c["delta"].get("content") or "" for e in case.result["events"] for c in e["choices"]]
    assert "".join(pieces) == "".join(ours)


# A model that failed to answer is no error to the SDK.
ERRORS = [
    case
    for case in chats("error")
    if "upstream_code" in case.result["error"]["metadata"] and "malformed" not in case.name
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.name)
def test_sdk_reads_the_errors_as_we_do(
    recorder: Recorder,
    runtime: Any,  # noqa: ANN401 # untyped
    case: WireCase,
) -> None:
    """The SDK finds the same code as we do, whole and in streams."""
    recorder.play(case)
    with pytest.raises(ClientError) as raised:  # noqa: PT012 # one of the two
        if recorder.headers["content-type"] == FRAMES:
            list(runtime.converse_stream(modelId=MODEL, **HELLO_BOTO)["stream"])
        else:
            runtime.converse(modelId=MODEL, **HELLO_BOTO)
    error: Mapping[str, Any] = raised.value.response["Error"]
    assert error["Code"] == case.result["error"]["metadata"]["upstream_code"]
