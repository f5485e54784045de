"""The usual frame, held equal to the protocol's own."""

import itertools
import secrets
from collections.abc import Generator

import pytest
from websockets.frames import Frame, Opcode

from conduit_kernel.websocket.frames import Message, frame_of, size_of, usual_message

SIZES = (0, 1, 2, 3, 125, 126, 127, 128, 255, 256, 6_400, 65_535)
MESSAGES: list[Message] = [
    *("é"[: size % 2] + "x" * (size - 2 * (size % 2)) for size in SIZES if size != 1),
    *(bytes(size) for size in SIZES),
]


def frame(message: Message, *, is_masked: bool) -> bytes:
    """Return the frame that the protocol makes of a message."""
    opcode = Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
    data = message.encode() if isinstance(message, str) else message
    return Frame(opcode, data).serialize(mask=is_masked)


@pytest.mark.parametrize("is_masked", [True, False])
def test_the_usual_frame_is_read_as_the_protocol_reads_it(*, is_masked: bool) -> None:
    """Of each kind and size whose length is in one byte or two."""
    for message in MESSAGES:
        found = usual_message(frame(message, is_masked=is_masked), is_masked=is_masked)
        # What is shorter than any mask is left to the protocol.
        assert found == message or (found is None and len(message) <= 2)


@pytest.mark.parametrize("is_masked", [True, False])
def test_what_is_written_the_protocol_reads(*, is_masked: bool) -> None:
    """Large ones, too; each takes as many bytes as we count."""
    for message in (*MESSAGES, "x" * 65_536, bytes(1_000_000)):
        written = frame_of(message, is_masked=is_masked)
        buffer = bytearray(written)

        def read_exact(size: int, buffer: bytearray = buffer) -> Generator[None, None, bytes]:
            found = bytes(buffer[:size])
            del buffer[:size]
            return found
            yield

        parsing = Frame.parse(read_exact, mask=is_masked)
        with pytest.raises(StopIteration) as end:
            next(parsing)
        read = end.value.value
        data = bytes(read.data)
        assert (data.decode() if isinstance(message, str) else data) == message
        assert not buffer
        assert size_of(read, is_masked=is_masked) == len(written)


@pytest.mark.parametrize("is_masked", [True, False])
def test_anything_else_is_left_to_the_protocol(*, is_masked: bool) -> None:
    """Pieces of messages and of frames, two at once, control, what is wrong, and what is large."""
    whole = frame("hello", is_masked=is_masked)
    others = [
        b"",
        *(whole[:size] for size in range(len(whole))),
        whole * 2,
        whole + b"\x81",
        Frame(Opcode.TEXT, b"hello", fin=False).serialize(mask=is_masked),
        Frame(Opcode.CONT, b"hello").serialize(mask=is_masked),
        Frame(Opcode.PING, b"hello").serialize(mask=is_masked),
        Frame(Opcode.CLOSE, b"\x03\xe8hello").serialize(mask=is_masked),
        b"\xc1" + whole[1:],
        Frame(Opcode.TEXT, b"hello\xff").serialize(mask=is_masked),
        frame("hello", is_masked=not is_masked),
        frame(bytes(65_536), is_masked=is_masked),
    ]
    for data in others:
        assert usual_message(data, is_masked=is_masked) is None


def test_nonsense_is_never_a_message_of_another_length() -> None:
    """Whatever the bytes."""
    for is_masked, size in itertools.product((True, False), range(200)):
        data = b"\x82" + secrets.token_bytes(size)
        found = usual_message(data, is_masked=is_masked)
        if found is not None:
            assert size_of(Frame(Opcode.BINARY, bytes(found)), is_masked=is_masked) == len(data)  # type: ignore[arg-type] # it is no text
