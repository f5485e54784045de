"""Formats of sound made of one another."""

import math
import struct
from itertools import pairwise

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.shared.sound_converter import SoundConverter
from conduit_providers.codecs.shared.wav import samples_in, wav_head

SECONDS = 0.5
# Of the loudest tone, as near as rounding and filters come.
LOUD = 12_000


def tone(rate: int, hertz: float = 440, seconds: float = SECONDS) -> bytes:
    """Return a tone as bare samples."""
    turns = (2 * math.pi * hertz * place / rate for place in range(round(rate * seconds)))
    return b"".join(struct.pack("<h", round(LOUD * math.sin(turn))) for turn in turns)


def made(target: str, rate: int | None, sound: bytes, size: int = 4096) -> bytes:
    """Return what a sound becomes that arrives in pieces."""
    converter = SoundConverter(target, rate, "P")
    pieces = [converter.feed(sound[at : at + size]) for at in range(0, len(sound), size)]
    return b"".join((*pieces, converter.close()))


def samples(sound: bytes) -> list[int]:
    """Return the samples of bare PCM."""
    return [value for (value,) in struct.iter_unpack("<h", sound)]


def pitch(sound: bytes, rate: int) -> float:
    """Return a tone's pitch, by how often it passes zero."""
    found = samples(sound)
    passes = sum(a < 0 <= b for a, b in pairwise(found))
    return passes * rate / len(found)


@pytest.mark.parametrize(
    ("target", "rate", "size"),
    [
        ("pcm", 16_000, 24_000),
        ("pcm", 8_000, 24_000),
        ("pcm", 24_000, 24_000),
        ("mulaw", 24_000, 4_000),
        ("alaw", 24_000, 4_000),
        ("mulaw", 8_000, 4_000),
        ("wav", 22_050, 22_050 + 44),
    ],
)
def test_a_format_lasts_as_long_wherever_the_sound_is_cut(
    target: str, rate: int, size: int
) -> None:
    """Bare or in WAV, byte by byte or at once, the bytes are the same ones."""
    sound = tone(rate)
    whole = made(target, rate, sound, len(sound))
    assert len(whole) == size
    assert {made(target, rate, sound, each) for each in (1, 7, 481)} == {whole}
    in_wav = wav_head(rate) + sound
    assert {made(target, None, in_wav, each) for each in (1, 45, len(in_wav))} == {whole}


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_a_tone_keeps_its_pitch_and_its_loudness(rate: int) -> None:
    """Only its rate is another."""
    found = made("pcm", rate, tone(rate))
    assert pitch(found, 24_000) == pytest.approx(440, abs=3)
    assert max(samples(found)) == pytest.approx(LOUD, rel=0.02)


def test_what_a_telephone_cannot_hold_is_left_out() -> None:
    """A tone of 7 kHz would sound as one of 1 kHz where it was not filtered away."""
    # FFmpeg's filter lets a little through; silence is 0xFF and its neighbours.
    high = made("mulaw", 24_000, tone(24_000, 7_000))
    quiet = sorted(~each & 0x7F for each in high)
    assert quiet[len(quiet) // 2] < 0x20
    low = sorted(~each & 0x7F for each in made("mulaw", 24_000, tone(24_000, 1_000)))
    assert low[len(low) // 2] > 0x50


@pytest.mark.parametrize(
    ("law", "codes"), [("mulaw", "ff 80 00 f2 72"), ("alaw", "d5 aa 2a d3 53")]
)
def test_the_laws_are_those_of_the_recommendation(law: str, codes: str) -> None:
    """Silence, the loudest, and a quiet one on both sides: ITU-T G.711."""
    sound = struct.pack("<5h", 0, 32_767, -32_768, 104, -104)
    assert made(law, 8_000, sound).hex(" ") == codes


def test_two_channels_become_one() -> None:
    """Each of them has its part."""
    left = samples(tone(24_000))
    sound = b"".join(struct.pack("<2h", each, 0) for each in left)
    head = bytearray(wav_head(24_000))
    head[22], head[32] = 2, 4
    found = made("pcm", None, bytes(head) + sound)
    assert len(found) == 2 * len(left)
    assert max(samples(found)) == pytest.approx(LOUD / 2, rel=0.02)


def test_tags_behind_the_samples_are_no_sound() -> None:
    """A head that says how many bytes follow is believed."""
    sound = tone(24_000)
    head = wav_head(24_000)[:40] + struct.pack("<I", len(sound))
    found = samples_in(head)
    assert found is not None
    assert found.size == len(sound)
    assert made("pcm", None, head + sound + b"LIST" + bytes(30)) == sound


@pytest.mark.parametrize(
    "sound",
    [b"", b"no sound", b"RIFF" + bytes(70_000), wav_head(24_000)[:34] + b"\x08" + wav_head(1)[35:]],
)
def test_what_is_no_wav_of_16_bits_is_malformed(sound: bytes) -> None:
    """Nothing, other words, a head without an end, samples of 8 bits."""
    with pytest.raises(UpstreamError):
        made("pcm", None, sound)
