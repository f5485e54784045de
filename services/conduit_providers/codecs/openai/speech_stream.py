"""The events of speech in OpenAI's dialect: passed on, or their sound alone.

https://platform.openai.com/docs/api-reference/audio/speech-audio-delta-event
"""

from base64 import b64decode
from binascii import Error as Base64Error
from copy import copy
from typing import Any

import msgspec

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.skipping import may_skip
from conduit_providers.codecs.shared.speeches import SpeechWriter, wish_of
from conduit_providers.codecs.shared.sse import EventBuffer, SseEvent, events_in
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import AUDIO_OUTPUT, INPUT, Quantities, counted
from conduit_providers.speech import SpeechEvents, spoken_tokens

_DELTA = "speech.audio.delta"
_DONE = "speech.audio.done"


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Event(msgspec.Struct):
    type: str = ""
    audio: str | None = None
    usage: object = None
    error: object = None
    message: object = None


_DECODER = JsonReader(_Event)


class OpenAISpeechDecoder:
    """Reads the events of one answer."""

    def __init__(self, call: Call[Any]) -> None:
        """Take the call, which says whether its caller wants events."""
        self.done = False
        self.emitted = 0
        self.skipped = 0
        self.usage: Quantities | None = None
        self._provider = call.provider
        self._wish = wish_of(call)
        self._writer = SpeechWriter(self._wish)
        self._buffer = EventBuffer(call.provider)
        self._failure: UpstreamError | None = None

    @property
    def has_finished(self) -> bool:
        """Return whether all of the sound is there."""
        return self.done

    def feed(self, data: bytes) -> SpeechEvents | None:
        """Take the next bytes; return what they complete, or None.

        UpstreamError if the provider reports a failure or sends malformed; what came before that
        is returned first.
        """
        if self._failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return self._read(self._buffer.feed(data))

    def close(self) -> SpeechEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            # As above.
            raise copy(self._failure)
        found = None if self.done else self._read_rest()
        if not self.done:
            raise StreamInterrupted(
                f"{self._provider} ended the stream before the speech was complete",
                provider=self._provider,
            )
        return found

    def _read_rest(self) -> SpeechEvents | None:
        # Some servers forget the blank line behind the last event.
        rest = self._buffer.held.strip(b"\n")
        try:
            return self._read(rest + b"\n\n") if rest else None
        except UpstreamError as error:
            if error.metadata.get("kind") != "malformed":
                raise
            # It was cut off.
            return None

    def _read(self, block: bytes) -> SpeechEvents | None:
        audio: list[bytes] = []
        passed: list[bytes] = []
        for event in events_in(block):
            if self.done:
                break
            try:
                audio.append(self._looked_at(event))
                passed.append(_as_sent(event))
            except UpstreamError as error:
                if not self.emitted or not may_skip(error, b"", self.skipped):
                    self._failure = error.with_traceback(None)
                    break
                self.skipped += 1
        found = self._handed_out(b"".join(audio), b"".join(passed))
        if self._failure is not None and found is None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return found

    def _handed_out(self, audio: bytes, passed: bytes) -> SpeechEvents | None:
        if self._wish.is_of_events:
            kind = self._writer.first_type() if passed else ""
            return SpeechEvents(sse=passed, content_type=kind) if passed else None
        return self._writer.piece(audio) if audio else None

    def _looked_at(self, event: SseEvent) -> bytes:
        """Return the sound of an event. UpstreamError if it is a failure, or malformed."""
        try:
            found = _DECODER.decode(event.data)
        except msgspec.DecodeError as error:
            raise malformed(self._provider, "an event is not one of speech") from error
        if found.error is not None or "error" in {found.type, event.event.decode("latin-1")}:
            raise error_in_stream(found.error or found.message, self._provider)
        if found.type == _DONE:
            return self._finished(found)
        return self._sound_of(found) if found.type == _DELTA else b""

    def _finished(self, found: _Event) -> bytes:
        if not self.emitted:
            raise malformed(self._provider, "it has no sound")
        self.usage = speech_usage(found.usage)
        self.done = True
        return b""

    def _sound_of(self, found: _Event) -> bytes:
        try:
            sound = b64decode(found.audio or "", validate=True)
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


def _as_sent(event: SseEvent) -> bytes:
    """Return an event as it came."""
    data = event.data.replace(b"\n", b" ").strip()
    if event.event == b"message":
        return b"data: %b\n\n" % data
    return b"event: %b\ndata: %b\n\n" % (event.event, data)
