"""A vendor's SDK as an oracle: what it sends, we send; what a wire case received, it reads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import orjson
from tests.support.operations import form_of
from tests.support.wire_cases import case_named

from conduit.v1.provider_pb2 import Provider
from conduit_providers.auth import signer_for
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

SECRET = "sk-oracle-0123456789"
CATALOG = load_catalog()
MEANINGFUL = ("authorization", "api-key", "content-type")
Json = dict[str, Any]

WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
CALLED: Json = {
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
ASK: Json = {"role": "user", "content": "w?"}
RESULT: Json = {"role": "tool", "tool_call_id": "call_1", "content": "rain"}
# What a caller asks, in OpenAI's words, and takes the same words everywhere.
CHATS: dict[str, Json] = {
    "plain": {"messages": [{"role": "user", "content": "Grüße"}]},
    "system": {
        "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["x"],
        "max_tokens": 9,
    },
    "image": {
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}
        ]
    },
    "tools": {"messages": [ASK], "tools": [WEATHER], "tool_choice": "required"},
    "tool_result": {"messages": [ASK, CALLED, RESULT], "tools": [WEATHER]},
    "structured": {
        "messages": [{"role": "user", "content": "n?"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "n",
                "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
                "strict": True,
            },
        },
    },
}
# Cases whose answers every SDK is to read.
WHOLE = ("plain", "tools", "reasoning", "max_length", "structured_output")
STREAMED = ("stream", "stream_tools", "stream_reasoning", "stream_max_length")


class Sent(NamedTuple):
    """A request, as far as it means something."""

    method: str
    path: str
    headers: dict[str, str]
    body: object


class Upstream(ThreadingHTTPServer):
    """Keeps each request, and answers all as a wire case's provider did."""

    daemon_threads = True

    def __init__(self, case: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Sent] = []
        self.become(case)

    def become(self, case: str) -> None:
        """Answer as another case's provider did."""
        received = case_named(case).received
        self.status, self.body = received.status, received.body
        # The SDKs would wait.
        self.headers = [
            (n, v) for n, v in received.headers.items() if n not in {"date", "retry-after"}
        ]

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        found = {n: self.headers[n] for n in MEANINGFUL if n in self.headers}
        if not raw:
            # The SDKs name the type of a body that they do not send.
            found.pop("content-type", None)
        body = orjson.loads(raw) if raw else None
        self.server.received.append(Sent(self.command, self.path, found, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


@contextmanager
def upstream(case: str) -> Iterator[Upstream]:
    """Run an upstream that answers as `<type>/<operation>/<case>` did."""
    server = Upstream(case)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def we_send(
    kind: str,
    operation: str,
    request: Json,
    *,
    prefix: str = "",
    address: str = "http://127.0.0.1",
    settings: Json | None = None,
) -> Sent:
    """Return what the codec of a type sends for a request to an address that ends in `prefix`."""
    spec = CATALOG.find(kind)
    provider = Provider(name="P", provider_type=kind, base_url=address + prefix)
    provider.settings.update(settings or {})
    target = CATALOG.target(provider)
    sent = signer_for(spec.auth, SECRET, target).sign(_unsigned(kind, operation, request, target))
    found = {name: value for name, value in sent.headers if name in MEANINGFUL}
    path = target.base_url.removeprefix(address) + sent.path
    return Sent(sent.method, path, found, orjson.loads(sent.body) if sent.body else None)


def _unsigned(kind: str, operation: str, request: Json, target: Target) -> HttpRequest:
    endpoint = CATALOG.find(kind).endpoints[operation]
    raw = orjson.dumps({**request, "model": "my-alias"})
    model, stream = request.get("model", ""), bool(request.get("stream"))
    codec, of = codec_named(endpoint.codec), (endpoint, target)
    if operation == "models":
        listed: HttpRequest = codec.to_upstream(*of)
        return listed
    call = Call(form_of(operation, raw), alias="my-alias", model=model, stream=stream)
    made: HttpRequest = codec.to_upstream(call, *of)
    return made


def given(case: str) -> Json:
    """Return what the caller gets in a case."""
    return case_named(case).result


def words(choices: list[Json], part: str) -> tuple[str, str, str | None]:
    """Return what choices say and think, and the last reason to stop; `part` is where."""
    text = thought = ""
    finish: str | None = None
    for choice in choices:
        said = choice.get(part) or {}
        text += said.get("content") or ""
        thought += said.get("reasoning_content") or said.get("reasoning") or ""
        finish = choice.get("finish_reason") or finish
    return text, thought, finish


def calls(choices: list[Json], part: str) -> str:
    """Return the names and arguments of all tool calls, put together."""
    found = (choice.get(part) or {} for choice in choices)
    functions = [c.get("function") or {} for said in found for c in said.get("tool_calls") or []]
    return "".join((f.get("name") or "") + (f.get("arguments") or "") for f in functions)


def expected(case: str) -> tuple[tuple[str, str, str | None], str]:
    """Return what a case says and calls, as `read` returns it."""
    result = given(case)
    if "answer" in result:
        return read(result["answer"]["choices"], "message")
    return read([c for event in result["events"] for c in event["choices"]], "delta")


def read(choices: list[Json], part: str) -> tuple[tuple[str, str, str | None], str]:
    """Return what choices say and call."""
    return words(choices, part), calls(choices, part)
