"""WAV, read and written by Python's own library."""

import io
import struct
import wave

import pytest

from conduit_providers.codecs.shared.wav import Samples, data_in, samples_in, wav_head


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_the_head_says_what_the_samples_are(rate: int) -> None:
    """One channel, 16 bits, at a rate; as many as follow."""
    samples = bytes(range(200))
    with wave.open(io.BytesIO(wav_head(rate) + samples)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (rate, 1, 2)
        assert sound.readframes(100) == samples


def test_the_samples_are_where_the_chunk_begins() -> None:
    """Whatever is before it; as many as it says."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(3)
        sound.setframerate(44_100)
        sound.writeframes(bytes(60))
    data = file.getvalue()
    assert samples_in(data) == Samples(2, 44_100, 24, 44, 60)
    # A chunk of an odd size is followed by a byte of nothing.
    before = b"LIST\x03\0\0\0abc\0"
    assert samples_in(data[:36] + before + data[36:]) == Samples(2, 44_100, 24, 56, 60)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_samples_of_no_known_number_go_on_to_the_end(size: int) -> None:
    """As of a sound that was written while it was made."""
    head = wav_head(8_000)[:-4] + struct.pack("<I", size)
    assert samples_in(head) == Samples(1, 8_000, 16, 44, None)


def test_the_kind_may_have_a_longer_name() -> None:
    """Of PCM it begins with the same number."""
    form = (
        struct.pack("<HHIIHH", 0xFFFE, 1, 8_000, 16_000, 2, 16) + bytes(8) + b"\x01\0" + bytes(14)
    )
    data = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(form)) + form + b"data\x02\0\0\0"
    assert samples_in(data) == Samples(1, 8_000, 16, 68, 2)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"RIFF\0\0\0\0AVI ",
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\0\0\0\0WAVEdata\x02\0\0\0",
        b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0\x01\0data\x02\0\0\0",
        # Floating point.
        wav_head(8_000).replace(b"\x10\0\0\0\x01", b"\x10\0\0\0\x03"),
        # A chunk that goes on behind what is there.
        b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff",
    ],
)
def test_what_has_no_samples_is_none(head: bytes) -> None:
    """Neither another format nor half a head is read."""
    assert samples_in(head) is None


def mulaw_file(samples: bytes) -> bytes:
    """Return a file of mu-law, which is no PCM."""
    form = (7).to_bytes(2, "little") + bytes(14)
    chunks = b"fmt \x10\0\0\0" + form + b"data" + len(samples).to_bytes(4, "little") + samples
    return b"RIFF\0\0\0\0WAVE" + chunks + b"\0" * (len(samples) % 2)


@pytest.mark.parametrize("samples", [b"", b"abc", b"abcd"])
def test_data_is_that_of_the_file_whatever_it_is(samples: bytes) -> None:
    """And not what fills it up, or follows; texts before it are passed over."""
    file = mulaw_file(samples)
    assert data_in(file) == samples
    assert data_in(file + b"LIST\x04\0\0\0abcd") == samples
    assert data_in(file[:12] + b"LIST\x03\0\0\0xyz\0" + file[12:]) == samples


def test_data_of_an_unknown_length_goes_to_the_end() -> None:
    """As of files that were sent while they were made."""
    assert data_in(wav_head(24_000) + b"abcd") == b"abcd"


@pytest.mark.parametrize("file", [b"", b"RIFF", b"samples", mulaw_file(b"")[:30]])
def test_what_is_no_file_has_no_data(file: bytes) -> None:
    """It would be noise."""
    assert data_in(file) is None
