"""Providers of many dialects at one address, each of which answers as its wire cases were recorded.

A caller's words choose the case: `Case: tools` is answered as `<type>/chat/tools` was, or as
`<type>/chat/stream_tools` where the request is for a stream; words without a case as `plain` was.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import orjson
from tests.support.sdk_oracle import Json, given, words
from tests.support.suite import Suite
from tests.support.wire_cases import case_named

# A dialect each, but for Azure, Groq, DeepSeek and OpenRouter, which have turns of their own.
KINDS = (
    "OpenAICompatible",
    "AzureOpenAI",
    "Anthropic",
    "Bedrock",
    "Gemini",
    "VertexAI",
    "Cohere",
    "Mistral",
    "Ollama",
    "Groq",
    "DeepSeek",
    "OpenRouter",
)
CASES = ("plain", "tools", "reasoning")
_MARK = b"Case: "


class Heard(NamedTuple):
    """What a client read of an answer."""

    text: str
    thoughts: str
    # Names with their arguments, as JSON that is written in one way.
    calls: tuple[tuple[str, bytes], ...]


class RecordedProviders(ThreadingHTTPServer):
    """All kinds, each below a path of its own; keeps the kinds and cases that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """Where they are."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: RecordedProviders

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        is_stream = "stream" in self.path.rpartition("/")[2] or orjson.loads(body).get("stream")
        _, marked, told = body.rpartition(_MARK)
        case = told.split(b".")[0].decode() if marked else "plain"
        case = case_name(self.path.split("/")[1], case, is_stream=bool(is_stream))
        self.server.asked.append(case)
        answer = case_named(case).answer
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


@contextmanager
def recorded_providers() -> Iterator[RecordedProviders]:
    """Run them."""
    server = RecordedProviders()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def add_kinds(suite: Suite, address: str, prefix: str = "") -> None:
    """Add an instance of each kind, and an alias for each model that its cases name."""
    for kind in KINDS:
        fields = {
            "name": f"{prefix}{kind}",
            "providerType": kind,
            "baseUrl": f"{address}/{kind}",
            "settings": case_named(case_name(kind, "plain")).settings,
        }
        made = await suite.call("POST", "/api/providers", fields)
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "any"})
        for case in CASES:
            mapping = {
                "modelAlias": alias(kind, case, prefix),
                "providerId": made["id"],
                "actualModelName": case_named(case_name(kind, case)).model,
            }
            await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()


def alias(kind: str, case: str, prefix: str = "") -> str:
    """Return the alias of the model that answers as a case."""
    return f"{prefix}{kind}-{case}"


def prompt(case: str) -> str:
    """Return words that are answered as a case was."""
    return f"{_MARK.decode()}{case}."


def case_name(kind: str, case: str, *, is_stream: bool = False) -> str:
    """Return the name of the wire case."""
    owner = "OpenAI" if kind == "OpenAICompatible" else kind
    return f"{owner}/chat/{streamed(case) if is_stream else case}"


def streamed(case: str) -> str:
    """Return the case that is the same as a stream."""
    return "stream" if case == "plain" else f"stream_{case}"


def recorded(kind: str, case: str, *, is_stream: bool) -> Heard:
    """Return what a wire case says that a caller of chats gets."""
    result = given(case_name(kind, case, is_stream=is_stream))
    events = result["events"] if is_stream else [result["answer"]]
    part = "delta" if is_stream else "message"
    return heard([choice for event in events for choice in event["choices"]], part)


def heard(choices: list[Json], part: str) -> Heard:
    """Return what choices of a chat say, think and call."""
    text, thought, _ = words(choices, part)
    calls: dict[int, list[str]] = {}
    for choice in choices:
        for place, call in enumerate((choice.get(part) or {}).get("tool_calls") or ()):
            known = calls.setdefault(call.get("index", place), ["", ""])
            known[0] += call["function"].get("name") or ""
            known[1] += call["function"].get("arguments") or ""
    return Heard(text, thought, tuple((name, arranged(args)) for name, args in calls.values()))


def arranged(arguments: str | Json) -> bytes:
    """Return arguments as JSON that is written in one way."""
    read = orjson.loads(arguments) if isinstance(arguments, str) else arguments
    return orjson.dumps(read, option=orjson.OPT_SORT_KEYS)
