"""What Ollama's dialect holds beyond the wire cases: any cut, any garbage, bounded memory."""

import random

import orjson
import pytest

from conduit_kernel.errors import ConduitError, StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.ollama.answer import read_piece
from conduit_providers.codecs.ollama.stream import OllamaChatDecoder
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.quantities import Quantities, plain

LAST = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
AT = "2026-11-23T12:00:01.414671123Z"


def line(text: str, **members: object) -> bytes:
    """Return a line of a stream."""
    message = {"role": "assistant", "content": text}
    raw = {"model": "m", "created_at": AT, "message": message, "done": False, **members}
    return orjson.dumps(raw) + b"\n"


STREAM = line("Grü") + b"\n" + line("ße") + line("", **LAST)


def call() -> ChatCall:
    """Return a streamed call."""
    raw = orjson.dumps({"model": "m", "messages": [], "stream": True})
    return Call(chat_request(json=raw), alias="m", model="m", stream=True, provider="P")


def read(*pieces: bytes) -> tuple[str, Quantities | None]:
    """Return the words and counts of a stream that arrives in pieces."""
    decoder = OllamaChatDecoder(call())
    found = [decoder.feed(piece) for piece in pieces if not decoder.done]
    if not decoder.done:
        found.append(decoder.close())
    chunks = [chunk for events in found if events for chunk in events.chunks]
    return "".join(chunk.choices[0].delta.content for chunk in chunks), decoder.usage


def test_stream_survives_any_cut() -> None:
    """Also in the middle of a character, and byte by byte."""
    whole = read(STREAM)
    assert whole == ("Grüße", plain(3, 2))
    assert all(read(STREAM[:i], STREAM[i:]) == whole for i in range(len(STREAM)))
    assert read(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == whole


def test_stream_without_its_end_never_looks_whole() -> None:
    """Wherever it ends; only the last line's end may be missing."""
    for end in range(len(STREAM) - 1):
        with pytest.raises(StreamInterrupted):
            read(STREAM[:end])
    assert read(STREAM[:-1]) == read(STREAM)


@pytest.mark.parametrize("seed", range(200))
def test_garbage_is_an_error_of_the_provider(seed: int) -> None:
    """Whatever is changed in a stream, it is read, or fails as the provider's fault."""
    draw = random.Random(seed)  # noqa: S311 # reproducible on purpose
    raw = bytearray(STREAM)
    for _ in range(draw.randint(1, 8)):
        raw[draw.randrange(len(raw))] = draw.randrange(256)
    size = draw.randint(1, len(raw))
    pieces = [bytes(raw[i : i + size]) for i in range(0, len(raw), size)]
    try:
        words, _ = read(*pieces)
    except ConduitError as error:
        assert isinstance(error, UpstreamError)  # noqa: PT017 # it need not raise
    else:
        assert isinstance(words, str)


def test_long_lines_are_read_and_endless_ones_are_not_kept() -> None:
    """A line may be long, as with logprobs, but memory is bounded."""
    text = "x" * (MAX_EVENT_BYTES // 2)
    assert read(line(text) + line("", **LAST))[0] == text
    decoder = OllamaChatDecoder(call())
    endless = b"x" * (1024 * 1024)
    for _ in range(MAX_EVENT_BYTES // len(endless)):
        assert decoder.feed(endless) is None
    with pytest.raises(UpstreamError, match="a line of more than"):
        decoder.feed(endless)


def test_lines_before_bad_ones_come_first() -> None:
    """One is left out, two are not: what was said comes first, the error with the next read."""
    decoder = OllamaChatDecoder(call())
    events = decoder.feed(line("Hi") + b"nonsense\n" * 2 + line("never"))
    assert events is not None
    assert [chunk.choices[0].delta.content for chunk in events.chunks] == ["", "Hi"]
    with pytest.raises(UpstreamError, match="makes no sense"):
        decoder.feed(b"")
    with pytest.raises(UpstreamError, match="makes no sense"):
        decoder.close()


def test_times_with_nanoseconds_and_without_sense() -> None:
    """Go's times have up to nine decimals; what is no time gives way to ours."""
    assert read_piece(line("x"), "P").created(7) == 1795435201
    assert read_piece(line("x", created_at="soon"), "P").created(7) == 7
