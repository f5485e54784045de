"""The sound that Amazon Transcribe hears, told by an upload's first bytes.

https://docs.aws.amazon.com/transcribe/latest/dg/streaming.html
"""

from typing import NamedTuple

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.shared.wav import samples_in

# "an audio blob ... with a maximum duration of 1 second", and a tenth of that where it is known.
# https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_AudioEvent.html
_CHUNKS_PER_SECOND = 10
# Of compressed sound, of which nobody says how long it lasts: half a second of what is common.
_FLAC_CHUNK_BYTES = 8 * 1024
_OPUS_CHUNK_BYTES = 1024
_SAMPLE_BYTES = 2
OPUS = "ogg-opus"
_BITS = 16
# Of Opus, whatever it was made of: https://www.rfc-editor.org/rfc/rfc7845#section-5.1
_OPUS_RATE = 48_000
_RATES = range(8_000, 48_001)
# Where the bits with the rate begin: https://www.rfc-editor.org/rfc/rfc9639#section-8.2
_FLAC_RATE_AT = 18
_FLAC_HEAD_BYTES = 21


class Sound(NamedTuple):
    """An upload's sound: what it is, and how it is cut."""

    # As Transcribe names it.
    encoding: str
    rate: int
    chunk_bytes: int
    # Where the sound is in the upload; None where it goes on to the end.
    begins_at: int = 0
    size: int | None = None
    # 0 where nobody says.
    bytes_per_second: int = 0


def sound_of(head: bytes, provider: str) -> Sound:
    """Tell what an upload is. UnsupportedCapability for what Transcribe does not hear."""
    sound = _pcm(head) or _flac(head) or _opus(head)
    if sound is None or sound.rate not in _RATES:
        raise UnsupportedCapability(
            f"{provider} hears flac, ogg with Opus, and wav of one channel in 16 bits, all of them"
            f" of {_RATES.start} to {_RATES.stop - 1} Hz",
            field="file",
            capability="format",
        )
    return sound


def _pcm(head: bytes) -> Sound | None:
    found = samples_in(head)
    if found is None or found.channels != 1 or found.bits != _BITS:
        return None
    chunk = found.rate // _CHUNKS_PER_SECOND * _SAMPLE_BYTES
    in_second = found.rate * _SAMPLE_BYTES
    return Sound("pcm", found.rate, chunk, found.begins_at, found.size, in_second)


def _flac(head: bytes) -> Sound | None:
    if head[:4] != b"fLaC" or len(head) < _FLAC_HEAD_BYTES:
        return None
    # The first 20 bits of the three bytes.
    rate = int.from_bytes(head[_FLAC_RATE_AT:_FLAC_HEAD_BYTES]) >> 4
    return Sound("flac", rate, _FLAC_CHUNK_BYTES)


def _opus(head: bytes) -> Sound | None:
    # The first page has a head of 28 bytes, as it has one piece.
    if head[:4] != b"OggS" or head[28:36] != b"OpusHead":
        return None
    return Sound(OPUS, _OPUS_RATE, _OPUS_CHUNK_BYTES)
