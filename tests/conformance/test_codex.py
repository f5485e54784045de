"""Codex itself, unchanged and offline, at the bridge; `make codex` installs it.

The provider behind Conduit speaks OpenAI's chats, or its Responses, and does as a script says: it
calls a tool of Codex's, reads what came of it, and answers.
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
FOLDER = Path(os.environ.get("CONDUIT_CODEX") or ROOT / "build" / "codex")
CLI = FOLDER / "node_modules" / ".bin" / "codex"
SECONDS = 120.0
SECRET = "the-secret-is-4711"
Json = dict[str, Any]


class Provider(ThreadingHTTPServer):
    """Has a file read once, and then says what was in it; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, Json]] = []

    def events(self, path: str, body: Json) -> list[Json]:
        """Return the events of an answer."""
        said = (
            f"It says {SECRET}." if SECRET in str(body.get("messages") or body["input"]) else None
        )
        tool = None if said else _command_tool(body["tools"])
        return _response(said, tool) if path.endswith("/responses") else _chat(said, tool)


def _command_tool(tools: list[Json]) -> tuple[str, str]:
    """Return the tool of Codex's that runs a command, and arguments that read the file."""
    for tool in tools:
        function = tool.get("function") or tool
        properties = (function.get("parameters") or {}).get("properties") or {}
        if "cmd" in properties:
            return function["name"], orjson.dumps({"cmd": "cat note.txt"}).decode()
        if "command" in properties:
            is_list = properties["command"].get("type") == "array"
            command: object = ["cat", "note.txt"] if is_list else "cat note.txt"
            return function["name"], orjson.dumps({"command": command}).decode()
    raise AssertionError([tool.get("name") for tool in tools])


def _chat(said: str | None, tool: tuple[str, str] | None) -> list[Json]:
    if tool is not None:
        name, arguments = tool
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


def _response(said: str | None, tool: tuple[str, str] | None) -> list[Json]:
    response: Json = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt"}
    response |= {"status": "in_progress", "output": []}
    item: Json
    if tool is not None:
        name, arguments = tool
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed"}
        item |= {"name": name, "arguments": arguments}
    else:
        part: Json = {"type": "output_text", "text": said, "annotations": []}
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
        item |= {"content": [part]}
    usage = {"input_tokens": 1200, "output_tokens": 9, "total_tokens": 1209}
    done = {**response, "status": "completed", "output": [item], "usage": usage}
    events: list[Json] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    ]
    return [{**event, "sequence_number": at} for at, event in enumerate(events)]


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in self.server.events(self.path, body):
            name = b"event: %b\n" % event["type"].encode() if "type" in event else b""
            self.wfile.write(b"%bdata: %b\n\n" % (name, orjson.dumps(event)))
        if not self.path.endswith("/responses"):
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


async def run(suite: Suite, home: Path, model: str, *, has_sockets: bool) -> tuple[int, str, str]:
    """Run Codex with a home of its own; return its exit code, what it said, and what beside."""
    settings = (
        f'model = "{model}"\nmodel_provider = "conduit"\n'
        "[model_providers.conduit]\n"
        'name = "Conduit"\nwire_api = "responses"\nenv_key = "CONDUIT_KEY"\n'
        f'base_url = "{suite.url}/v1"\nrequest_max_retries = 0\nstream_max_retries = 0\n'
        f"supports_websockets = {str(has_sockets).lower()}\n"
    )
    folder = home / ".codex"
    folder.mkdir()
    (folder / "config.toml").write_text(settings)
    process = await asyncio.create_subprocess_exec(
        *(str(CLI), "exec", "--skip-git-repo-check", "--json"),
        *("--dangerously-bypass-approvals-and-sandbox", "What does note.txt say?"),
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "CODEX_HOME": str(folder),
            "CONDUIT_KEY": suite.virtual_key,
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


async def sockets_held(suite: Suite) -> float:
    """Return how many connections for responses were held by now."""
    async with suite.caller() as caller:
        metrics = (await caller.get("/metrics")).text
    held = [line for line in metrics.splitlines() if '"/v1/responses"' in line and '"GET"' in line]
    return sum(float(line.split()[-1]) for line in held if "requests_total" in line)


@pytest.mark.parametrize("has_sockets", [False, True], ids=["events", "sockets"])
@pytest.mark.parametrize("kind", ["OpenAICompatible", "OpenAI"])
async def test_codex_reads_a_file_and_says_what_is_in_it(
    suite: Suite,
    tmp_path: Path,
    kind: str,
    has_sockets: bool,  # noqa: FBT001 # a case
) -> None:
    """It streams, runs a command that the model asks for, sends what came of it, and answers."""
    if not CLI.exists():
        pytest.skip("`make codex` installs it")
    (tmp_path / "note.txt").write_text(SECRET)
    alias = f"codex-by-{kind.lower()}-{'sockets' if has_sockets else 'events'}"
    with provider() as upstream:
        address = f"http://127.0.0.1:{upstream.server_port}/v1"
        fields = {"name": alias, "providerType": kind, "baseUrl": address}
        made = await suite.call("POST", "/api/providers", fields)
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "any"})
        mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": "actual"}
        await suite.call("POST", "/api/model-provider-mappings", mapping)
        await suite.settled()
        before = await sockets_held(suite)
        code, said, beside = await run(suite, tmp_path, alias, has_sockets=has_sockets)
    assert code == 0, (said, beside)
    events = [orjson.loads(line) for line in said.splitlines()]
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    assert [i["text"] for i in items if i["type"] == "agent_message"] == [f"It says {SECRET}."]
    assert any(SECRET in i["aggregated_output"] for i in items if i["type"] == "command_execution")
    usage = next(event["usage"] for event in events if event["type"] == "turn.completed")
    assert usage["input_tokens"] == 2400
    paths = {path for path, _ in upstream.asked}
    assert paths == {"/v1/responses" if kind == "OpenAI" else "/v1/chat/completions"}
    assert {body["model"] for _, body in upstream.asked} == {"actual"}
    assert (await sockets_held(suite) > before) == has_sockets
