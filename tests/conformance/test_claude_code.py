"""Claude Code itself, unchanged and offline, at the bridge; `make claude-code` installs it.

The provider behind Conduit is of another dialect than Anthropic's, or of Anthropic's own, and does
as a script says: it calls a tool, reads what came of it, and answers.
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
FOLDER = Path(os.environ.get("CONDUIT_CLAUDE_CODE") or ROOT / "build" / "claude-code")
CLI = FOLDER / "node_modules" / ".bin" / "claude"
SECONDS = 120.0
SECRET = "the-secret-is-4711"
Json = dict[str, Any]


class Provider(ThreadingHTTPServer):
    """Calls `Read` once for a file, and then says what was in it; keeps what it was asked."""

    daemon_threads = True

    def __init__(self, file: Path, *, is_anthropic: bool, argument: str = "file_path") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file = file
        # Which of the tool's says where the file is.
        self.argument = argument
        self.is_anthropic = is_anthropic
        self.asked: list[tuple[dict[str, str], Json]] = []

    def events(self, body: Json) -> list[Json]:
        """Return the events of an answer."""
        return self._anthropic(body) if self.is_anthropic else self._openai(body)

    def _said(self, body: Json) -> str | None:
        """Return what there is to say; None where the tool must be called first."""
        if not any("Read" in str(tool) for tool in body.get("tools") or ()):
            return "A title"
        return f"It says {SECRET}." if SECRET in str(body["messages"]) else None

    def _openai(self, body: Json) -> list[Json]:
        said = self._said(body)
        if said is None:
            function = {"name": "Read", "arguments": ""}
            first: Json = {"index": 0, "id": "call_1", "type": "function", "function": function}
            arguments = orjson.dumps({self.argument: str(self.file)}).decode()
            pieces = [arguments[:5], arguments[5:]]
            deltas: list[Json] = [{"role": "assistant", "tool_calls": [first]}]
            deltas += [
                {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces
            ]
            finish = "tool_calls"
        else:
            deltas = [{"role": "assistant", "content": ""}]
            deltas += [{"content": piece} for piece in (said[:4], said[4:])]
            finish = "stop"
        head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt"}
        choices: list[Json] = [
            {"index": 0, "delta": delta, "finish_reason": None} for delta in deltas
        ]
        choices.append({"index": 0, "delta": {}, "finish_reason": finish})
        usage = {"prompt_tokens": 1200, "completion_tokens": 9, "total_tokens": 1209}
        return [{**head, "choices": [c]} for c in choices] + [
            {**head, "choices": [], "usage": usage}
        ]

    def _anthropic(self, body: Json) -> list[Json]:
        said = self._said(body)
        usage = {"input_tokens": 1200, "output_tokens": 1}
        message: Json = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
        message |= {"model": body["model"], "stop_reason": None, "usage": usage}
        if said is None:
            block: Json = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {}}
            text = orjson.dumps({self.argument: str(self.file)}).decode()
            delta = {"type": "input_json_delta", "partial_json": text}
        else:
            block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": said}
        reason = {"stop_reason": "end_turn" if said else "tool_use", "stop_sequence": None}
        return [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": reason, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(({n.lower(): v for n, v in self.headers.items()}, body))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in self.server.events(body):
            name = b"event: %b\n" % event["type"].encode() if "type" in event else b""
            self.wfile.write(b"%bdata: %b\n\n" % (name, orjson.dumps(event)))
        if not self.server.is_anthropic:
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # as its base has it
        """Say nothing."""


@contextmanager
def running(server: Provider) -> Iterator[Provider]:
    """Run a provider."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def run(suite: Suite, home: Path, model: str, *arguments: str) -> tuple[int, str]:
    """Run Claude Code with a home of its own; return its exit code and what it said."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ANTHROPIC_BASE_URL": suite.url,
        "ANTHROPIC_AUTH_TOKEN": suite.virtual_key,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(str(CLI), "-p", "--model", model, *arguments),
        cwd=home,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode()


@pytest.mark.parametrize("kind", ["OpenAICompatible", "Anthropic"])
async def test_claude_code_reads_a_file_and_says_what_is_in_it(
    suite: Suite, tmp_path: Path, kind: str
) -> None:
    """It streams, calls its own tool, sends the result, and prints the answer with its cost."""
    if not CLI.exists():
        pytest.skip("`make claude-code` installs it")
    file, alias = tmp_path / "note.txt", f"claude-by-{kind.lower()}"
    file.write_text(SECRET)
    with running(Provider(file, is_anthropic=kind == "Anthropic")) as upstream:
        address = f"http://127.0.0.1:{upstream.server_port}"
        fields = {"name": alias, "providerType": kind, "baseUrl": address}
        made = await suite.call("POST", "/api/providers", fields)
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "any"})
        mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": "actual"}
        await suite.call("POST", "/api/model-provider-mappings", mapping)
        await suite.settled()
        asked = ("--output-format", "json", "--allowedTools", "Read")
        code, said = await run(suite, tmp_path, alias, "What does note.txt say?", *asked)
        assert code == 0, said
        result = orjson.loads(said)
        assert result["result"] == f"It says {SECRET}."
        assert not result["is_error"]
        assert result["usage"]["input_tokens"] > 0
        bodies = [body for _, body in upstream.asked]
        assert {body["model"] for body in bodies} == {"actual"}
        if kind == "Anthropic":
            headers = upstream.asked[-1][0]
            assert headers["anthropic-beta"]
            assert "x-anthropic-billing-header" in str(bodies[-1]["system"])
        else:
            assert "x-anthropic-billing-header" not in str(bodies)
