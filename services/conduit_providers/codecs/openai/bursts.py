"""Events of a stream that arrived together, read in one pass as far as they need to be."""

from io import BytesIO
from typing import NamedTuple

import msgspec

from conduit.v1.json_limits import SHORT, TOO_DEEP, is_one_too_deep
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.openai.contents import TEXT, has_odd, may_be_odd
from conduit_providers.codecs.openai.form import PLAIN, ChunkChoice
from conduit_providers.failures import malformed

DONE = b"[DONE]"
_BEGIN = b"data: {"
# Events that follow others, with their beginnings and without.
_FOLLOWING, _LINE = b"\n\ndata: {", b"\n{"
_DONE_EVENT = b"\n\ndata: [DONE]\n\n"
# How much shorter an event is for it.
_TAKEN = len(_FOLLOWING) - len(_LINE)


class Chunk(msgspec.Struct, gc=False):
    """The members of an event that decide what becomes of it."""

    choices: list[ChunkChoice] | None = None
    usage: object = None
    error: object = None


class Bare(msgspec.Struct):
    """The member by which an event without choices may say that something failed."""

    message: object = None


# A piece of the only choice, and nothing else: as most are.
USUAL = Chunk([ChunkChoice(0, PLAIN)])
read_bare = msgspec.json.Decoder(Bare).decode
read_chunk = msgspec.json.Decoder(Chunk).decode
_read_chunks = msgspec.json.Decoder(Chunk).decode_lines


class Burst(NamedTuple):
    """Events with a line of JSON each."""

    chunks: list[Chunk]
    # The lines, some of which may be blank.
    lines: bytes
    # Whether `[DONE]` follows them.
    is_ended: bool

    @property
    def is_bare(self) -> bool:
        """Return whether there is nothing else among the events, nor behind them."""
        return not self.is_ended and self.lines.find(b"\n\n") == len(self.lines) - 2

    def events(self) -> list[bytes]:
        """Return the JSON of each event, with a line end behind it."""
        # Files look for line ends many bytes at a time, `split` looks at each byte.
        lines = list(BytesIO(self.lines + b"\n" if self.is_ended else self.lines))
        if len(lines) != len(self.chunks):
            lines = [line for line in lines if line != b"\n"]
        return lines


def unsound(block: bytes, parts: list[bytes], provider: str) -> UpstreamError | None:
    """Return why no reader of events could read these, None if one can."""
    try:
        if not block.isascii():
            block.decode()
    except UnicodeDecodeError:
        return malformed(provider, "its stream is not UTF-8")
    return malformed(provider, f"an event {TOO_DEEP}") if is_one_too_deep(parts) else None


def read_one(block: bytes) -> Chunk | None:
    r"""Read an event that came alone, with `\n\n` behind it; None unless it is a plain one.

    The same as `read_burst` says of it, in half the time.
    """
    size = len(block)
    if size > SHORT or block.find(b"\n") != size - len(b"\n\n") or not block.startswith(_BEGIN):
        return None
    try:
        if not block.isascii():
            # As below.
            block.decode()
        chunk = read_chunk(block[len(_BEGIN) - 1 :])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if block.find(TEXT) < 0 and has_odd(block) else chunk


def read_burst(block: bytes) -> Burst | None:
    r"""Read whole events, with `\n\n` behind each; None if one is of another shape, or no JSON."""
    is_long = len(block) > SHORT and is_one_too_deep(block.split(b"\n\n"))
    if is_long or not block.startswith(_BEGIN):
        return None
    every = block[len(_BEGIN) - 1 :].replace(_FOLLOWING, _LINE)
    lines = every.removesuffix(_DONE_EVENT)
    try:
        if not block.isascii():
            # Decoders do not look at what they pass over.
            block.decode()
        chunks = _read_chunks(lines)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # A line that did not begin like an event is a part of none.
    taken = len(block) - (len(_BEGIN) - 1) - len(every)
    if taken != _TAKEN * (len(chunks) - 1) or may_be_odd(block, len(chunks)):
        return None
    return Burst(chunks, lines, is_ended=lines is not every)
