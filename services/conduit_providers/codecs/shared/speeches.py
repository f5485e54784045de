"""What dialects of text to speech share: what is wished for, and how it is handed out."""

from typing import Any

import msgspec

from conduit.v1.speech_pb2 import SpeechEvent
from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.sound_converter import SoundConverter
from conduit_providers.codecs.shared.wav import wav_head
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import parsed
from conduit_providers.model_rows import SpeakModel
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint
from conduit_providers.speech import (
    DEFAULT_FORMAT,
    EVENTS_TYPE,
    MEDIA_TYPES,
    PCM_BYTES_PER_SECOND,
    UNKNOWN_TYPE,
    USUAL_CHARACTERS_PER_SECOND,
    SpeechEvents,
    spoken_tokens,
    usage_message,
)

MAX_ERROR_BYTES = 64 * 1024
# Answers of these types are no sound, whatever their status.
_TEXTS = ("application/json", "application/problem+json", "text/")
_SAMPLED = frozenset({"pcm", "wav"})
# Members of OpenAI's dialect, which others say in their own way.
_OPENAIS = frozenset(
    {
        *("input", "instructions", "model", "response_format", "speed", "stream_format", "voice"),
    }
)


class Wish(msgspec.Struct):
    """Members of a request for speech that a codec needs beside what it passes on."""

    input: str = ""
    response_format: str | None = None
    stream_format: str | None = None
    speed: float | None = None
    instructions: Any = None
    voice: Any = None

    @property
    def voice_name(self) -> str:
        """Return the voice's name, or its id; nothing where none is named."""
        named = self.voice.get("id") if isinstance(self.voice, dict) else self.voice
        return named if isinstance(named, str) else ""

    @property
    def format(self) -> str:
        """Return the format of the sound."""
        return self.response_format or DEFAULT_FORMAT

    @property
    def is_of_events(self) -> bool:
        """Return whether the caller wants events rather than bytes."""
        return self.stream_format == "sse"

    @property
    def seconds(self) -> float:
        """Return about how long the speech is."""
        return len(self.input) / USUAL_CHARACTERS_PER_SECOND / (self.speed or 1.0)


_read_wish = msgspec.json.Decoder(Wish).decode


def wish_of(call: Call[Any]) -> Wish:
    """Return what a call wishes for. InvalidRequest if it makes no sense."""
    try:
        return _read_wish(call.request.json)
    except msgspec.MsgspecError as error:
        raise InvalidRequest("The request is none for speech", field="") from error


def own_members(call: Call[Any]) -> dict[str, Any]:
    """Return what a wish says to its provider alone, beside what OpenAI's dialect has.

    InvalidRequest if that cannot be read.
    """
    try:
        members: dict[str, Any] = parsed(call.request.json)
    except msgspec.DecodeError as error:
        raise InvalidRequest("A member of the request cannot be read", field="") from error
    return {
        name: value for name, value in members.items() if value is not None and name not in _OPENAIS
    }


def check_length(call: Call[Any], wish: Wish, endpoint: Endpoint) -> None:
    """Refuse a text that is too long for the model."""
    facts: SpeakModel = endpoint.facts_of(call.model)
    most, length = facts.max_characters, len(wish.input)
    if most is not None and length > most:
        raise InvalidRequest(
            f"input has {length} characters, and {call.provider} speaks at most {most} at once",
            field="input",
            limit=str(most),
        )


def check_format(call: Call[Any], wish: Wish, endpoint: Endpoint) -> None:
    """Refuse a format that the provider lacks."""
    formats = sorted(endpoint.capabilities & MEDIA_TYPES.keys())
    if wish.format not in formats:
        raise UnsupportedCapability(
            f"{call.provider} has no {wish.format}; it has {', '.join(formats)}",
            field="response_format",
            capability=wish.format,
        )


class SpeechWriter:
    """Hands sound out as its caller wants it: bytes, or events."""

    __slots__ = ("_content_type", "_is_of_events", "has_begun")

    def __init__(self, wish: Wish, content_type: str = "") -> None:
        """Take what the provider says of its sound, where it does."""
        told = content_type.strip()
        if not told.lower().startswith("audio/"):
            told = MEDIA_TYPES.get(wish.format, UNKNOWN_TYPE)
        self._is_of_events = wish.is_of_events
        self._content_type = EVENTS_TYPE if wish.is_of_events else told
        self.has_begun = False

    def piece(self, audio: bytes) -> SpeechEvents:
        """Return more sound."""
        if not self._is_of_events:
            return SpeechEvents(audio=audio, content_type=self.first_type())
        event = SpeechEvent()
        event.speech_audio_delta.audio = audio
        return SpeechEvents(pieces=[event], content_type=self.first_type())

    def end(self, usage: Quantities | None) -> SpeechEvents | None:
        """Return what says that there is no more."""
        if not self._is_of_events:
            return None
        event = SpeechEvent()
        event.speech_audio_done.SetInParent()
        if usage is not None:
            event.speech_audio_done.usage.CopyFrom(usage_message(usage))
        return SpeechEvents(pieces=[event], content_type=self.first_type())

    def first_type(self) -> str:
        """Return the answer's media type, once."""
        if self.has_begun:
            return ""
        self.has_begun = True
        return self._content_type


def together(first: SpeechEvents | None, then: SpeechEvents | None) -> SpeechEvents | None:
    """Return what is handed out at once; None where both are nothing."""
    if first is None or then is None:
        return first or then
    return first.with_more(then)


class SoundDecoder:
    """Passes on the bytes of a provider's sound; their end is the end of the answer."""

    skipped = 0

    def __init__(
        self,
        call: Call[Any],
        usage: Quantities | None = None,
        converter: SoundConverter | None = None,
    ) -> None:
        """Take the call, what the answer's head says that it uses, and what makes the format."""
        self.usage = usage
        self.done = False
        self.has_finished = False
        self.emitted = 0
        self._provider = call.provider
        self._wish = wish_of(call)
        kind = call.answer_headers.get("content-type", "")
        self._is_sound = not kind.strip().lower().startswith(_TEXTS)
        self._converter = converter
        # Of what is converted, the provider says another type.
        self._writer = SpeechWriter(self._wish, "" if converter else kind)
        self._bytes = 0
        self._text = b""

    def feed(self, data: bytes) -> SpeechEvents | None:
        """Take the next bytes, which are handed out at once."""
        if not self._is_sound:
            self._text = (self._text + data)[:MAX_ERROR_BYTES]
            return None
        if self._converter is not None:
            data = self._converter.feed(data)
        return self._handed_out(data)

    def _handed_out(self, data: bytes) -> SpeechEvents | None:
        if not data:
            return None
        self._bytes += len(data)
        self.emitted = spoken_tokens(self._seconds())
        return self._writer.piece(data)

    def close(self) -> SpeechEvents | None:
        """Return what says that it is the end. UpstreamError if there was no sound."""
        if not self._is_sound:
            raise self._failure()
        rest = None
        if self._converter is not None:
            rest = self._handed_out(self._converter.close())
        if not self._writer.has_begun:
            raise malformed(self._provider, "it has no sound")
        self.done = self.has_finished = True
        return together(rest, self._writer.end(self.usage))

    def _seconds(self) -> float:
        if self._wish.format in _SAMPLED:
            return self._bytes / PCM_BYTES_PER_SECOND
        return self._wish.seconds

    def _failure(self) -> Exception:
        try:
            found = parsed(self._text)
        except msgspec.DecodeError:
            found = None
        if isinstance(found, dict) and found.get("error") is not None:
            return error_in_stream(found["error"], self._provider)
        return malformed(self._provider, "it is no sound")


class WavDecoder(SoundDecoder):
    """Puts the head of `wav` before a provider's samples, which are of 16 bits and one channel."""

    def __init__(self, call: Call[Any], usage: Quantities | None, rate: int) -> None:
        """Take the call, what it uses, and how many samples a second has."""
        super().__init__(call, usage)
        # The provider says that it is PCM.
        self._writer = SpeechWriter(self._wish)
        self._rate = rate

    def feed(self, data: bytes) -> SpeechEvents | None:
        """Take the next samples."""
        if data and self._is_sound and not self._writer.has_begun:
            data = wav_head(self._rate) + data
        return super().feed(data)
