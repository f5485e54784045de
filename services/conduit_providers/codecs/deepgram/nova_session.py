"""A session with Deepgram's Nova: results come in pieces, which a silence ends.

https://developers.deepgram.com/docs/understand-endpointing-interim-results
"""

from collections.abc import Iterator, Sequence

import msgspec

from conduit_providers.codecs.deepgram.languages import LIVE, MULTI, language_of
from conduit_providers.codecs.deepgram.options import ConverseModel
from conduit_providers.codecs.shared.session_messages import failed, message
from conduit_providers.codecs.shared.transcription_session import Handshake, TranscriptionSession
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.quantities import Qualifiers
from conduit_providers.session_codec import Frame, KeepAlive, Step

# It hangs up after 10 s without sound: https://developers.deepgram.com/docs/audio-keep-alive
_KEEP_ALIVE = KeepAlive(4.0, '{"type":"KeepAlive"}')
# How near to the end of the sound a result is that has all of it.
_NEAR_MS = 100


class _Alternative(msgspec.Struct):
    transcript: str = ""


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative] = []


class _Message(msgspec.Struct):
    type: str
    # Results; `channel` of the others is a list.
    channel: _Channel | list[int] | None = None
    start: float = 0.0
    duration: float = 0.0
    is_final: bool = False
    speech_final: bool = False
    from_finalize: bool = False
    # SpeechStarted.
    timestamp: float = 0.0
    # Error.
    variant: str = ""
    description: str = ""


_READER = msgspec.json.Decoder(_Message)


class NovaSession(TranscriptionSession):
    """Translates one session."""

    keep_alive: KeepAlive | None = _KEEP_ALIVE

    def __init__(self, call: ConverseCall, handshake: Handshake, facts: ConverseModel) -> None:
        super().__init__(call, handshake)
        self._facts = facts
        # Pieces that are final, of an utterance that is not.
        self._pieces: list[str] = []
        # Of the sound, in milliseconds: what is final, and what the caller's items have.
        self._final = self._due = 0.0

    @property
    def qualifiers(self) -> Qualifiers:
        """Return what the price depends on: live sound costs more than recordings."""
        language = language_of(self.settings, self._facts)
        return (*super().qualifiers, *((MULTI,) if language == MULTI[1] else ()), LIVE)

    def first_steps(self) -> Sequence[Step]:
        """Open the session: who accepts the handshake holds it, and says nothing before sound."""
        return self.opened()

    def last_frames(self) -> Sequence[Frame]:
        """End the stream."""
        return ('{"type":"CloseStream"}',)

    def sound(self, sound: bytes) -> Frame:
        """Send it as it is."""
        return sound

    def commit(self) -> Sequence[Step]:
        """Have the rest of the sound transcribed now, unless there is none."""
        self._due = self.sent
        if self._has_all():
            return tuple(self._end())
        return ('{"type":"Finalize"}',)

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in a message; those that are not known say nothing to the caller."""
        found = message(frame, _READER, self.call.provider)
        if found.type == "Results":
            return tuple(self._result(found))
        if found.type == "SpeechStarted":
            return tuple(self.speech(found.timestamp * 1000))
        if found.type == "UtteranceEnd" and self._pieces:
            return tuple(self._end())
        if found.type == "Error":
            return tuple(failed(self, found.variant, found.description))
        return ()

    def _result(self, found: _Message) -> Iterator[Step]:
        start, end = found.start * 1000, (found.start + found.duration) * 1000
        self.heard_until(end)
        channel = found.channel if isinstance(found.channel, _Channel) else _Channel()
        text = channel.alternatives[0].transcript if channel.alternatives else ""
        if text:
            yield from self.speech(start)
            yield from self.guess(" ".join([*self._pieces, text]))
        if not found.is_final:
            return
        if text:
            self._pieces.append(text)
        self._final = end
        is_due = self.is_committed and (found.from_finalize or self._has_all())
        if is_due or (found.speech_final and self._pieces):
            yield from self._end()

    def _has_all(self) -> bool:
        return self._final >= self._due - _NEAR_MS

    def _end(self) -> Iterator[Step]:
        text, self._pieces = " ".join(self._pieces), []
        yield from self.finish(text, self._final)
