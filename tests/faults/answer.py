"""What a provider in order answers, whole and in pieces."""

from collections.abc import Sequence
from typing import NamedTuple

TEXT = "Hello there, world!"
PIECES = ("Hello", " there", ",", " world", "!")
USED = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}
EVENTS = "text/event-stream"
# Of answers, and of sessions, whose events are bytes.
FRAMES = "application/vnd.amazon.eventstream"
LINES = "application/x-ndjson"


class Answer(NamedTuple):
    """One answer, cut where its caller could notice."""

    whole: bytes = b""
    # What names the speaker and says nothing; five pieces that say something; and the end.
    opening: Sequence[bytes] = ()
    tokens: Sequence[bytes] = ()
    ending: Sequence[bytes] = ()
    # What tells of a failure within a stream, or a session.
    failure: bytes = b""
    # What is sent while there is nothing to say.
    ping: bytes = b""
    # An event that nobody can read, in a frame that is in order.
    malformed: bytes = b"data: {nope\n\n"
    # Of the pieces; those of sound have no events in them.
    media: str = EVENTS

    @property
    def has_events(self) -> bool:
        """Whether what it says tells where it ends; that sound has, its framing alone tells."""
        return self.media in {EVENTS, FRAMES, LINES}

    @property
    def pieces(self) -> list[bytes]:
        """All that is sent."""
        return [*self.opening, *self.tokens, *self.ending]

    def until(self, place: int) -> list[bytes]:
        """Return what is sent until a place: 0 is the head, 1 the speaker's name, 2 a token."""
        return [] if place == 0 else [*self.opening, *self.pieces_behind_opening[: place - 1]]

    @property
    def pieces_behind_opening(self) -> list[bytes]:
        """All that says something."""
        return [*self.tokens, *self.ending]
