"""Servers that answer as each provider does, from the recorded cases."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from tests.integration.matrix.parts import Json, Received, Sent
from tests.support.signatures import is_signed
from tests.support.wire_cases import SECRET, WireCase

from conduit_kernel.http import Exchange, HttpServer
from conduit_providers.spec import ProviderSpec

MEDIA = "/media/"
# The strategy whose proof differs from call to call, and so is recomputed.
SIGNATURES = "aws_sigv4"
ACCESS_KEY = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": SECRET}
PIECE_BYTES = 97
_STREAMS = re.compile("stream|ndjson")
# By method and path.
Script = dict[tuple[str, str], Received]


@dataclass
class Upstream:
    """A provider that answers one case at a time, and whatever is asked otherwise with 404."""

    spec: ProviderSpec
    origin: str = ""
    seen: list[Sent] = field(default_factory=list[Sent])
    _script: Script = field(default_factory=dict[tuple[str, str], Received])
    _media: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])

    def play(self, script: Script) -> None:
        """Answer by a script from now on, and forget what was seen."""
        self._script = script
        self.seen = []

    def host_media(self, case: WireCase) -> Json:
        """Return the call's request with the fetched media at addresses of this server."""
        text = orjson.dumps(case.request).decode()
        if self.inlines_media:
            for url, medium in case.fetched.items():
                self._media.append(medium)
                text = text.replace(url, f"{self.origin}{MEDIA}{len(self._media) - 1}")
        return dict(orjson.loads(text))

    @property
    def signs(self) -> bool:
        """Whether requests are signed rather than sent with the key."""
        return self.spec.auth.kind == SIGNATURES

    @property
    def key(self) -> str:
        """Return the key that the provider hands out; that of the recorded cases if it can be."""
        return orjson.dumps(ACCESS_KEY).decode() if self.signs else SECRET

    @property
    def inlines_media(self) -> bool:
        """Whether the type is sent what is behind URLs."""
        return self.spec.endpoints["chat"].inline_media

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        path = exchange.path + (f"?{exchange.query}" if exchange.query else "")
        if path.startswith(MEDIA):
            kind, content = self._media[int(path.removeprefix(MEDIA))]
            exchange.respond(200, [(b"content-type", kind.encode())], content)
            return
        headers = {k.decode().lower(): v.decode() for k, v in exchange.headers.items()}
        body = orjson.loads(exchange.body) if exchange.body else None
        received = self._script.get((exchange.method, path))
        # Health looks at the list of models whenever it likes, which is nothing to a chat.
        if received is not None or exchange.method != "GET":
            self.seen.append(Sent(exchange.method, path, headers, body))
        if self.signs and not is_signed(
            exchange.method, self.origin + path, headers, exchange.body, SECRET
        ):
            exchange.respond(403, [], b"This is not signed")
            return
        if received is None:
            exchange.respond(404, [], f"No case asks for {exchange.method} {path}".encode())
            return
        await _answer(exchange, self._localized(received))

    def _localized(self, received: Received) -> Received:
        """Return an answer whose own addresses are here."""
        origins = getattr(self.spec.endpoints["chat"].options, "origins", ())
        body = received.body
        for origin in (_origin(self.spec.base_url), *origins):
            if origin:
                body = body.replace(origin.encode(), self.origin.encode())
        return replace(received, body=body)


async def _answer(exchange: Exchange, received: Received) -> None:
    fields = [(name.encode(), value.encode()) for name, value in received.headers]
    if not _STREAMS.search(dict(received.headers).get("content-type", "")):
        exchange.respond(received.status, fields, received.body)
        return
    stream = exchange.start(received.status, fields)
    for start in range(0, len(received.body), PIECE_BYTES):
        stream.write(received.body[start : start + PIECE_BYTES])
        await stream.drain()
    stream.finish()


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3]) if "{" not in url else ""


def script_of(case: WireCase, job: WireCase | None) -> Script:
    """Return how a provider goes through a case.

    Where calls are jobs, `job` is a job that ended well: a streamed one is that job before its
    end, then the case's stream, then the job's end.
    """
    sent, received = Sent.of(case), Received.of(case)
    if job is None or not case.request.get("stream"):
        return {(sent.method, sent.path): received}
    ended = Received.of(job)
    prediction: dict[str, Any] = orjson.loads(ended.body)
    begun = {**prediction, "status": "processing", "output": None, "metrics": {}}
    return {
        (sent.method, sent.path): replace(ended, body=orjson.dumps(begun)),
        ("GET", _path(prediction["urls"]["stream"])): received,
        ("GET", _path(prediction["urls"]["get"])): replace(ended, status=200),
    }


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[3]


@asynccontextmanager
async def serving(spec: ProviderSpec) -> AsyncIterator[Upstream]:
    """Run the server of a type."""
    upstream = Upstream(spec)
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    upstream.origin = f"http://127.0.0.1:{server.port}"
    try:
        yield upstream
    finally:
        await server.drain(0.1)
