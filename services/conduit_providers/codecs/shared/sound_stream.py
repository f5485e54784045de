"""Sound of sessions in another format than the other side has, converted as it comes and goes."""

from conduit_providers.codecs.shared.sound_format import LAWS, PCM, SoundFormat
from conduit_providers.codecs.shared.sound_steps import LawReader, SoundSteps, load_library

_SAMPLE_BYTES = 2


class SoundStream:
    """Makes sound of one format sound of another, which sounds as one however it was cut."""

    def __init__(self, source: SoundFormat, target: SoundFormat) -> None:
        """Take both formats; where they are the same one, sound passes as it is."""
        self.source, self.target = source, target
        # Part of a sample.
        self._rest = b""
        self._reader: LawReader | None = None
        self._steps: SoundSteps | None = None
        if self.converts:
            load_library()

    @property
    def converts(self) -> bool:
        """Return whether sound becomes other sound."""
        return self.source != self.target

    def feed(self, sound: bytes) -> bytes:
        """Return what a piece becomes; the last samples wait for those that follow."""
        if not self.converts:
            return sound
        samples = self._samples(sound)
        if not samples or self.target == SoundFormat(PCM, self.source.rate):
            return samples
        if self._steps is None:
            target = self.target
            self._steps = SoundSteps(1, self.source.rate, target.rate, LAWS.get(target.type))
        return self._steps.feed(samples)

    def end(self) -> bytes:
        """Return what waited; what is fed next begins anew."""
        steps, self._steps, self._rest = self._steps, None, b""
        return b"" if steps is None else steps.close()

    def _samples(self, sound: bytes) -> bytes:
        law = LAWS.get(self.source.type)
        if law is not None:
            if self._reader is None:
                self._reader = LawReader(law, self.source.rate)
            return self._reader.feed(sound) if sound else b""
        sound = self._rest + sound
        whole = len(sound) - len(sound) % _SAMPLE_BYTES
        self._rest = sound[whole:]
        return sound[:whole]
