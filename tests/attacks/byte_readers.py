"""What reads bytes of callers and providers, and what must hold of it whatever the bytes are.

It finds the same wherever they are cut, and has no other error than that of who sent them. What
is signed carries the signature that its receiver computes.
"""

import asyncio
import random
from binascii import crc32
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import msgspec
from tests.attacks.mutation import parts_of
from tests.support.form_reading import form, part, read
from tests.support.signatures import is_presigned, is_signed
from tests.support.websocket_peers import BINARY, CLOSE, PING, TEXT, frame
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from conduit_kernel.errors import InvalidApiKey, InvalidRequest, RequestTooLarge, UpstreamError
from conduit_kernel.http.limits import ServerLimits
from conduit_kernel.http.reader import RequestReader
from conduit_kernel.http.refusal import Refusal
from conduit_kernel.http.request import Request
from conduit_kernel.websocket import WebSocketLimits
from conduit_kernel.websocket.connection import WebSocket
from conduit_kernel.websocket.server import SILENT
from conduit_providers.auth import signer_for
from conduit_providers.auth.options import AwsOptions, HeaderOptions
from conduit_providers.codecs.shared.aws_eventstream import FrameBuffer
from conduit_providers.codecs.shared.ndjson import LineBuffer
from conduit_providers.codecs.shared.sse import EventBuffer, events_in
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

Chance = random.Random


@dataclass(frozen=True)
class Reader:
    """A reader of bytes."""

    # Well formed, or nearly.
    seeds: tuple[bytes, ...]
    # What is put where it does not belong.
    pieces: tuple[bytes, ...]
    # Returns whether the bytes were taken; AssertionError where they were not read as they must.
    takes: Callable[[bytes, Chance], bool]
    # Parts of the paths of what reads.
    modules: tuple[str, ...]
    # How often it is tried in a round.
    cases: int = 150


FORM = form(
    part(b'name="model"', b"whisper"),
    part(b'name="file"; filename="a.mp3"\r\ncontent-type: audio/mpeg', b"\r\n--x \r\n\0\xff" * 9),
    part(b'name="image[]"; filename="b"', b""),
    part(b'name="last"', b"z" * 70),
)


def takes_form(body: bytes, chance: Chance) -> bool:
    """Find the same parts, or a refusal; nothing that was kept of one is left."""

    async def found() -> list[object]:
        results: list[object] = []
        with TemporaryDirectory() as folder:
            for size in (len(body) or 1, chance.choice((1, 2, 3)), chance.randrange(1, 99)):
                try:
                    results.append(await read(body, size, Path(folder)))
                except (InvalidRequest, RequestTooLarge):
                    results.append(None)
        return results

    results = asyncio.run(found())
    assert results == [results[0]] * 3, body
    return results[0] is not None


# Without the mark of byte order, which is looked for where an event begins.
STREAM = b"".join(
    (
        b'data: {"a": 1}\n\n',
        b": a comment\r\n\r\n",
        b"event: delta\rdata: one\rdata: two\r\r",
        b"data\n\nid: 7\ndata:[DONE]\n\n",
    )
)


def takes_events(body: bytes, chance: Chance) -> bool:
    """Find server-sent events, with each of the ends that lines may have."""
    found = []
    for pieces in ((body,), parts_of(body, chance), parts_of(body, chance)):
        buffer = EventBuffer()
        events = [each for piece in pieces for each in events_in(buffer.feed(piece))]
        # Blank lines between events are of neither.
        found.append((events, buffer.held.strip(b"\n")))
    assert found == [found[0]] * 3, body
    return bool(found[0][0])


LINES = b'\xef\xbb\xbf{"a": 1}\n\r\n {"b": [2]}\r\n"x"\n{"c"'


def takes_lines(body: bytes, chance: Chance) -> bool:
    """Find lines of JSON."""
    found = []
    for pieces in ((body,), parts_of(body, chance), parts_of(body, chance)):
        buffer = LineBuffer()
        lines = [line for piece in pieces for line in buffer.feed(piece)]
        found.append((lines, buffer.rest()))
    assert found == [found[0]] * 3, body
    return bool(found[0][0])


HEADER = b"\x0b:event-type\x07\x00\x05chunk"


def message_of(body: bytes) -> bytes:
    """Return an event stream's message of AWS's with right checksums: who sends it can count.

    The first two bytes are what its lengths lie by, which is mostly nothing; the third is how many
    bytes of the others are headers.
    """
    lies, headers, rest = body[:2].ljust(2, b"\0"), body[2] if len(body) > 2 else 0, body[3:]
    total, of_headers = len(rest) + 16, min(headers, len(rest))
    said = [
        size + lie if lie < 128 else 2**32 - lie
        for size, lie in zip((total, of_headers), lies, strict=True)
    ]
    prelude = b"".join(size.to_bytes(4) for size in said)
    message = prelude + crc32(prelude).to_bytes(4) + rest
    return message + crc32(message).to_bytes(4)


def takes_frames(body: bytes, chance: Chance) -> bool:
    """Find messages of AWS's: whatever they say of themselves, they are whole or broken."""
    whole = message_of(body) + message_of(b"\0\0" + bytes([len(HEADER)]) + HEADER + b"{}")
    found = [_frames(pieces) for pieces in ((whole,), parts_of(whole, chance))]
    assert found[0] == found[1], body
    return not found[0][1]


def _frames(pieces: tuple[bytes, ...]) -> tuple[list[object], bool]:
    buffer, found = FrameBuffer("P"), list[object]()
    try:
        for piece in pieces:
            found += buffer.feed(piece)
    except UpstreamError:
        return found, True
    return found, False


class Recording(asyncio.Transport):
    """A transport that sends to nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send nothing."""

    def can_write_eof(self) -> bool:
        """Say yes."""
        return True

    def write_eof(self) -> None:
        """End nothing."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keep nothing."""

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.closing

    def close(self) -> None:
        """Be closed."""
        self.closing = True

    abort = close

    def pause_reading(self) -> None:
        """Go on."""

    def resume_reading(self) -> None:
        """Go on."""


MOST_BYTES = 3000
SOCKET = b"".join(
    (
        frame(TEXT, "größe".encode()),
        frame(BINARY, b"x" * 130),
        frame(TEXT, b"\xc3", fin=False) + frame(PING, b"hi") + frame(0, b"\xa9"),
        frame(BINARY, b"", fin=False) + frame(0, b"", fin=False) + frame(0, b"end"),
    )
)
GOODBYE = frame(CLOSE, b"\x03\xe8bye")


def takes_socket(body: bytes, chance: Chance) -> bool:
    """Find messages by our shorter way as by the protocol's, up to the first that breaks it."""
    loop = asyncio.new_event_loop()
    try:
        found = [
            _heard(pieces, loop) for pieces in ((body,), parts_of(body, chance), _by_frame(body))
        ]
    finally:
        loop.close()
    messages, code = _protocols(body)
    # Of two faults that come together, either is told.
    assert all(heard == messages and bool(end) is bool(code) for heard, end in found), body
    return not code


def _heard(pieces: tuple[bytes, ...], loop: asyncio.AbstractEventLoop) -> tuple[list[object], int]:
    """Return what our connection hears, and the code with which it ends; 0 if it does not."""
    limits = WebSocketLimits(message_bytes=MOST_BYTES, buffer_bytes=1 << 30)
    socket, protocol = WebSocket(limits, loop), _protocol()
    socket.connection_made(Recording())
    socket.begin(protocol)
    for piece in pieces:
        socket.data_received(piece)
    return list(socket._inbox), _code(protocol)  # noqa: SLF001 # what a task would receive


def _protocols(body: bytes) -> tuple[list[object], int]:
    """Return what the library's protocol alone hears."""
    protocol = _protocol()
    protocol.receive_data(body)
    found, parts, is_text = list[object](), b"", False
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode in {Opcode.TEXT, Opcode.BINARY}:
            is_text = event.opcode is Opcode.TEXT
        elif event.opcode is not Opcode.CONT:
            continue
        parts += bytes(event.data)
        if not event.fin:
            continue
        try:
            found.append(parts.decode() if is_text else parts)
        except UnicodeDecodeError:
            protocol.fail(1007)
            break
        parts = b""
    return found, _code(protocol)


def _protocol() -> ServerProtocol:
    return ServerProtocol(state=OPEN, max_size=MOST_BYTES, logger=SILENT)


def _code(protocol: ServerProtocol) -> int:
    end = protocol.close_rcvd or protocol.close_sent
    return end.code if end else 0


def _by_frame(body: bytes) -> tuple[bytes, ...]:
    """Return frames one by one, as they mostly come."""
    found = []
    while len(body) > 1:
        length, at = body[1] & 127, 2
        if length == 126:
            length, at = int.from_bytes(body[2:4]), 4
        elif length == 127:
            length, at = int.from_bytes(body[2:10]), 10
        at += length + (4 if body[1] & 128 else 0)
        found.append(body[:at])
        body = body[at:]
    return (*found, body)


CALLS = b"".join(
    (
        b"GET /v1/models?a=b HTTP/1.1\r\nHost: x\r\nAccept: a\r\nAccept: b\r\n\r\n",
        b"POST /v1/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world",
        b"POST /v1/chat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"5\r\nhello\r\n6;e=1\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n",
        b"GET http://x:80/p?q HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /last HTTP/1.0\r\n\r\n",
    )
)


def takes_calls(body: bytes, chance: Chance) -> bool:
    """Find requests of HTTP, and the answer to what is none: who is before us may cut them."""
    found = [_calls(pieces) for pieces in ((body,), parts_of(body, chance), parts_of(body, chance))]
    assert found == [found[0]] * 3, body
    return bool(found[0]) and not isinstance(found[0][-1], int)


def _calls(pieces: tuple[bytes, ...]) -> list[object]:
    subject, found = RequestReader(ServerLimits(), None, Request), list[object]()
    try:
        for piece in pieces:
            rest = piece
            while rest:
                rest = subject.feed(rest)
                found += map(_call, subject.ready)
                subject.ready.clear()
    except Refusal as refusal:
        found += map(_call, subject.ready)
        found.append(refusal.status)
    return found


def _call(request: Request) -> object:
    fields = sorted(request.headers.items())
    return request.method, request.path, request.query, fields, request.body, request.keep_alive


SECRET = "canary+secret/key"
KEY = (
    b'{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"canary+secret/key",'
    b'"sessionToken":"token"}'
)
AWS = Target(
    "Prod", "Bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com", {"region": "eu-west-1"}
)
PRESIGNED = "/stream"


def takes_signing(body: bytes, _chance: Chance) -> bool:
    """Sign a request by AWS's rules: it is what it was, with the signature of what is sent.

    A line for the name of a model, one for its query, lines of headers, an empty one, a body.
    """
    head, _, rest = body.decode("utf-8", "replace").partition("\n\n")
    name, _, more = head.partition("\n")
    query, _, more = more.partition("\n")
    pairs = [each.partition("=")[::2] for each in query.split("&") if each]
    told = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)
    headers = {
        f"x-a-{number}": "".join(filter(str.isprintable, line)).strip().encode().decode("latin-1")
        for number, line in enumerate(more.split("\n")[:20])
    }
    path = f"/model/{quote(name, safe='')}/converse" + (f"?{told}" if told else "")
    request = HttpRequest("POST", path, tuple(headers.items()), rest.encode())
    options = AwsOptions(presigned=frozenset((PRESIGNED,)))
    signer = signer_for(Auth(kind="aws_sigv4", description="", options=options), KEY.decode(), AWS)
    signed = signer.sign(request)
    assert (signed.method, signed.path, signed.body) == (request.method, path, request.body)
    assert dict(signed.headers).items() >= headers.items()
    url = AWS.base_url + signed.path
    assert is_signed("POST", url, dict(signed.headers), signed.body, SECRET), body
    shake = signer.sign(HttpRequest("GET", f"{PRESIGNED}?{told}" if told else PRESIGNED))
    assert is_presigned(AWS.base_url + shake.path, SECRET), body
    return bool(told)


ACCOUNT = (
    b'{"type":"service_account","client_email":"a@b.iam","private_key":"-----BEGIN PRIVATE KEY-----'
    b'\\nMIIE\\n-----END PRIVATE KEY-----\\n","token_uri":"https://oauth2.googleapis.com/token"}'
)
ENTRA = b'{"tenantId":"t","clientId":"c","clientSecret":"s"}'
STRATEGIES: dict[str, msgspec.Struct | None] = {
    **dict.fromkeys(("aws_sigv4", "google_token", "azure", "azure_entra", "bearer", "none")),
    "header": HeaderOptions(name="x-api-key"),
}
# Shorter ones may stand in any sentence.
LEAST_CANARY = 12


def takes_key(body: bytes, _chance: Chance) -> bool:
    """Whatever is given for a key is one, or is said to be none, and is never quoted."""
    secret, taken = body.decode("utf-8", "replace"), False
    for kind, options in STRATEGIES.items():
        auth = Auth(kind=kind, description="", options=options)
        try:
            shown = repr(signer_for(auth, secret, AWS))
            taken = taken or kind != "none"
        except InvalidApiKey as refused:
            shown = f"{refused} {refused.metadata}"
        assert len(secret) < LEAST_CANARY or secret not in shown
    return taken


READERS = {
    "forms": Reader(
        (FORM,),
        (b"--x y", b"--x y--", b"\r\n", b"\r\n\r\n", b'; filename="', b"content-disposition: "),
        takes_form,
        ("conduit_bridge/multipart",),
        15,
    ),
    "events": Reader(
        (STREAM, b": a comment\n\n"),
        (b"\n\n", b"\r\n\r\n", b"\r\r", b"data:", b"event: ", b":", b"\r"),
        takes_events,
        ("codecs/shared/sse",),
    ),
    "lines": Reader(
        (LINES, b'{"a"'),
        (b"\n", b"\r\n", b"\n\n", b" ", b"\xef\xbb\xbf", b"{}", b"\0"),
        takes_lines,
        ("codecs/shared/ndjson",),
    ),
    "frames": Reader(
        (b"\0\0" + bytes([len(HEADER)]) + HEADER + b'{"a": 1}', b"\0\0\0{}"),
        (HEADER, b"\x0d:content-type\x07", b"\x0d:message-type\x07\x00\x05error", b"\0", b"\xff"),
        takes_frames,
        ("codecs/shared/aws_eventstream", "botocore/eventstream"),
    ),
    "sockets": Reader(
        (SOCKET, SOCKET + GOODBYE),
        (
            b"\x81\x85",
            b"\x80",
            b"\x88\x82",
            b"\xfe\x00\x7e",
            b"\xff\0\0\0\0\0\0\x0b\xb9",
            b"\0" * 4,
        ),
        takes_socket,
        ("conduit_kernel/websocket", "websockets/frames", "websockets/protocol"),
        40,
    ),
    "calls": Reader(
        (CALLS,),
        (
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Expect: 100-continue\r\n",
            b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
            b"\r\n\r\n",
            b" HTTP/1.1\r\n",
            b"0\r\n\r\n",
            b"\r\n ",
        ),
        takes_calls,
        ("conduit_kernel/http/reader", "conduit_kernel/http/repeat", "conduit_kernel/http/heads"),
    ),
    "signing": Reader(
        (b"a.b-v1:0\nx=1&a=\xc3\xa9\nvalue  two\n\n{}", "ü/../é\n\n\n".encode()),
        (b"..", b"/", b"//", b"%2F", b"&", b"=", b"+", b"~", b"  ", b"\n", "é".encode()),
        takes_signing,
        ("auth/aws_sigv4", "botocore/auth"),
    ),
    "keys": Reader(
        (KEY, ACCOUNT, ENTRA, b"sk-any-key", b'{"roleArn":"arn:aws:iam::1:role/a"}'),
        (b"{", b"}", b'"', b"null", b"[1]", b"1e999", b'"Credentials":', b"\\u0000", b"\n"),
        takes_key,
        ("conduit_providers/auth",),
    ),
}
