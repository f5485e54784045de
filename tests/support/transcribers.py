"""Providers that take files, for tests: they read forms, and answer or refuse."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP

from conduit_kernel.http import Exchange, HttpServer, ServerLimits
from conduit_kernel.http.limits import MIB

WORDS = b'{"text":"Hello.","usage":{"type":"duration","seconds":2}}'
TOO_LARGE = (
    b'{"error":{"message":"Maximum content size limit (26214400) exceeded (26338591 bytes read)",'
    b'"type":"server_error","param":null,"code":null}}'
)
EVENTS = (
    b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n',
    b'data: {"type":"transcript.text.delta","delta":"lo."}\n\n',
    (
        b'data: {"type":"transcript.text.done","text":"Hello.","usage":{"type":"tokens",'
        b'"input_tokens":14,"input_token_details":{"audio_tokens":10,"text_tokens":4},'
        b'"output_tokens":3,"total_tokens":17}}\n\n'
    ),
)
LISTENED = (
    b'{"metadata":{"duration":2.5},"results":{"channels":[{"alternatives":[{"transcript":"Hello.",'
    b'"words":[{"word":"hello","start":0.5,"end":1.5,"punctuated_word":"Hello."}]}]}]}}'
)
RECOGNIZED = (
    b'{"results":[{"alternatives":[{"transcript":"Hello.","words":[{"word":"Hello.",'
    b'"startOffset":"0.500s","endOffset":"1.500s"}]}]}],"metadata":{"totalBilledDuration":"3s"}}'
)
IMAGES = b'{"created":1,"data":[{"b64_json":"iVBORw0KGgo="}],"usage":{"output_tokens":272}}'
# As Stability AI, Bedrock and Gemini answer.
ONE_IMAGE = b'{"image":"iVBORw0KGgo=","finish_reason":"SUCCESS","seed":1}'
INVOKED = b'{"seeds":[1],"finish_reasons":[null],"images":["iVBORw0KGgo="]}'
KEPT_BACK = b'{"finish_reasons":["Filter reason: output image"]}'
DRAWN = (
    b'{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":'
    b'"iVBORw0KGgo="}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":263,'
    b'"candidatesTokenCount":1290,"promptTokensDetails":[{"modality":"IMAGE","tokenCount":258}],'
    b'"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}]}}'
)
JSON_FIELD = (b"content-type", b"application/json")


@dataclass
class Sent:
    """A request as a provider got it."""

    path: str
    length: str
    # By name, in order; files by their name, type and bytes.
    members: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    files: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])


class Transcribers:
    """Answers by the first part of the path: `/good/...`, `/bad/...`, `/vtt/...`, `/events/...`.

    `/cut/...` is `/events/...` to its first event; `/large/...` refuses files as OpenAI does.
    """

    def __init__(self) -> None:
        self.address = ""
        self.sent: list[Sent] = []
        self.digests: list[str] = []
        self.hangs = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        """Read a form as it comes, and answer."""
        if exchange.path.startswith("/count"):
            await self._count(exchange)
            return
        body = b"".join([piece async for piece in exchange.body_stream()])
        kind = exchange.fields[b"content-type"]
        self.sent.append(read_form(exchange, kind, body))
        if exchange.path.startswith("/bad"):
            exchange.respond(503, [JSON_FIELD], b'{"error":{"message":"no"}}')
        elif exchange.path.startswith("/large"):
            exchange.respond(413, [JSON_FIELD], TOO_LARGE)
        elif exchange.path.startswith(("/events", "/cut")):
            await _stream(exchange, EVENTS[: 1 if exchange.path.startswith("/cut") else None])
        elif exchange.path.startswith("/vtt"):
            text = b"WEBVTT\n\n00:00.000 --> 00:03.300\nHello.\n"
            exchange.respond(200, [(b"content-type", b"text/vtt; charset=utf-8")], text)
        else:
            exchange.respond(200, [JSON_FIELD], _answer(exchange.path))

    async def _count(self, exchange: Exchange) -> None:
        """Keep nothing of what comes but its digest; refuse at `/count-bad`."""
        digest = hashlib.sha256()
        async for piece in exchange.body_stream():
            digest.update(piece)
        self.digests.append(digest.hexdigest())
        status = 503 if exchange.path.startswith("/count-bad") else 200
        exchange.respond(status, [JSON_FIELD], _answer(exchange.path))


async def _stream(exchange: Exchange, events: Sequence[bytes]) -> None:
    stream = exchange.start(200, [(b"content-type", b"text/event-stream")])
    for event in events:
        stream.write(event)
        await stream.drain()
    stream.finish()


def _answer(path: str) -> bytes:
    if "/listen" in path:
        return LISTENED
    if "/stable-image/" in path:
        return ONE_IMAGE
    if path.endswith("/invoke"):
        return KEPT_BACK if path.startswith("/kept") else INVOKED
    if path.endswith(":generateContent"):
        return DRAWN
    if path.endswith(":recognize"):
        return RECOGNIZED
    return IMAGES if "/images/" in path else WORDS


def read_form(exchange: Exchange, kind: bytes, body: bytes) -> Sent:
    """Return what a request brought."""
    if kind.startswith(b"application/json"):
        return Sent(exchange.path, str(len(body)), [("json", body.decode())])
    if not kind.startswith(b"multipart/"):
        length = exchange.fields.get(b"content-length", b"").decode()
        return Sent(exchange.path, length, files=[("", kind.decode(), body)])
    # The standard library's reader of mail, which knows nothing of ours.
    form = message_from_bytes(b"content-type: %b\r\n\r\n%b" % (kind, body), policy=HTTP)
    sent = Sent(exchange.path, exchange.fields.get(b"content-length", b"").decode())
    parts = form.get_payload()
    assert isinstance(parts, list)
    for part in parts:
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if (filename := part.get_filename()) is not None:
            sent.files.append((filename, part.get_content_type(), content))
        else:
            sent.members.append((str(name), content.decode()))
    return sent


@asynccontextmanager
async def transcribers() -> AsyncIterator[Transcribers]:
    """Run the providers."""
    found = Transcribers()
    server = HttpServer(
        found,
        limits=ServerLimits(body_bytes=256 * MIB),
        streams_body=lambda _method, _path: True,
    )
    await server.start("127.0.0.1", 0)
    found.address = f"http://127.0.0.1:{server.port}"
    yield found
    await server.drain(0.1)
