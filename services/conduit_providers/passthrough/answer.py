"""A provider's answer on its way to the caller, byte for byte, and what it used."""

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.shared.sse import EventBuffer, events_in
from conduit_providers.operation import estimate_tokens
from conduit_providers.passthrough.usage import UsageReader
from conduit_providers.quantities import Quantities

if TYPE_CHECKING:
    # It needs botocore, which only workers that ask AWS load.
    from conduit_providers.codecs.shared.aws_eventstream import FrameBuffer

# A stream that is one document is read at its end, where it is not larger.
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
_COUNTS = b'"usage'
_EVENTS = "text/event-stream"
# AWS's own, in which Bedrock streams.
_FRAMES = "application/vnd.amazon.eventstream"
_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class PassedPiece(NamedTuple):
    """Bytes that arrived together."""

    data: bytes
    is_head: bool = False

    @property
    def sse(self) -> bytes:
        """Return the bytes."""
        return self.data

    @property
    def size(self) -> int:
        """Return how many there are."""
        return len(self.data)

    def with_more(self, following: Self) -> "PassedPiece":
        """Return these and those that follow."""
        return PassedPiece(self.data + following.data)

    def with_sse(self, sse: bytes) -> "PassedPiece":
        """Return other bytes."""
        return PassedPiece(sse)

    def to_form(self, *, is_typed: bool) -> Self:
        """Return the bytes, which have one form alone."""
        return self


class PassedDecoder:
    """Passes on all bytes of a stream; an answer whose counts make no sense is estimated."""

    def __init__(self, reader: UsageReader, media_type: str = "") -> None:
        """Take what reads the counts, and what the answer says that it is."""
        # The provider ends it, by ending the body.
        self.done = False
        self.has_finished = False
        self.skipped = 0
        self.emitted = 0
        self._reader = reader
        kind = media_type.lower()
        self._events = EventBuffer() if kind.startswith(_EVENTS) else None
        self._frames = _frame_buffer() if kind.startswith(_FRAMES) else None
        # None where it is too large.
        self._document: bytearray | None = bytearray()

    @property
    def usage(self) -> Quantities | None:
        """Return what was used, as far as that was said."""
        return self._reader.usage

    def feed(self, data: bytes) -> PassedPiece:
        """Take the next bytes, and return them."""
        if self._events is not None:
            self._note_events(self._events, data)
        elif self._frames is not None:
            self._note_frames(self._frames, data)
        else:
            self.emitted += estimate_tokens(len(data))
            self._hold(data)
        return PassedPiece(data)

    def _hold(self, data: bytes) -> None:
        if self._document is not None:
            self._document += data
            if len(self._document) > MAX_DOCUMENT_BYTES:
                self._document = None

    def close(self) -> None:
        """Read what stands at the end."""
        if self._events is not None:
            self._note_block(self._events.held + b"\n\n")
        elif self._frames is None and self._document is not None:
            take_whole(self._reader, bytes(self._document))

    def _note_events(self, buffer: EventBuffer, data: bytes) -> None:
        try:
            self._note_block(buffer.feed(data))
        except UpstreamError:
            # An event too large to be looked at.
            self._events = EventBuffer()

    def _note_block(self, block: bytes) -> None:
        for event in events_in(block):
            self._note(event.data)

    def _note_frames(self, buffer: "FrameBuffer", data: bytes) -> None:
        try:
            for frame in buffer.feed(data):
                self._note(frame.payload)
        except UpstreamError:
            # What is broken is for the caller to find; what follows is in no known place.
            self._frames = _frame_buffer()

    def _note(self, event: bytes) -> None:
        self.emitted += 1
        if _COUNTS in event:
            with suppress(msgspec.DecodeError):
                self._reader.take(event)


def take_whole(reader: UsageReader, body: bytes) -> None:
    """Read the counts of a whole answer, or of a list of its pieces; none if it makes no sense."""
    with suppress(msgspec.DecodeError):
        if body.lstrip().startswith(b"["):
            for piece in _read_list(body):
                reader.take(bytes(piece))
        elif body:
            reader.take(body)


def _frame_buffer() -> "FrameBuffer":
    # Loaded by then: an instance's type loads what signs its requests.
    from conduit_providers.codecs.shared.aws_eventstream import (  # noqa: PLC0415 # as above
        FrameBuffer,
    )

    return FrameBuffer("")
