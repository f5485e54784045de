"""A session with ElevenLabs' Scribe: guesses at a segment, and its words once it is committed.

https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec
import orjson

from conduit.v1.converse_requests_pb2 import SESSION_END_REASON_EXPIRED
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.session_messages import failed, message
from conduit_providers.codecs.shared.sound_format import PCM, SoundFormat
from conduit_providers.codecs.shared.transcription_session import TranscriptionSession
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings
from conduit_providers.session_codec import Frame, Step
from conduit_providers.speech import PHONE_RATE

# elevenlabs 2.78.0: types.scribe_*_payload. Each stands for a status of HTTP.
_FAILURES: Mapping[str, int] = MappingProxyType(
    {
        "error": 500,
        "transcriber_error": 500,
        "auth_error": 401,
        "quota_exceeded": 402,
        "commit_throttled": 429,
        "queue_overflow": 429,
        "rate_limited": 429,
        "resource_exhausted": 429,
        "chunk_size_exceeded": 400,
        "input_error": 400,
        "insufficient_audio_activity": 400,
        "invalid_request": 400,
        "session_time_limit_exceeded": 408,
        "unaccepted_terms": 403,
    }
)
# After them nothing more comes of a commit.
_UNCOMMITTED = frozenset({"commit_throttled", "insufficient_audio_activity"})
_EXPIRED = "session_time_limit_exceeded"
_PLACE = "session.audio.input"
FORMATS: Mapping[SoundFormat, str] = MappingProxyType(
    {
        SoundFormat(): "pcm_24000",
        SoundFormat(PCM, PHONE_RATE): "pcm_8000",
        SoundFormat("audio/pcmu", PHONE_RATE): "ulaw_8000",
    }
)


def taken(sound: SoundFormat) -> SoundFormat:
    """Return the format itself, or PCM of the same rate where the provider does not take it."""
    return sound if sound in FORMATS else SoundFormat(PCM, sound.rate)


class _Message(msgspec.Struct):
    message_type: str
    session_id: str = ""
    text: str = ""
    # Of failures.
    error: str = ""


_READER = msgspec.json.Decoder(_Message)


class ScribeSession(TranscriptionSession):
    """Translates one session. It tells no times: an item's sound is what was sent until then."""

    def check(self, settings: TranscriptionSettings) -> None:
        """Raise InvalidRequest for silences that the provider does not take."""
        turns = settings.turns
        if turns is None:
            return
        if not 300 <= turns.silence_ms <= 3000:  # noqa: PLR2004 # as the reference has it
            place = f"{_PLACE}.turn_detection.silence_duration_ms"
            raise InvalidRequest("A silence lasts from 300 to 3000 ms", field=place)
        if turns.threshold is not None and not 0.1 <= turns.threshold <= 0.9:  # noqa: PLR2004 # so
            place = f"{_PLACE}.turn_detection.threshold"
            raise InvalidRequest("A threshold is in [0.1, 0.9]", field=place)

    def taken(self, sound: SoundFormat) -> SoundFormat:
        """Return the format that the provider takes."""
        return taken(sound)

    def sound(self, sound: bytes) -> Frame:
        """Send it in base64."""
        return self._chunk(b64encode(sound).decode(), commit=False)

    def commit(self) -> Sequence[Step]:
        """Commit the segment, unless it has no sound: nothing would come of it."""
        if self.sent == self.heard:
            return tuple(self.finish("", self.sent))
        return (self._chunk("", commit=True),)

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in a message; those that are not known say nothing to the caller."""
        found = message(frame, _READER, self.call.provider)
        kind = found.message_type
        if kind == "session_started":
            return self.opened(found.session_id)
        if kind == "partial_transcript" and found.text:
            return (*self.speech(self.heard), *self.guess(found.text))
        if kind == "committed_transcript":
            self.heard_until(self.sent)
            return tuple(self.finish(found.text, self.sent)) if self._is_item(found) else ()
        if kind in _FAILURES:
            if kind == _EXPIRED:
                self.end_reason = SESSION_END_REASON_EXPIRED
            return tuple(self._fail(kind, found.error))
        return ()

    def _fail(self, kind: str, words: str) -> Iterator[Step]:
        yield from failed(self, kind, words, _FAILURES[kind])
        if kind in _UNCOMMITTED and self.is_committed:
            yield from self.finish("", self.sent)

    def _is_item(self, found: _Message) -> bool:
        return bool(found.text) or self.is_begun or self.is_committed

    def _chunk(self, sound: str, *, commit: bool) -> Frame:
        chunk = {
            "message_type": "input_audio_chunk",
            "audio_base_64": sound,
            "commit": commit,
            "sample_rate": self.settings.rate,
        }
        return orjson.dumps(chunk).decode()
