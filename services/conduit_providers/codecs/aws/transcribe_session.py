"""A session with Amazon Transcribe: guesses at a stretch of speech, and its words at its end.

https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_StartStreamTranscription.html
"""

from collections.abc import Iterator, Sequence

from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_MILLISECOND
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.aws.transcripts import LEAST_SECONDS, Result, heard_results
from conduit_providers.codecs.shared.aws_eventstream import FrameBuffer, event_frame
from conduit_providers.codecs.shared.pause_session import PauseSession
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings
from conduit_providers.failures import malformed
from conduit_providers.quantities import Qualifiers, Quantities, counted
from conduit_providers.session_codec import Frame, KeepAlive, SessionEvent, Step

_AUDIO_MILLISECOND = int(UNIT_AUDIO_INPUT_MILLISECOND)
# "The maximum audio chunk size is 32 KB."
MOST_BYTES = 32 * 1024
LEAST_MILLISECONDS = int(1000 * LEAST_SECONDS)
_SOUND_TYPE = "application/octet-stream"
_PLACE = "session.audio.input"
# It hangs up after 15 s without sound, and takes silence for some: a tenth of a second of it, at
# the rate of most sessions.
_KEEP_ALIVE = KeepAlive(5.0, event_frame("AudioEvent", bytes(4800), _SOUND_TYPE))


class TranscribeSession(PauseSession):
    """Translates one session. Turns end where the provider hears a pause, and nowhere else."""

    keep_alive: KeepAlive | None = _KEEP_ALIVE
    most_bytes = MOST_BYTES

    @property
    def qualifiers(self) -> Qualifiers:
        """Return nothing: words to expect are not told."""
        return ()

    def uncounted(self, milliseconds: int) -> Quantities | None:
        """Return how much sound was sent that nothing came of yet, and what is paid at least."""
        rest = max(self.sent, LEAST_MILLISECONDS) - self.heard if self.sent else 0
        return counted(((_AUDIO_MILLISECOND, rest),)) if rest > 0 else None

    def check(self, settings: TranscriptionSettings) -> None:
        """Tell what the provider does not take. InvalidRequest for turns that callers end."""
        super().check(settings)
        if settings.keywords:
            self.call.drop(f"{_PLACE}.transcription.keywords", self.call.provider)

    def sound(self, sound: bytes) -> Frame:
        """Send it in an event."""
        return event_frame("AudioEvent", sound, _SOUND_TYPE)

    def first_steps(self) -> Sequence[Step]:
        """Open the session: who accepts the handshake holds it, and says nothing before sound."""
        return self.opened()

    def last_frames(self) -> Sequence[Frame]:
        """End the sound, by an event without any."""
        return (self.sound(b""),)

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in an event."""
        provider = self.call.provider
        if isinstance(frame, str):
            raise malformed(provider, "a message is no event")
        # Each has its event, and all of it.
        buffer = FrameBuffer(provider)
        steps: list[Step] = []
        try:
            for result in heard_results(buffer.feed(frame), provider):
                steps += self._result(result)
        except UpstreamError as error:
            code = error.metadata.get("upstream_code")
            if not code:
                # An event that made no sense.
                raise
            steps.append(self._fail(error, code))
        if buffer.is_within_message:
            raise malformed(provider, "an event is cut")
        return steps

    def _result(self, found: Result) -> Iterator[Step]:
        self.heard_until(found.end_time * 1000)
        yield from self.speech(found.start_time * 1000)
        if found.is_partial:
            yield from self.guess(found.text)
        else:
            yield from self.finish(found.text, found.end_time * 1000)

    def _fail(self, error: UpstreamError, code: str) -> SessionEvent:
        """Note a failure, and tell it the caller."""
        self.failure = error
        kind = "server_error" if error.is_transient else "invalid_request_error"
        return self.events.failure(kind, code, str(error))
