"""A session with Deepgram's Flux, which hears whose turn it is.

https://developers.deepgram.com/docs/flux/state
"""

from collections.abc import Iterator, Sequence

import msgspec

from conduit_providers.codecs.shared.session_messages import failed, message
from conduit_providers.codecs.shared.transcription_session import TranscriptionSession
from conduit_providers.session_codec import Frame, Step


class _Message(msgspec.Struct):
    type: str
    request_id: str = ""
    # TurnInfo.
    event: str = ""
    transcript: str = ""
    audio_window_start: float = 0.0
    audio_window_end: float = 0.0
    # Error.
    code: str = ""
    description: str = ""


_READER = msgspec.json.Decoder(_Message)


class FluxSession(TranscriptionSession):
    """Translates one session."""

    def last_frames(self) -> Sequence[Frame]:
        """End the stream."""
        return ('{"type":"CloseStream"}',)

    def sound(self, sound: bytes) -> Frame:
        """Send it as it is."""
        return sound

    def commit(self) -> Sequence[Step]:
        """End the turn."""
        return ('{"type":"ForceEndTurn"}',)

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in a message; those that are not known say nothing to the caller."""
        found = message(frame, _READER, self.call.provider)
        if found.type == "Connected":
            return self.opened(found.request_id)
        if found.type == "TurnInfo":
            return tuple(self._turn(found))
        if found.type == "Warning" and self.is_committed and not self.is_begun:
            # There was no turn to end.
            return tuple(self.finish("", self.sent))
        if found.type == "Error":
            return tuple(failed(self, found.code, found.description))
        return ()

    def _turn(self, found: _Message) -> Iterator[Step]:
        end = found.audio_window_end * 1000
        self.heard_until(end)
        if found.event == "EndOfTurn":
            yield from self.finish(found.transcript, end)
        elif found.event == "StartOfTurn" or found.transcript:
            yield from self.speech(found.audio_window_start * 1000)
            yield from self.guess(found.transcript)
