"""Callers over HTTP, byte by byte: those who behave, and one who does not."""

import asyncio
import contextlib
import random
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from tests.faults.shared_gateway import ACTS, ALIASES

CHAT, EMBEDDINGS, RERANK = "/v1/chat/completions", "/v1/embeddings", "/v1/rerank"
IMAGES, EDITS = "/v1/images/generations", "/v1/images/edits"
MESSAGES, RESPONSES = "/v1/messages", "/v1/responses"
COMPLETIONS, CONTENTS = "/v1/completions", "/v1beta/models/%s:generateContent"
STREAMED_CONTENTS = "/v1beta/models/%s:streamGenerateContent?alt=sse"
COUNTED_CONTENTS = "/v1beta/models/%s:countTokens"
SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"
LIVE = "/v1/live/sessions"
SESSIONS = (
    *("/v1/realtime?model=gpt", "/v1/realtime?model=solo", LIVE),
    # What it asks for tells it from a request for one response.
    f"{RESPONSES}?socket",
)
FORM = ("content-type", "multipart/form-data; boundary=parting")
_HANDSHAKE = (
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
)
_ERROR = re.compile(rb'"error":\s*\{.*?"(?:code|type)":\s*"(\w+)"', re.DOTALL)
# What nobody who behaves waits for.
PATIENCE_SECONDS = 700.0


class Answer(NamedTuple):
    """What a caller was answered; `seconds` is how long that took."""

    asked: str
    status: int
    provider: str
    key_id: str
    attempts: str
    error: str
    seconds: float


class Request(NamedTuple):
    """A request, and what its caller does meanwhile."""

    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    # Into how many pieces the body is cut, and how long each is held back.
    pieces: int = 1
    pause: float = 0.0
    # After how long the caller leaves.
    leaves_after: float = PATIENCE_SECONDS
    # Whether it is the handshake of a session, and the body its first bytes.
    is_session: bool = False


def request_bytes(request: Request, key: str) -> bytes:
    """Return a request's head."""
    method = "GET" if request.is_session else "POST"
    lines = [f"{method} {request.path} HTTP/1.1", "host: gateway", f"authorization: Bearer {key}"]
    if not request.is_session:
        lines += ["connection: close", f"content-length: {len(request.body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


async def send(port: int, key: str, request: Request) -> bytes:
    """Send a request and return all that comes back, b"" if the caller leaves before its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(request.leaves_after):
            writer.write(request_bytes(request, key))
            size = max(1, -(-len(request.body) // request.pieces))
            for start in range(0, len(request.body), size):
                if request.pause:
                    await asyncio.sleep(request.pause)
                writer.write(request.body[start : start + size])
            return await reader.read()
    except (TimeoutError, ConnectionError):
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ask(port: int, key: str, asked: str, request: Request) -> Answer:
    """Send a request and return what was answered."""
    now = asyncio.get_running_loop().time
    began = now()
    content = await send(port, key, request)
    head, _, body = content.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    told = _ERROR.search(body)
    return Answer(
        asked,
        int(status.split()[1]) if status else 0,
        fields.get("x-conduit-provider", ""),
        fields.get("x-conduit-key-id", ""),
        fields.get("x-conduit-attempts", ""),
        told[1].decode() if told else "",
        now() - began,
    )


def chat(model: str, text: str = "hello", **members: Any) -> bytes:  # noqa: ANN401 # of any kind
    """Return the body of a chat."""
    return orjson.dumps(
        {"model": model, "messages": [{"role": "user", "content": text}], **members}
    )


def embedding(model: str, text: str = "hello") -> bytes:
    """Return the body of an embedding."""
    return orjson.dumps({"model": model, "input": text})


def form(model: str, text: str = "hello", file: bytes = b"ID3", name: str = "file") -> bytes:
    """Return the body of a form with a file."""
    parts = [
        b'content-disposition: form-data; name="model"\r\n\r\n%b' % model.encode(),
        b'content-disposition: form-data; name="prompt"\r\n\r\n%b' % text.encode(),
        b'content-disposition: form-data; name="%b"; filename="a.png"\r\n'
        b"content-type: image/png\r\n\r\n%b" % (name.encode(), file),
    ]
    return b"".join(b"--parting\r\n%b\r\n" % part for part in parts) + b"--parting--\r\n"


def message(model: str, **members: Any) -> bytes:  # noqa: ANN401 # of any kind
    """Return the body of a message, in Anthropic's dialect."""
    return chat(model, max_tokens=99, **members)


def completion(model: str, text: str = "hello", **members: Any) -> bytes:  # noqa: ANN401 # of any kind
    """Return the body of a completion of a text."""
    return orjson.dumps({"model": model, "prompt": text, **members})


def contents(text: str = "hello", **members: Any) -> bytes:  # noqa: ANN401 # as above
    """Return the body of a chat in Google's dialect, whose model is in its path."""
    return orjson.dumps({"contents": [{"role": "user", "parts": [{"text": text}]}], **members})


def _picture(model: str) -> bytes:
    return orjson.dumps({"model": model, "prompt": "hello"})


def _speech(model: str) -> bytes:
    return orjson.dumps({"model": model, "input": "hello", "voice": "alloy"})


# What callers who behave ask for, by name.
USUAL = {
    "chat": Request(CHAT, (), chat("gpt")),
    "stream": Request(CHAT, (), chat("gpt", stream=True)),
    "continued": Request(
        CHAT, (("x-conduit-stream-failover", "continue"),), chat("gpt", stream=True)
    ),
    "solo": Request(CHAT, (), chat("solo")),
    "solo stream": Request(CHAT, (), chat("solo", stream=True)),
    "embeddings": Request(EMBEDDINGS, (), embedding("gpt")),
    "image": Request(IMAGES, (), _picture("gpt")),
    "edit": Request(EDITS, (FORM,), form("gpt", name="image")),
    "speech": Request(SPEECH, (), _speech("gpt")),
    "transcription": Request(TRANSCRIPTIONS, (FORM,), form("gpt")),
    "rerank": Request(
        RERANK, (), orjson.dumps({"model": "ranked", "query": "hello", "documents": ["well"]})
    ),
    "message": Request(MESSAGES, (), message("gpt")),
    "message stream": Request(MESSAGES, (), message("solo", stream=True)),
    "response": Request(RESPONSES, (), embedding("gpt")),
    "response stream": Request(
        RESPONSES, (), orjson.dumps({"model": "solo", "input": "hello", "stream": True})
    ),
    "completion": Request(COMPLETIONS, (), completion("gpt")),
    "completion stream": Request(COMPLETIONS, (), completion("solo", stream=True)),
    "contents": Request(CONTENTS % "gpt", (), contents()),
    "contents stream": Request(STREAMED_CONTENTS % "solo", (), contents()),
    "keyed": Request(CHAT, (("idempotency-key", "1"),), chat("gpt")),
    "keyed stream": Request(CHAT, (("idempotency-key", "2"),), chat("solo", stream=True)),
    "tagged": Request(CHAT, (("x-conduit-tags", "team=search, nightly"),), chat("gpt")),
    "own time": Request(CHAT, (("x-conduit-timeout", "60s"),), chat("solo")),
    "session": Request(CHAT, (("x-conduit-affinity-key", "mine"),), chat("gpt")),
    "retried": Request(CHAT, (), chat("solo", "once:0")),
}


def usual(name: str, number: int) -> Request:
    """Return a usual request, different from all others."""
    request = USUAL[name]
    return request._replace(body=request.body.replace(b"once:0", b"once:%d" % number))


_HEADERS: dict[str, Sequence[str]] = {
    "x-conduit-timeout": ("1ms", "0.0001s", "20ms", "60ms", "100ms", "1s", "6s", "31s", "-1s", "x"),
    "x-conduit-max-attempts": ("1", "2", "16", "0", "-1", "99999999999"),
    "x-conduit-provider": ("provider-1", "2", "provider-3", "4", "nobody", "x" * 300),
    "x-conduit-fallbacks": ("unwell", "unwell,solo", "solo,gpt,unwell,limited", "," * 40, "none"),
    "x-conduit-hops": ("1", "2", "3", "-1", "999"),
    "x-conduit-seed": ("0", "1", "18446744073709551615", "-1"),
    "x-conduit-stream-failover": ("restart", "continue", "fail", "x"),
    "x-conduit-strict": ("true", "false"),
    "x-conduit-key-id": ("key_31",),
    "x-conduit-peer": ("127.0.0.1",),
    "x-master-key": ("", "master?"),
    "x-request-id": ("req_1", "x" * 2000, "\xff"),
    "retry-after": ("100000",),
    "idempotency-key": ("1", "1", "2", "", "x" * 300),
    "x-conduit-tags": ("team=search", "nightly, team=x", "=", "x" * 5000, "," * 50, "\xff"),
    "anthropic-version": ("2023-06-01", "x", ""),
    "anthropic-beta": ("a-1", "a-1,b-2", "," * 40, "\xff"),
    "x-claude-code-session-id": ("mine", "x" * 300),
    "expect": ("100-continue",),
    "transfer-encoding": ("chunked", "gzip"),
    "cookie": ("x" * 60_000,),
}
_MEMBERS: dict[str, Sequence[object]] = {
    "max_tokens": (0, 1, -1, 10**9, 10**30, "many"),
    "stream": (True, True, True, False, "yes"),
    "n": (1, 100_000),
    "temperature": (-1, 99, None),
    "fallbacks": (["unwell"], ["solo", "unwell"], ["x"] * 20, "unwell"),
    "models": (["unwell"],),
    "stop": (["x"] * 1000,),
    "tools": ([{"type": "function", "function": {"name": "f", "parameters": {}}}],),
    "response_format": ({"type": "json_object"},),
    "prompt_cache_key": ("mine", "x" * 10_000),
    "session_id": ("mine",),
    "stream_options": ({"include_usage": True}, {"include_usage": "x"}),
    "metadata": ({"x": "y" * 5000}, {"user_id": "u" * 300}),
    "previous_response_id": ("resp_1", "x" * 5000, 1),
    "store": (True, False, "x"),
    "background": (True,),
    "instructions": ("x" * 5000, 1),
    "system": ("x" * 5000, [{"type": "text", "text": "x"}], 1),
    "prompt": (["x"] * 200, [1, 2, 3], [[1], [2]], 1, ""),
    "best_of": (1, 100_000),
    "echo": (True,),
    "suffix": ("x",),
    "generationConfig": (
        *({"candidateCount": 100_000}, {"maxOutputTokens": 10**12}, {"stopSequences": ["x"] * 99}),
        *({"responseMimeType": "application/json"}, 1),
    ),
    "cachedContent": ("cachedContents/x", "x" * 5000, 1),
    "systemInstruction": ({"parts": [{"text": "x" * 5000}]}, 1),
    "thinking": ({"type": "enabled", "budget_tokens": 10**12}, {"type": "disabled"}),
}


# How a live session says whom it wants.
_START = b'{"type":"session.start","session":{"model":"solo"}}'
# How a connection asks for a response.
_CREATE = b'{"type":"response.create","model":"solo","input":"act:%b"}'
_FORMS = {TRANSCRIPTIONS: "file", EDITS: "image"}
_PATHS = (
    *(CHAT, CHAT, CHAT, CHAT, EMBEDDINGS, IMAGES, SPEECH, RERANK, "/v1/models"),
    *(MESSAGES, MESSAGES, RESPONSES, RESPONSES, "/v1/messages/count_tokens"),
    *(COMPLETIONS, COMPLETIONS, CONTENTS, CONTENTS, STREAMED_CONTENTS, STREAMED_CONTENTS),
    *(COUNTED_CONTENTS, "/v1/moderations", "/v1/tokenize"),
    *_FORMS,
    *SESSIONS,
    *SESSIONS,
)


def _masked(data: bytes) -> bytes:
    """Return a frame of text as a client sends it, with a mask of zeros."""
    size = min(len(data), 125)  # of the shortest frames
    return bytes((0x81, 0x80 | size)) + bytes(4) + data[:size]


class HostileCaller:
    """Draws requests of all kinds that may trouble others, each differently."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 # chooses a course of events
        self._number = 0

    def request(self) -> Request:
        """Return the next request."""
        draw = self._draw
        self._number += 1
        headers = [
            (name, draw.choice(_HEADERS[name]))
            for name in draw.sample(sorted(_HEADERS), draw.choice((0, 0, 1, 1, 2, 3)))
        ]
        if draw.random() < 0.3:  # often
            headers.append(("x-conduit-affinity-key", f"session-{self._number}"))
        path, is_session = draw.choice(_PATHS), False
        body = self._body(path)
        if "%s" in path:
            path %= draw.choice((*ALIASES, "gpt", "solo", "nothing", "%2F", ""))
        if path in _FORMS:
            headers.append(FORM)
            body = self._form(_FORMS[path], body)
        elif path in SESSIONS:
            headers += _HANDSHAKE
            create = _CREATE % draw.choice(sorted(ACTS)).encode()
            opening = _START if path == LIVE else create
            is_session, body = True, _masked(draw.choice((body, _START, opening, opening)))
        return Request(
            path,
            headers,
            body,
            draw.choice((1, 1, 1, 5)),
            draw.choice((0.0, 0.0, 0.01, 5.0)),
            draw.choice((PATIENCE_SECONDS, PATIENCE_SECONDS, 40.0, 6.0, 1.0, 0.06, 0.02, 0.0)),
            is_session,
        )

    def pause(self) -> float:
        """Return how long it waits before its next request."""
        return self._draw.choice((0.0, 0.0, 0.0, 0.01, 0.3, 2.0))

    def _text(self) -> str:
        # Every third goes well, or soon nobody would be asked any more.
        act = "none" if self._draw.random() < 0.33 else self._draw.choice(sorted(ACTS))
        return f"act:{act} {self._number}"

    def _form(self, name: str, other: bytes) -> bytes:
        """Return a form, with a piece of it or without an end, or what is none."""
        draw = self._draw
        made = form(
            draw.choice(tuple(ALIASES)),
            self._text(),
            b"x" * draw.choice((0, 3, 3, 1000, 900_000)),
            draw.choice((name, name, "other")),
        )
        return draw.choice((made, made, made, made[: draw.randrange(len(made))], other))

    def _body(self, path: str) -> bytes:
        draw = self._draw
        text = self._text()
        model = draw.choice((*ALIASES, "gpt", "solo", "nothing", ""))
        if path == RERANK:
            model = draw.choice((model, "ranked", "ranked"))
        if draw.random() < 0.1:  # seldom
            return draw.choice((b"", b"{", b"[]", b'{"model":1}', b"\xff" * 100, b"[" * 5000))
        members = {
            name: draw.choice(_MEMBERS[name])
            for name in draw.sample(sorted(_MEMBERS), draw.choice((0, 0, 1, 2)))
        }
        return _dumps({**self._known(path, model, text), **members})

    def _known(self, path: str, model: str, text: str) -> dict[str, object]:
        """Return what each of the dialects that a path may have needs."""
        if path in {CONTENTS, STREAMED_CONTENTS, COUNTED_CONTENTS}:
            return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        turns = [{"role": "user", "content": text}]
        known: dict[str, object] = {"model": model, "messages": turns, "input": text}
        known |= {"prompt": text, "voice": "alloy", "query": text, "documents": [text]}
        if path == MESSAGES:
            known["max_tokens"] = 99
        return known


def _dumps(value: dict[str, object]) -> bytes:
    big = value.get("max_tokens")
    if isinstance(big, int) and big.bit_length() > 63:  # what orjson writes
        return orjson.dumps({**value, "max_tokens": 0}).replace(
            b'"max_tokens":0', b'"max_tokens":%d' % big
        )
    return orjson.dumps(value)
