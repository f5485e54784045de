"""Gemini CLI itself, unchanged and offline, at the bridge; `make gemini-cli` installs it.

The provider behind Conduit speaks OpenAI's chats, or Google's own generateContent, and does as a
script says: it calls a tool of the client's, reads what came of it, and answers.
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("CONDUIT_GEMINI_CLI") or ROOT / "build" / "gemini-cli")
CLI = FOLDER / "node_modules" / ".bin" / "gemini"
SECONDS = 120.0
SECRET = "the-secret-is-4711"
TOOL = "read_file"
SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    "privacy": {"usageStatisticsEnabled": False},
}
Json = dict[str, Any]


class Provider(ThreadingHTTPServer):
    """Has a file read once, and then says what was in it; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, Json]] = []

    def events(self, path: str, body: Json) -> list[Json]:
        """Return the events of an answer."""
        is_google = "GenerateContent" in path
        said = f"It says {SECRET}." if SECRET in str(body) else None
        tool = None if said else _reading_tool(body["tools"], is_google=is_google)
        return _content(said, tool) if is_google else _chat(said, tool)


def _reading_tool(tools: list[Json], *, is_google: bool) -> tuple[str, Json]:
    """Return the client's tool that reads a file, and its arguments."""
    if is_google:
        functions = [each for tool in tools for each in tool["functionDeclarations"]]
    else:
        functions = [tool["function"] for tool in tools]
    found = next(each for each in functions if each["name"] == TOOL)
    schema = found.get("parametersJsonSchema") or found["parameters"]
    return TOOL, dict.fromkeys(schema["required"], "note.txt")


def _content(said: str | None, tool: tuple[str, Json] | None) -> list[Json]:
    if tool is not None:
        parts: list[Json] = [{"functionCall": {"name": tool[0], "args": tool[1]}}]
    else:
        parts = [{"text": said}]
    usage = {"promptTokenCount": 1200, "candidatesTokenCount": 9, "totalTokenCount": 1209}
    content = {"role": "model", "parts": parts}
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    return [{"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"}]


def _chat(said: str | None, tool: tuple[str, Json] | None) -> list[Json]:
    if tool is not None:
        name, arguments = tool[0], orjson.dumps(tool[1]).decode()
        first: Json = {"index": 0, "id": "call_1", "type": "function"}
        first |= {"function": {"name": name, "arguments": ""}}
        deltas: list[Json] = [{"role": "assistant", "tool_calls": [first]}]
        deltas += [
            {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
            for piece in (arguments[:5], arguments[5:])
        ]
    else:
        text = said or ""
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in (text[:4], text[4:])]
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt"}
    choices: list[Json] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop" if said else "tool_calls"})
    usage = {"prompt_tokens": 1200, "completion_tokens": 9, "total_tokens": 1209}
    return [{**head, "choices": [c]} for c in choices] + [{**head, "choices": [], "usage": usage}]


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in self.server.events(self.path, body):
            self.wfile.write(b"data: %b\n\n" % orjson.dumps(event))
        if "GenerateContent" not in self.path:
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


@contextmanager
def provider() -> Iterator[Provider]:
    """Run a provider."""
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def run(suite: Suite, home: Path, model: str) -> tuple[int, str, str]:
    """Run it with a home of its own; return its exit code, what it said, and what beside."""
    folder = home / ".gemini"
    folder.mkdir()
    (folder / "settings.json").write_bytes(orjson.dumps(SETTINGS))
    process = await asyncio.create_subprocess_exec(
        *(str(CLI), "--model", model, "--yolo", "--output-format", "json"),
        *("--prompt", "What does note.txt say?"),
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GEMINI_API_KEY": suite.virtual_key,
            "GOOGLE_GEMINI_BASE_URL": suite.url,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, beside = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode(), beside.decode()


@pytest.mark.parametrize("kind", ["OpenAICompatible", "Gemini"])
async def test_gemini_cli_reads_a_file_and_says_what_is_in_it(
    suite: Suite, tmp_path: Path, kind: str
) -> None:
    """It streams, runs a tool that the model asks for, sends what came of it, and answers."""
    if not CLI.exists():
        pytest.skip("`make gemini-cli` installs it")
    (tmp_path / "note.txt").write_text(SECRET)
    alias = f"cli-by-{kind.lower()}"
    with provider() as upstream:
        address = f"http://127.0.0.1:{upstream.server_port}{'' if kind == 'Gemini' else '/v1'}"
        fields = {"name": alias, "providerType": kind, "baseUrl": address}
        made = await suite.call("POST", "/api/providers", fields)
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "any"})
        mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": "actual"}
        await suite.call("POST", "/api/model-provider-mappings", mapping)
        await suite.settled()
        code, said, beside = await run(suite, tmp_path, alias)
    assert code == 0, (said, beside)
    assert orjson.loads(said)["response"] == f"It says {SECRET}."
    results = [body for _, body in upstream.asked if SECRET in str(body)]
    assert results, upstream.asked
    if kind == "Gemini":
        paths = [path for path, _ in upstream.asked]
        assert all(p.endswith("/models/actual:streamGenerateContent?alt=sse") for p in paths), paths
    else:
        assert {body["model"] for _, body in upstream.asked} == {"actual"}
