"""What Amazon Transcribe hears, event by event.

https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_TranscriptEvent.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.shared.aws_eventstream import Frame, FrameBuffer
from conduit_providers.codecs.shared.transcript_formats import Heard, Segment, SpokenWord
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader

# The status that each exception has where it is an answer of its own.
_STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "BadRequestException": 400,
        "ConflictException": 409,
        "InternalFailureException": 500,
        "LimitExceededException": 429,
        "ServiceUnavailableException": 503,
    }
)
# "a minimum per request charge of 15 seconds": https://aws.amazon.com/transcribe/pricing/
LEAST_SECONDS = 15.0
_PUNCTUATION = "punctuation"
# In which words do not stand apart.
_UNSPACED = ("ja", "th", "zh")


class _Item(msgspec.Struct, rename="pascal"):
    content: str
    type: str = ""
    start_time: float = 0.0
    end_time: float = 0.0
    speaker: str | None = None


class _Alternative(msgspec.Struct, rename="pascal"):
    transcript: str = ""
    items: list[_Item] = []


class Result(msgspec.Struct, rename="pascal"):
    """A stretch of speech; a partial one is heard again."""

    alternatives: list[_Alternative] = []
    is_partial: bool = False
    start_time: float = 0.0
    end_time: float = 0.0
    language_code: str | None = None

    @property
    def text(self) -> str:
        """Return what was said."""
        return self.alternatives[0].transcript if self.alternatives else ""

    @property
    def gap(self) -> str:
        """Return what is between it and what was said before."""
        return "" if (self.language_code or "").startswith(_UNSPACED) else " "


class _Transcript(msgspec.Struct, rename="pascal"):
    results: list[Result] = []


class _Event(msgspec.Struct, rename="pascal"):
    transcript: _Transcript | None = None
    message: str = ""


_DECODER = JsonReader(_Event)


def results_in(frames: Iterable[Frame], provider: str) -> Iterator[Result]:
    """Yield what was heard for good. UpstreamError if an event says that hearing failed."""
    return (each for each in heard_results(frames, provider) if not each.is_partial)


def heard_results(frames: Iterable[Frame], provider: str) -> Iterator[Result]:
    """Yield what was heard, guesses at it among it. UpstreamError, as above."""
    for frame in frames:
        try:
            event = _DECODER.decode(frame.payload or b"{}")
        except msgspec.DecodeError as error:
            raise malformed(provider, "an event is not one of transcriptions") from error
        if not frame.is_event:
            raise _failure(frame, event, provider)
        found = event.transcript.results if event.transcript is not None else ()
        yield from (result for result in found if result.text)


def whole_frames(messages: bytes, provider: str) -> Iterator[Frame]:
    """Yield the frames of all messages."""
    yield from FrameBuffer(provider).feed(messages)


def _failure(frame: Frame, event: _Event, provider: str) -> UpstreamError:
    told = {"message": event.message or frame.words, "type": frame.name}
    return error_in_stream(told, provider, _STATUSES.get(frame.name, 500))


def heard_in(results: Sequence[Result], language: str) -> Heard:
    """Put together what was heard."""
    text = ""
    for result in results:
        text += (result.gap if text else "") + result.text
    named = next((each.language_code for each in results if each.language_code), None)
    return Heard(
        text,
        max((each.end_time for each in results), default=0.0),
        named or language,
        [word for result in results for word in _words(result)],
        [Segment(each.text, each.start_time, each.end_time) for each in results],
    )


def _words(result: Result) -> Iterator[SpokenWord]:
    """Yield words with what is written behind them."""
    word: SpokenWord | None = None
    for item in result.alternatives[0].items:
        if item.type == _PUNCTUATION and word is not None:
            word = msgspec.structs.replace(word, text=word.text + item.content)
            continue
        if word is not None:
            yield word
        speaker = "" if item.speaker is None else f"speaker_{item.speaker}"
        is_spaced = bool(result.gap)
        word = SpokenWord(item.content, item.start_time, item.end_time, speaker, is_spaced)
    if word is not None:
        yield word
