"""A transcription session at a provider that finds the ends of turns by itself, in pauses."""

from collections.abc import Iterator, Sequence

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.sound_format import PCM, SoundFormat
from conduit_providers.codecs.shared.transcription_session import TranscriptionSession
from conduit_providers.codecs.shared.transcription_settings import (
    TranscriptionSettings,
    TurnDetection,
)
from conduit_providers.session_codec import Step

_PLACE = "session.audio.input"


class PauseSession(TranscriptionSession):
    """Translates one session. Sound goes out as samples; turns end where a pause is heard."""

    # Of sound, in one frame.
    most_bytes: int

    def check(self, settings: TranscriptionSettings) -> None:
        """Tell what the provider does not take. InvalidRequest for turns that callers end."""
        if settings.turns is None:
            place = f"{_PLACE}.turn_detection"
            raise InvalidRequest(f"{self.call.provider} finds the ends of turns", field=place)
        if settings.turns != TurnDetection():
            self.call.drop(f"{_PLACE}.turn_detection", self.call.provider)

    def taken(self, sound: SoundFormat) -> SoundFormat:
        """Return the format that the provider takes."""
        return samples_of(sound)

    def pieces(self, sound: bytes) -> Iterator[bytes]:
        """Yield as much sound as a frame may have."""
        for at in range(0, len(sound), self.most_bytes):
            yield sound[at : at + self.most_bytes]

    def commit(self) -> Sequence[Step]:
        """Let the provider hear a pause, which ends what is being said, unless nothing is."""
        if self.sent <= self.heard:
            return tuple(self.finish("", self.sent))
        silence = silence_of(self.taken(self.settings.sound))
        return [self.sound(piece) for piece in self.pieces(silence)]


def samples_of(sound: SoundFormat) -> SoundFormat:
    """Return sound as samples, of whatever rate."""
    return SoundFormat(PCM, sound.rate)


def silence_of(sound: SoundFormat) -> bytes:
    """Return a second of silence, which a provider takes for a pause."""
    return bytes(2 * sound.rate)
