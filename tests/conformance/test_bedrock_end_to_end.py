"""A chat with Bedrock through the whole suite: signed, framed, counted."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import orjson
import pytest
from tests.support.signatures import is_signed
from tests.support.suite import Suite
from tests.support.wire_cases import case_named

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SECRET = "end-to-end-secret"
KEY = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": SECRET}


class Bedrock(ThreadingHTTPServer):
    """Answers signed requests with the answers of the wire cases, and refuses all others."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Bedrock)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = f"http://{headers['host']}{self.path}"
        case = "stream_with_usage" if self.path.endswith("-stream") else "plain"
        if not is_signed("POST", url, headers, body, SECRET):
            case = "error_403"
        answer = case_named(f"Bedrock/chat/{case}").answer
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


@pytest.fixture
def bedrock() -> Iterator[Bedrock]:
    """Run a Bedrock of our own."""
    server = Bedrock()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def add(suite: Suite, bedrock: Bedrock, alias: str, key: dict[str, Any]) -> None:
    """Add an instance with a key and a mapping."""
    provider = {"name": alias, "providerType": "Amazon Bedrock", "baseUrl": bedrock.address}
    made = await suite.call(
        "POST", "/api/providers", provider | {"settings": {"region": "us-east-1"}}
    )
    credential = {"apiKey": orjson.dumps(key).decode()}
    await suite.call("POST", f"/api/providers/{made['id']}/keys", credential)
    mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": MODEL}
    await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()


def request(alias: str, *, stream: bool = False) -> dict[str, Any]:
    """Return a plain chat."""
    asked = {"model": alias, "messages": [{"role": "user", "content": "Hello!"}], "stream": stream}
    return asked | ({"stream_options": {"include_usage": True}} if stream else {})


@pytest.mark.asyncio(loop_scope="module")
async def test_chat_is_signed_and_read(suite: Suite, bedrock: Bedrock) -> None:
    """Whole and streamed, Bedrock takes the signature and the caller gets OpenAI's shape."""
    await add(suite, bedrock, "claude", KEY)
    async with suite.caller() as caller:
        whole = await caller.post("/v1/chat/completions", json=request("claude"))
        streamed = await caller.post("/v1/chat/completions", json=request("claude", stream=True))
    assert whole.status_code == httpx.codes.OK, whole.text
    words = whole.json()["choices"][0]["message"]["content"]
    events = [line[6:] for line in streamed.text.splitlines() if line.startswith("data: ")]
    assert events.pop() == "[DONE]"
    chunks = [orjson.loads(event) for event in events]
    assert words == "".join(c["delta"].get("content", "") for e in chunks for c in e["choices"])
    assert chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] == 1024


@pytest.mark.asyncio(loop_scope="module")
async def test_wrong_secret_is_told_without_quoting_it(suite: Suite, bedrock: Bedrock) -> None:
    """A signature that Bedrock refuses is an invalid key."""
    await add(suite, bedrock, "wrong", KEY | {"secretAccessKey": "canary-of-the-wrong-secret"})
    async with suite.caller() as caller:
        answer = await caller.post("/v1/chat/completions", json=request("wrong"))
    assert answer.status_code == httpx.codes.BAD_GATEWAY
    assert answer.json()["error"]["code"] == "provider_key_rejected"
    assert "canary" not in answer.text
