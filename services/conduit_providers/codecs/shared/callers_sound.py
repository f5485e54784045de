"""The caller's sound on its way to a provider: measured, and in the provider's format."""

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.sound_format import SoundFormat
from conduit_providers.codecs.shared.sound_stream import SoundStream

# Of one piece that becomes other sound, in seconds: others wait while it does.
_MOST_SECONDS = 60


class CallersSound:
    """Takes the pieces of one session; they are in the provider's format unless it is told."""

    def __init__(self) -> None:
        self._stream = SoundStream(SoundFormat(), SoundFormat())
        # Since the format is what it is, and before.
        self._bytes = self._before_ms = 0

    @property
    def format(self) -> SoundFormat:
        """Return what the caller sends."""
        return self._stream.source

    @property
    def milliseconds(self) -> int:
        """Return how long all of it was."""
        return self._before_ms + self._bytes * 1000 // self.format.bytes_per_second

    @property
    def has_begun(self) -> bool:
        """Return whether there was any."""
        return bool(self._bytes or self._before_ms)

    def become(self, source: SoundFormat, target: SoundFormat) -> None:
        """Take what the caller sends from here on, and what the provider takes."""
        if (source, target) == (self._stream.source, self._stream.target):
            return
        self._before_ms, self._bytes = self.milliseconds, 0
        self._stream = SoundStream(source, target)

    def feed(self, sound: bytes) -> bytes:
        """Return what a piece becomes. InvalidRequest if it is too long to become anything."""
        most = _MOST_SECONDS * self.format.bytes_per_second
        if self._stream.converts and len(sound) > most:
            said = f"The provider's sound is another: a piece lasts {_MOST_SECONDS} s at most"
            raise InvalidRequest(said, field="audio")
        self._bytes += len(sound)
        return self._stream.feed(sound)
