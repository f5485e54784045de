"""What text to speech is made of: formats of sound, pieces of an answer, what is used."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

from conduit.v1 import charge_pb2
from conduit.v1.speech_json import speech_event_from_json, speech_event_to_json
from conduit.v1.speech_pb2 import SpeechEvent, SpeechRequest, SpeechUsage
from conduit_providers.operation import estimate_tokens
from conduit_providers.quantities import AUDIO_OUTPUT, INPUT, Quantities, counted
from conduit_providers.typed_events import TypedEvents

CHARACTER = int(charge_pb2.UNIT_CHARACTER)
EVENTS_TYPE = "text/event-stream"
DEFAULT_FORMAT = "mp3"
# By the format's name in requests. Those of OpenAI's answers, where it has the format.
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "aac": "audio/aac",
        "alaw": "audio/x-alaw-basic",
        "flac": "audio/flac",
        "mp3": "audio/mpeg",
        "mulaw": "audio/basic",
        "ogg": "audio/ogg",
        "opus": "audio/opus",
        "pcm": "audio/pcm",
        "wav": "audio/wav",
    }
)
UNKNOWN_TYPE = "application/octet-stream"
# Of `pcm`, as OpenAI documents it: 24 kHz, 16 bits, one channel.
# https://platform.openai.com/docs/guides/text-to-speech
PCM_RATE = 24_000
PCM_BYTES_PER_SECOND = 48_000
# Of `mulaw` and `alaw`, as telephones have them: 8 bits, one channel.
PHONE_RATE = 8_000
# OpenAI's estimate of $0.015 a minute, at $12 a million, comes to 21; Google says 25 of Gemini's.
# https://openai.com/api/pricing, https://ai.google.dev/gemini-api/docs/pricing
TOKENS_PER_SECOND = 25
# As slow as anybody speaks at the usual speed, and as most do.
LEAST_CHARACTERS_PER_SECOND = 4
USUAL_CHARACTERS_PER_SECOND = 15
SLOWEST = 0.25


class SpeechEvents(TypedEvents[SpeechEvent]):
    """Pieces of a speech that arrived together: its bytes, or events with them."""

    __slots__ = ("audio", "content_type")

    def __init__(
        self,
        *,
        audio: bytes | None = None,
        sse: bytes | None = None,
        pieces: Sequence[SpeechEvent] | None = None,
        content_type: str = "",
    ) -> None:
        """Take one of the three; the first pieces of an answer say what it is."""
        super().__init__(sse=sse, pieces=pieces)
        self.audio = audio
        self.content_type = content_type

    read_piece = staticmethod(speech_event_from_json)
    write_piece = staticmethod(speech_event_to_json)

    @property
    def size(self) -> int:
        """Return about how many bytes of memory it takes."""
        return super().size if self.audio is None else len(self.audio)

    def with_more(self, following: Any) -> Self:  # noqa: ANN401 # pieces of the same kind
        """Return these pieces and those that follow."""
        if self.audio is None:
            return super().with_more(following)
        audio = self.audio + (following.audio or b"")
        return type(self)(audio=audio, content_type=self.content_type)

    def with_sse(self, sse: bytes) -> Self:
        """Return pieces that are read like these, from other server-sent events."""
        return type(self)(sse=sse, content_type=self.content_type)

    def to_form(self, *, is_typed: bool) -> Self:
        """Make the form that the caller gets. UpstreamError if what the provider sent is no such.

        To be called while another candidate can still be asked.
        """
        return super().to_form(is_typed=is_typed) if self.audio is None else self


def usage_message(usage: Quantities) -> SpeechUsage:
    """Return counts as OpenAI's usage of speech has them."""
    read, written = usage.input_tokens, usage.output_tokens
    message = SpeechUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
    if characters := usage.count(CHARACTER):
        message.input_characters = characters
    return message


def spoken_tokens(seconds: float) -> int:
    """Return about how many tokens sound of this length is."""
    return round(seconds * TOKENS_PER_SECOND)


def characters_of(request: SpeechRequest) -> Quantities:
    """Count what is said."""
    return counted(((CHARACTER, len(request.input)),))


def tokens_of(request: SpeechRequest, emitted: int) -> Quantities:
    """Return about how many tokens were read, and written."""
    read = estimate_tokens(len(request.input) + len(request.instructions))
    return counted(((INPUT, read), (AUDIO_OUTPUT, emitted)))


def worst_speech(request: SpeechRequest) -> Quantities:
    """Return the most that a speech uses, by the character and by the token."""
    read = len(request.input.encode()) + len(request.instructions.encode())
    speed = max(SLOWEST, request.speed) if request.HasField("speed") else 1.0
    seconds = len(request.input) / LEAST_CHARACTERS_PER_SECOND / speed
    # A single word takes its time, too.
    written = spoken_tokens(seconds + 1)
    characters = len(request.input)
    return counted(((INPUT, read), (CHARACTER, characters), (AUDIO_OUTPUT, written)))
