"""Bytes that are no form, no event and no message, to what reads those, however they are cut.

What reads them as they come has no other answer where the cuts are others, and no other error than
that of who sent them. The same round makes the same; `make fuzz` runs more of them.
"""

import os
import random
from binascii import crc32
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.form_reading import form, part, read

from conduit_kernel.errors import InvalidRequest, RequestTooLarge, UpstreamError
from conduit_providers.codecs.shared.aws_eventstream import FrameBuffer, event_frame
from conduit_providers.codecs.shared.ndjson import LineBuffer
from conduit_providers.codecs.shared.sse import EventBuffer, events_in

ROUNDS = range(int(os.environ.get("CONDUIT_FUZZ_ROUNDS", "1")))
CASES = 40


def mutated(body: bytes, pieces: tuple[bytes, ...], chance: random.Random) -> bytes:
    """Return bytes with one to four things wrong: lost, doubled, of chance, or out of place."""
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(changed) + 1)
        size = chance.choice((1, 2, 5, 30))
        match chance.randrange(5):
            case 0:
                del changed[at : at + size]
            case 1:
                changed[at:at] = changed[at : at + size]
            case 2:
                changed[at : at + size] = chance.randbytes(size)
            case 3:
                changed[at:at] = chance.choice(pieces) * chance.choice((1, 1, 2, 300))
            case _:
                changed[at : at + 1] = bytes([chance.choice(b'\r\n\0\t "\\;:=-\xff')])
    return bytes(changed)


def cuts(size: int, chance: random.Random) -> Iterator[slice]:
    """Yield pieces of any sizes, empty ones left out."""
    at = 0
    while at < size:
        step = chance.choice((1, 1, 2, 3, 17, 400))
        yield slice(at, at + step)
        at += step


def parts_of(body: bytes, chance: random.Random) -> tuple[bytes, ...]:
    """Return a body in such pieces."""
    return tuple(body[each] for each in cuts(len(body), chance))


FORM = form(
    part(b'name="model"', b"whisper"),
    part(b'name="file"; filename="a.mp3"\r\ncontent-type: audio/mpeg', b"\r\n--x \r\n\0\xff" * 9),
    part(b'name="image[]"; filename="b"', b""),
    part(b'name="last"', b"z" * 70),
)
OF_FORMS = (b"--x y", b"--x y--", b"\r\n", b"\r\n\r\n", b'; filename="', b"content-disposition: ")


@pytest.mark.parametrize("turn", ROUNDS)
async def test_forms(turn: int, tmp_path: Path) -> None:
    """The same parts, or a refusal; nothing that was kept of one is left."""
    chance = random.Random(f"forms {turn}")  # noqa: S311 # for nonsense
    seen = set()
    for _ in range(CASES):
        body = mutated(FORM, OF_FORMS, chance)
        found: list[object] = []
        for size in (len(body) or 1, chance.choice((1, 2, 3)), chance.randrange(1, 99)):
            try:
                found.append(await read(body, size, tmp_path))
            except (InvalidRequest, RequestTooLarge):
                found.append(None)
        assert found == [found[0]] * 3, body
        seen.add(found[0] is None)
    assert seen == {True, False}


# Without the mark of byte order, which is looked for where an event begins.
STREAM = b"".join(
    (
        b'data: {"a": 1}\n\n',
        b": a comment\r\n\r\n",
        b"event: delta\rdata: one\rdata: two\r\r",
        b"data\n\nid: 7\ndata:[DONE]\n\n",
    )
)
OF_STREAMS = (b"\n\n", b"\r\n\r\n", b"\r\r", b"data:", b"event: ", b":", b"\r")


@pytest.mark.parametrize("turn", ROUNDS)
def test_events(turn: int) -> None:
    """Server-sent events, with each of the ends that lines may have."""
    chance = random.Random(f"events {turn}")  # noqa: S311 # for nonsense
    for _ in range(CASES):
        body = mutated(STREAM, OF_STREAMS, chance)
        found = []
        for pieces in ((body,), parts_of(body, chance), parts_of(body, chance)):
            buffer = EventBuffer()
            events = [each for piece in pieces for each in events_in(buffer.feed(piece))]
            found.append((events, buffer.held))
        assert found == [found[0]] * 3, body


LINES = b'\xef\xbb\xbf{"a": 1}\n\r\n {"b": [2]}\r\n"x"\n{"c"'
OF_LINES = (b"\n", b"\r\n", b"\n\n", b" ", b"\xef\xbb\xbf", b"{}", b"\0")


@pytest.mark.parametrize("turn", ROUNDS)
def test_lines(turn: int) -> None:
    """Of JSON."""
    chance = random.Random(f"lines {turn}")  # noqa: S311 # for nonsense
    for _ in range(CASES):
        body = mutated(LINES, OF_LINES, chance)
        found = []
        for pieces in ((body,), parts_of(body, chance), parts_of(body, chance)):
            buffer = LineBuffer()
            lines = [line for piece in pieces for line in buffer.feed(piece)]
            found.append((lines, buffer.rest()))
        assert found == [found[0]] * 3, body


def told(chance: random.Random) -> bytes:
    """Return a message of an AWS event stream that is right but for what it says of itself.

    Its checksums are right: who sends it can count.
    """
    made = bytearray(event_frame("chunk", chance.randbytes(chance.randrange(40)), "x/y"))
    numbers = (0, 1, 4, 11, 12, 13, 15, 16, 17, len(made), len(made) - 1, 2**31, 2**32 - 1)
    for at in (0, 4):
        if chance.random() < 0.4:
            made[at : at + 4] = chance.choice(numbers).to_bytes(4)
    if chance.random() < 0.5:
        at = chance.randrange(12, len(made))
        made[at] = chance.randrange(256)
    made[8:12] = crc32(bytes(made[:8])).to_bytes(4)
    made[-4:] = crc32(bytes(made[:-4])).to_bytes(4)
    return bytes(made)


@pytest.mark.parametrize("turn", ROUNDS)
def test_messages_of_aws(turn: int) -> None:
    """What their headers and lengths say is no reason to wait for ever, nor to fail otherwise."""
    chance = random.Random(f"aws {turn}")  # noqa: S311 # for nonsense
    seen = set()
    for _ in range(CASES):
        body = b"".join(told(chance) for _ in range(3))
        found = [frames(pieces) for pieces in ((body,), parts_of(body, chance))]
        assert found[0] == found[1], body
        seen.add(found[0][1])
    assert seen == {"broken", ""}


def frames(pieces: tuple[bytes, ...]) -> tuple[list[object], str]:
    """Return the messages in pieces, and whether they broke off."""
    buffer, found = FrameBuffer("P"), list[object]()
    try:
        for piece in pieces:
            found += buffer.feed(piece)
    except UpstreamError:
        return found, "broken"
    return found, ""
