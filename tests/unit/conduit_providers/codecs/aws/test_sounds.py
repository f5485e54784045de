"""What an upload is, by its first bytes."""

import io
import wave

import pytest

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.codecs.aws.sounds import Sound, sound_of

# The rate is in 20 bits, behind the sizes of blocks and frames.
FLAC = b"fLaC\x00\x00\x00\x22" + bytes(10) + (44_100 << 4).to_bytes(3) + bytes(20)
OPUS = b"OggS\x00\x02" + bytes(20) + b"\x01\x13" + b"OpusHead\x01\x01"
VORBIS = b"OggS\x00\x02" + bytes(20) + b"\x01\x1e" + b"\x01vorbis"


def wav(*, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    """Return a file, written by Python's own library."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(rate)
        sound.writeframes(bytes(64))
    return file.getvalue()


def test_pcm_is_cut_into_tenths_of_a_second() -> None:
    """Where it begins, and ends, is what the file says."""
    assert sound_of(wav(), "P") == Sound("pcm", 16_000, 3_200, 44, 64, 32_000)


def test_compressed_sound_goes_as_it_is() -> None:
    """The head belongs to it; how long a piece lasts is not known."""
    assert sound_of(FLAC, "P") == Sound("flac", 44_100, 8_192)
    assert sound_of(OPUS, "P") == Sound("ogg-opus", 48_000, 1_024)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"ID3",
        FLAC[:20],
        OPUS[:30],
        VORBIS,
        wav()[:40],
        wav(channels=2),
        wav(width=1),
        wav(rate=7_999),
        wav(rate=48_001),
    ],
)
def test_what_is_not_heard_is_refused_with_the_list_of_what_is(head: bytes) -> None:
    """Another provider may hear it."""
    with pytest.raises(UnsupportedCapability, match="P hears flac, ogg with Opus, and wav"):
        sound_of(head, "P")
