"""What providers do wrong in sessions, and what a caller of a chain of two gets all the same."""

import asyncio
from collections.abc import Sequence

from tests.faults.fault import WHOLE, Fault
from tests.faults.misbehaving_upstream import Act, Peer
from tests.faults.upstream_acts import (
    body,
    broken,
    good,
    reset,
    silence,
    slow_head,
    status,
)
from tests.support.eventstream import event as aws_event
from tests.support.transcribe_upstream import exception, words
from websockets.frames import Close, Frame, Opcode

from conduit_router.upstream.transport import SOCKET_LIMITS

# The session is there, a response has begun, and its first words were said.
SPOKEN = 4
# The limits of the gateway's sessions, in seconds.
IDLE, LONGEST = 1.5, 4.0
SESSIONS = ("converse",)
# Those that are open once the handshake is through: what comes behind it is within the session.
OPEN_AT_ONCE = ("dictate_nova", "dictate_transcribe")
# Those whose events are bytes of their own framing.
IN_FRAMES = ("dictate_transcribe",)
# Those that are made by a call of their own, which says where their sockets are.
MADE_FIRST = ("talk_ultravox", "talk_elevenlabs")
CUT = "STREAM_INTERRUPTED"


def closing(place: int, code: int, reason: str = "") -> Act:
    """End a session with a code, at a place."""
    return framing(place, Frame(Opcode.CLOSE, Close(code, reason).serialize()))


def framing(place: int, *frames: Frame, is_open: bool = False) -> Act:
    """Send frames at a place, and end the connection, or wait for the caller."""
    return raw(place, *[frame.serialize(mask=False) for frame in frames], is_open=is_open)


def raw(place: int, *data: bytes, is_open: bool = False) -> Act:
    """Send bytes at a place, and end the connection, or wait for the caller."""

    async def act(peer: Peer) -> None:
        await peer.begin()
        for each in peer.seen.answer.until(place):
            await peer.send(each)
        for each in data:
            await peer.write(each)
        if is_open:
            await asyncio.Event().wait()

    return act


def repeating(frame: Frame) -> Act:
    """Send a frame again and again behind the first words."""

    async def act(peer: Peer) -> None:
        await peer.begin()
        for each in peer.seen.answer.until(SPOKEN):
            await peer.send(each)
        while True:
            await peer.write(frame.serialize(mask=False))
            await asyncio.sleep(0.05)

    return act


async def wrong_proof(peer: Peer) -> None:
    """Answer the handshake of somebody else."""
    fields = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: bm9ib2R5\r\n"
    await peer.write(f"HTTP/1.1 101 X\r\n{fields}\r\n".encode())


async def refusing(peer: Peer) -> None:
    """Say that it failed, and wait for the caller."""
    await peer.begin()
    await peer.send(peer.seen.answer.failure)
    await asyncio.Event().wait()


def text(content: str | bytes, *, is_last: bool = True) -> Frame:
    """Return a frame of text."""
    data = content.encode() if isinstance(content, str) else content
    return Frame(Opcode.TEXT, data, fin=is_last)


def fault(
    name: str,
    act: Act,
    stream: str = WHOLE,
    seconds: float = 8.0,
    *,
    only: Sequence[str] = SESSIONS,
    besides: Sequence[str] = (),
) -> Fault:
    """Return a fault that sessions meet."""
    return Fault(
        f"session, {name}",
        [act],
        stream=stream,
        most=(2, 1) if stream == WHOLE else (1, 0),
        seconds=seconds,
        only=only,
        besides=besides,
    )


def first(name: str, act: Act, at_once: str, seconds: float = 8.0) -> list[Fault]:
    """Return a fault right behind the handshake: before most sessions are open, in some at once."""
    return [
        fault(name, act, seconds=seconds, besides=OPEN_AT_ONCE),
        fault(f"{name}, open at once", act, at_once, seconds, only=OPEN_AT_ONCE),
    ]


# In all of the dialects.
UNKNOWN = text('{"type":"x","message_type":"x"}')
BEFORE_IT_IS_OPEN = [
    fault("the handshake of somebody else", wrong_proof),
    *first("closed as overloaded", closing(0, 1013), CUT),
    *first("closed without a word", closing(0, 1000), "CLOSED_1000"),
    fault("refused in an event", refusing, besides=OPEN_AT_ONCE),
    fault("refused in an event of Nova's", refusing, "NET-0000", only=("dictate_nova",)),
    fault("refused in a frame", refusing, "INTERNALFAILUREEXCEPTION", only=IN_FRAMES),
    *first("no JSON at first", framing(0, text("{nope"), is_open=True), "PROVIDER_ERROR"),
    *first(
        "a message without an end at first",
        framing(0, text("{", is_last=False), is_open=True),
        "CLOSED_1000",
        12.0,
    ),
]
IN_IT = [
    *[
        fault(f"closed with {code}", closing(SPOKEN, code), CUT)
        for code in (1001, 1008, 1011, 4000)
    ],
    fault("cut", broken(SPOKEN), CUT),
    fault("no JSON", framing(SPOKEN, text("{nope"), is_open=True), "PROVIDER_ERROR"),
    fault("a list", framing(SPOKEN, text("[]"), is_open=True), "PROVIDER_ERROR"),
    fault("bytes", framing(SPOKEN, Frame(Opcode.BINARY, b"\0"), is_open=True), "PROVIDER_ERROR"),
    fault("no UTF-8", framing(SPOKEN, text(b"\xff"), is_open=True), CUT),
    fault("an unknown kind of frame", raw(SPOKEN, b"\x83\x00", is_open=True), CUT),
    fault(
        "too large",
        raw(SPOKEN, b"\x81\x7f%b" % (SOCKET_LIMITS.message_bytes + 1).to_bytes(8), is_open=True),
        CUT,
    ),
    fault("closed as done", closing(SPOKEN, 1000), "CLOSED_1000"),
    fault("silent", broken(SPOKEN, then="hang"), "CLOSED_1000", IDLE + 8.0),
    fault("pings alone", repeating(Frame(Opcode.PING, b"")), "CLOSED_1000", IDLE + 8.0),
    fault(
        "a message without an end",
        framing(SPOKEN, text("{", is_last=False), is_open=True),
        "CLOSED_1000",
        IDLE + 8.0,
    ),
    fault(
        "a message within another",
        repeating(text("x", is_last=False)),
        CUT,
        IDLE + 8.0,
    ),
    fault(
        "words without an end",
        repeating(UNKNOWN),
        "CLOSED_1000",
        LONGEST + 8.0,
        besides=IN_FRAMES,
    ),
]


def framed(name: str, content: bytes, stream: str = "PROVIDER_ERROR") -> Fault:
    """Return a fault of what sends events as bytes: such bytes, behind its first words."""
    act = framing(SPOKEN, Frame(Opcode.BINARY, content), is_open=True)
    return fault(f"in frames, {name}", act, stream, IDLE + 8.0, only=IN_FRAMES)


_WORDS = words("Hello there, world", 0.5, is_partial=True)
IN_ODD_FRAMES = [
    framed("half an event", _WORDS[:-9]),
    framed("an event and a half", _WORDS + _WORDS[:-9]),
    framed("nothing", b"", "CLOSED_1000"),
    framed("a wrong checksum", _WORDS[:-1] + bytes([_WORDS[-1] ^ 1])),
    framed("a length beyond all bounds", b"\xff\xff\xff\xff" + _WORDS[4:]),
    framed("no JSON", aws_event("TranscriptEvent", b"{nope")),
    framed("a list", aws_event("TranscriptEvent", b"[]")),
    framed("an unknown event", aws_event("OtherEvent", b"{}"), "CLOSED_1000"),
    framed(
        "too many",
        exception("LimitExceededException", "as the test says"),
        "LIMITEXCEEDEDEXCEPTION",
    ),
    fault(
        "in frames, a text",
        framing(SPOKEN, UNKNOWN, is_open=True),
        "PROVIDER_ERROR",
        only=IN_FRAMES,
    ),
]


def unmade(name: str, *acts: Act) -> Fault:
    """Return a fault of what answers where the session is, before there is a socket."""
    return Fault(
        f"session, not made, {name}",
        [good],
        creations=acts,
        # Of sockets: one where it was made after all.
        most=(len(acts) - 1, 1),
        seconds=8.0,
        only=MADE_FIRST,
    )


NOT_MADE = [
    *[unmade(str(code), status(code)) for code in (401, 402, 404, 429, 500, 503)],
    unmade("503 once", status(503), good),
    unmade("reset", reset),
    unmade("reset once", reset, good),
    unmade("silent", silence),
    unmade("a slow head", slow_head),
    unmade("a page", body(b"<html>", "text/html")),
    unmade("cut", body(b'{"joinUrl":"ws://127')),
    unmade("nowhere", body(b"{}")),
    unmade("no socket", body(b'{"joinUrl":"http://127.0.0.1/","signed_url":"file:///etc/passwd"}')),
    unmade(
        "refused where it is",
        body(b'{"joinUrl":"ws://127.0.0.1:1","signed_url":"ws://127.0.0.1:1"}'),
    ),
]
SESSION_FAULTS = [*BEFORE_IT_IS_OPEN, *IN_IT, *IN_ODD_FRAMES, *NOT_MADE]
