"""PCM, WAV, mu-law and A-law made of one another by FFmpeg, as the sound arrives."""

from conduit_providers.codecs.shared.sound_steps import SoundSteps
from conduit_providers.codecs.shared.wav import Samples, samples_in, wav_head
from conduit_providers.failures import malformed
from conduit_providers.speech import PCM_RATE, PHONE_RATE

# As FFmpeg calls the laws of telephones, each of which is at their rate.
_LAWS = {"alaw": "pcm_alaw", "mulaw": "pcm_mulaw"}
# Longer than the head of any WAV file, even with the tags that some put before the samples.
_MAX_HEAD_BYTES = 64 * 1024
_BITS = 16
_MOST_CHANNELS = 2


class SoundConverter:
    """Makes a format of samples of 16 bits, bare or in WAV, piece by piece.

    `pcm` and the laws have the rates that nobody needs to be told; `wav` keeps the rate.
    """

    def __init__(self, target: str, rate: int | None, provider: str) -> None:
        """Take the format, and the rate of bare samples; None where a WAV head says it."""
        self._target = target
        self._provider = provider
        self._samples = None if rate is None else Samples(1, rate, _BITS, 0, None)
        # What is not read yet: a head that is not whole, or a part of a sample.
        self._rest = b""
        # How many bytes of samples are still to come; None where only the end will tell.
        self._due: int | None = None
        self._has_head = False
        self._steps: SoundSteps | None = None

    def feed(self, data: bytes) -> bytes:
        """Return what the next bytes become; nothing while they are too few."""
        self._rest += data
        if self._samples is None and not self._read_head():
            return b""
        assert self._samples is not None  # noqa: S101 # told by its head
        size = self._samples.channels * _BITS // 8
        whole = len(self._rest) - len(self._rest) % size
        samples, self._rest = self._rest[:whole], self._rest[whole:]
        if self._due is not None:
            # Tags may follow.
            samples = samples[: self._due]
            self._due -= len(samples)
        return self._made(samples) if samples else b""

    def close(self) -> bytes:
        """Return what is still to come of all. UpstreamError if there was no head."""
        if self._samples is None:
            raise malformed(self._provider, "it is no WAV file of PCM")
        return b"" if self._steps is None else self._steps.close()

    def _read_head(self) -> bool:
        found = samples_in(self._rest)
        if found is None:
            if len(self._rest) > _MAX_HEAD_BYTES:
                raise malformed(self._provider, "it is no WAV file of PCM")
            return False
        if found.bits != _BITS or not 1 <= found.channels <= _MOST_CHANNELS:
            raise malformed(self._provider, "its WAV is not of 16 bits in one channel or two")
        self._samples, self._due = found, found.size
        self._rest = self._rest[found.begins_at :]
        return True

    def _made(self, samples: bytes) -> bytes:
        assert self._samples is not None  # noqa: S101 # known by now
        source = self._samples
        rate = self._rate_of(source)
        head = wav_head(rate) if self._target == "wav" and not self._has_head else b""
        self._has_head = True
        if self._target not in _LAWS and (source.channels, source.rate) == (1, rate):
            return head + samples
        if self._steps is None:
            law = _LAWS.get(self._target)
            self._steps = SoundSteps(source.channels, source.rate, rate, law)
        return head + self._steps.feed(samples)

    def _rate_of(self, source: Samples) -> int:
        if self._target == "wav":
            return source.rate
        return PHONE_RATE if self._target in _LAWS else PCM_RATE
