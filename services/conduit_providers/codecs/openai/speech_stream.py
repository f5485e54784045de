"""The events of speech in OpenAI's dialect: passed on, or their sound alone.

https://platform.openai.com/docs/api-reference/audio/speech-audio-delta-event
"""

from base64 import b64decode
from binascii import Error as Base64Error
from copy import copy
from typing import Any

import msgspec

from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.passed_events import EventHead, PassingDecoder, one_line
from conduit_providers.codecs.shared.skipping import may_skip
from conduit_providers.codecs.shared.sound_converter import SoundConverter
from conduit_providers.codecs.shared.speeches import SpeechWriter, together, wish_of
from conduit_providers.codecs.shared.sse import SseEvent, events_in
from conduit_providers.failures import malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import AUDIO_OUTPUT, INPUT, Quantities, counted
from conduit_providers.speech import SpeechEvents, spoken_tokens

_DELTA = "speech.audio.delta"
_DONE = "speech.audio.done"


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Event(EventHead):
    audio: str | None = None
    usage: object = None


_DECODER = JsonReader(_Event)


class OpenAISpeechDecoder(PassingDecoder[_Event, SpeechEvents]):
    """Reads the events of one answer."""

    def __init__(self, call: Call[Any], converter: SoundConverter | None = None) -> None:
        """Take the call, which says whether its caller wants events, and what makes the format."""
        super().__init__(call.provider, _DECODER, SpeechEvents)
        self._wish = wish_of(call)
        self._writer = SpeechWriter(self._wish)
        self._converter = converter
        self._usage: Quantities | None = None
        # Of the events that arrived together.
        self._sound = b""

    @property
    def has_finished(self) -> bool:
        """Return whether all of the sound is there."""
        return self.done

    @property
    def usage(self) -> Quantities | None:
        """Return what the last event says."""
        return self._usage

    def _pass_on(self, block: bytes) -> SpeechEvents | None:
        passed: list[bytes] = []
        for event in events_in(block):
            if self.done:
                break
            try:
                data = one_line(event)
                self._read(event, data)
                passed.append(_as_sent(event, data))
            except UpstreamError as error:
                if not self.emitted or not may_skip(error, b"", self.skipped):
                    self._failure = copy(error)
                    break
                self.skipped += 1
        found = self._handed_out(b"".join(passed))
        if self._failure is not None and found is None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return found

    def _handed_out(self, passed: bytes) -> SpeechEvents | None:
        sound, self._sound = self._sound, b""
        if self._converter is not None:
            return self._converted(sound, self._converter)
        if self._wish.is_of_events:
            kind = self._writer.first_type() if passed else ""
            return SpeechEvents(sse=passed, content_type=kind) if passed else None
        return self._writer.piece(sound) if sound else None

    def _converted(self, sound: bytes, converter: SoundConverter) -> SpeechEvents | None:
        made = converter.feed(sound)
        if not self.done:
            return self._writer.piece(made) if made else None
        made += converter.close()
        last = self._writer.piece(made) if made else None
        return together(last, self._writer.end(self._usage))

    def _look_at(self, event: _Event) -> None:
        if event.type == _DONE:
            if not self.emitted:
                raise malformed(self._provider, "it has no sound")
            self._usage = speech_usage(event.usage)
            self.done = True
        elif event.type == _DELTA:
            self._sound += self._sound_of(event)

    def _sound_of(self, event: _Event) -> bytes:
        try:
            sound = b64decode(event.audio or "", validate=True)
        except (Base64Error, ValueError) as error:
            raise malformed(self._provider, "an event has no sound") from error
        if sound and not self.emitted:
            # Of the whole speech: nobody says how long the piece is.
            self.emitted = max(1, spoken_tokens(self._wish.seconds))
        return sound


def speech_usage(reported: object) -> Quantities | None:
    """Return what a usage object says; None if the provider did not count, or makes no sense."""
    try:
        usage = msgspec.convert(reported, _Usage | None, strict=False)
    except msgspec.ValidationError:
        return None
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    leaves = ((INPUT, usage.input_tokens or 0), (AUDIO_OUTPUT, usage.output_tokens or 0))
    return counted(leaves)


def _as_sent(event: SseEvent, data: bytes) -> bytes:
    """Return an event as it came."""
    if event.event == b"message":
        return b"data: %b\n\n" % data
    return b"event: %b\ndata: %b\n\n" % (event.event, data)
