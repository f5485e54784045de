"""A server that keeps what Google's SDKs send, and what to compare of it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import orjson

MEANINGFUL = {"content-type", "authorization", "x-goog-api-key"}
Json = dict[str, Any]


class Sent(NamedTuple):
    """A request, as far as it means something."""

    method: str
    path: str
    headers: dict[str, str]
    body: object


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


@contextmanager
def recording() -> Iterator[Recorder]:
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
