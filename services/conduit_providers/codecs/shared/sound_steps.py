"""The way of sound through FFmpeg, piece by piece.

https://pyav.basswood-io.com/docs/stable/
"""

import functools
import threading
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from av import AudioFrame, AudioResampler
    from av.audio.codeccontext import AudioCodecContext

_LIBRARY = "av"
_LAYOUTS = {1: "mono", 2: "stereo"}
_SAMPLE_BYTES = 2


@functools.cache
def load_library() -> None:
    """Begin to load FFmpeg, once: it takes up to half a second, while the provider is asked."""
    threading.Thread(target=import_module, args=(_LIBRARY,), daemon=True).start()


class SoundSteps:
    """Brings samples of 16 bits to another rate, and to a law; keeps what the next ones need."""

    def __init__(self, channels: int, source_rate: int, rate: int, law: str | None) -> None:
        """Take what comes and what is wanted; laws by FFmpeg's names."""
        import av  # noqa: PLC0415 # see load_library

        self._frame_of = av.AudioFrame
        self._channels, self._rate = channels, source_rate
        self._resampler: AudioResampler = av.AudioResampler("s16", "mono", rate)
        self._law = None if law is None else _law(law, "w", rate)

    def feed(self, samples: bytes) -> bytes:
        """Return what samples become; the last ones wait for those that follow."""
        count = len(samples) // (self._channels * _SAMPLE_BYTES)
        frame = self._frame_of(format="s16", layout=_LAYOUTS[self._channels], samples=count)
        frame.sample_rate = self._rate
        frame.planes[0].update(samples)
        return self._after(self._resampler.resample(frame))

    def close(self) -> bytes:
        """Return what waited."""
        return self._after(self._resampler.resample(None))

    def _after(self, frames: "Iterable[AudioFrame]") -> bytes:
        if self._law is None:
            return samples_of(frames)
        law = self._law
        return b"".join(bytes(packet) for frame in frames for packet in law.encode(frame))


class LawReader:
    """Makes samples of 16 bits of what is in a law."""

    def __init__(self, law: str, rate: int) -> None:
        """Take the law by FFmpeg's name."""
        import av  # noqa: PLC0415 # see load_library

        self._packet_of = av.Packet
        self._law = _law(law, "r", rate)

    def feed(self, data: bytes) -> bytes:
        """Return the samples."""
        return samples_of(self._law.decode(self._packet_of(data)))


def samples_of(frames: "Iterable[AudioFrame]") -> bytes:
    """Return the samples of frames of 16 bits in one channel."""
    return b"".join(bytes(frame.planes[0])[: _SAMPLE_BYTES * frame.samples] for frame in frames)


def _law(name: str, mode: Literal["r", "w"], rate: int) -> "AudioCodecContext":
    import av  # noqa: PLC0415 # see load_library

    law = cast("AudioCodecContext", av.CodecContext.create(name, mode))
    law.sample_rate = rate
    law.layout, law.format = av.AudioLayout("mono"), av.AudioFormat("s16")
    return law
