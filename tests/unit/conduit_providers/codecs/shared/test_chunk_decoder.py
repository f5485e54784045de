"""What all decoders of chunks do, shown by one of a dialect that is no more than words."""

from collections.abc import Iterable

import pytest

from conduit.v1.chat_chunk_pb2 import ChatCompletionChunk, ChatDelta
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codecs.shared.chunk_decoder import ChunkDecoder, EventDecoder
from conduit_providers.codecs.shared.counts import token_totals
from conduit_providers.codecs.shared.skipping import MAX_SKIPPED
from conduit_providers.codecs.shared.sse import SseEvent
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.operations.chat import ChatCall, chat_request
from conduit_providers.quantities import plain


def call(*, include_usage: bool = False) -> ChatCall:
    """Return a streamed call."""
    return Call(
        chat_request(json=b'{"model":"a","messages":[]}'),
        alias="a",
        model="m",
        stream=True,
        include_usage=include_usage,
        provider="Lumen",
        created=7,
    )


class Words(EventDecoder):
    """Says the data of each event; `end`, `fail` and `bad` are what they say."""

    def _read(self, piece: SseEvent, chunks: list[ChatCompletionChunk]) -> None:
        match piece.data:
            case b"end":
                self.done = True
                self.usage = plain(1, 2)
                self._add_usage(token_totals(self.usage), chunks)
            case b"fail":
                raise error_in_stream("overloaded", "Lumen")
            case b"bad":
                raise malformed("Lumen", "an event is none")
            case word:
                self._chunk(chunks, ChatDelta(content=word.decode()))


def said(events: ChatEvents | None) -> list[str]:
    """Return the words of pieces that came together."""
    chunks = events.chunks if events else ()
    return [choice.delta.content for chunk in chunks for choice in chunk.choices]


def test_chunks_have_what_all_of_an_answer_have() -> None:
    """And are counted as about one token each."""
    decoder = Words(call())
    events = decoder.feed(b"data: a\n\ndata: b\n\nda")
    assert events is not None
    assert [(c.object, c.created, c.model) for c in events.chunks] == [
        ("chat.completion.chunk", 7, "m")
    ] * 2
    assert decoder.feed(b"ta: c") is None
    assert decoder.emitted == 2


def test_nothing_behind_the_end_is_read() -> None:
    """In the same piece, or in a later one."""
    decoder = Words(call(include_usage=True))
    events = decoder.feed(b"data: a\n\ndata: end\n\ndata: b\n\n")
    assert events is not None
    assert said(events) == ["a"]
    assert events.chunks[-1].usage.total_tokens == 3
    assert decoder.feed(b"data: fail\n\n") is None
    assert decoder.close() is None


def test_counts_are_told_to_those_who_asked() -> None:
    """They are known all the same."""
    decoder = Words(call())
    assert decoder.feed(b"data: end\n\n") is None
    assert decoder.usage == plain(1, 2)


def test_what_came_before_a_failure_comes_first() -> None:
    """Then the failure, as often as somebody asks."""
    decoder = Words(call())
    assert said(decoder.feed(b"data: a\n\ndata: fail\n\ndata: b\n\n")) == ["a"]
    for _ in range(2):
        with pytest.raises(UpstreamError):
            decoder.feed(b"data: c\n\n")
    with pytest.raises(UpstreamError):
        decoder.close()


@pytest.mark.parametrize("word", [b"fail", b"bad"])
def test_a_failure_at_once_is_raised_at_once(word: bytes) -> None:
    """Another candidate can still be asked."""
    with pytest.raises(UpstreamError):
        Words(call()).feed(b"data: %b\n\ndata: a\n\n" % word)


def test_an_event_that_makes_no_sense_is_left_out_once_the_answer_has_begun() -> None:
    """And counted; more than may be left out are a failure."""
    decoder = Words(call())
    assert said(decoder.feed(b"data: a\n\ndata: bad\n\ndata: b\n\n")) == ["a", "b"]
    assert decoder.skipped == 1
    with pytest.raises(UpstreamError, match="makes no sense"):
        decoder.feed(b"data: bad\n\n" * MAX_SKIPPED)


def test_an_answer_that_comes_to_nothing_says_what_was_left_out() -> None:
    """That is likelier to be why than a cut."""
    decoder = Words(call())
    decoder.feed(b"data: a\n\ndata: bad\n\n")
    with pytest.raises(UpstreamError, match="makes no sense"):
        decoder.close()


def test_the_last_event_may_lack_its_end() -> None:
    """A stream that ends without its last word was cut off, whatever is left of it."""
    decoder = Words(call())
    decoder.feed(b"data: a\n\ndata: end")
    assert decoder.close() is None
    assert decoder.done
    for rest in (b"", b"data: b", b"data: bad"):
        decoder = Words(call())
        decoder.feed(b"data: a\n\n" + rest)
        with pytest.raises(StreamInterrupted, match="Lumen ended the stream"):
            decoder.close()


def test_a_failure_that_is_left_is_told_rather_than_the_cut() -> None:
    """It is why the stream ended."""
    decoder = Words(call())
    decoder.feed(b"data: a\n\ndata: fail")
    with pytest.raises(UpstreamError, match="overloaded"):
        decoder.close()


class Lines(ChunkDecoder[bytes]):
    """Says what it is fed; the end of the stream is a good end."""

    def _cut(self, data: bytes) -> Iterable[bytes]:
        return [data]

    def _bytes_of(self, piece: bytes) -> bytes:
        return piece

    def _rest(self) -> Iterable[bytes]:
        return [b"rest"]

    def _read(self, piece: bytes, chunks: list[ChatCompletionChunk]) -> None:
        self._chunk(chunks, ChatDelta(content=piece.decode()), index=1)

    def _end(self) -> list[ChatCompletionChunk]:
        self.done = True
        chunks: list[ChatCompletionChunk] = []
        self._chunk(chunks, ChatDelta(content="end"))
        return chunks


def test_dialects_without_an_end_mark_end_with_the_stream() -> None:
    """What that completes comes with it, and is counted."""
    decoder = Lines(call())
    decoder.feed(b"a")
    events = decoder.close()
    assert said(events) == ["rest", "end"]
    assert events is not None
    assert [chunk.choices[0].index for chunk in events.chunks] == [1, 0]
    assert decoder.emitted == 3
