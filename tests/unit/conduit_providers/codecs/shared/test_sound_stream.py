"""Sound that becomes sound of another format while it goes on."""

import math
import struct
from itertools import pairwise

import pytest

from conduit_providers.codecs.shared.sound_format import SoundFormat
from conduit_providers.codecs.shared.sound_stream import SoundStream

PCM24, PCM16, PCM48 = SoundFormat(), SoundFormat(rate=16_000), SoundFormat(rate=48_000)
PCM8 = SoundFormat(rate=8_000)
MULAW, ALAW = SoundFormat("audio/pcmu", 8_000), SoundFormat("audio/pcma", 8_000)
WAYS = [
    (PCM24, PCM16),
    (PCM16, PCM24),
    (PCM24, PCM48),
    (PCM48, PCM24),
    (PCM24, MULAW),
    (MULAW, PCM24),
    (ALAW, PCM16),
    (ALAW, PCM8),
    (MULAW, ALAW),
]
LOUD = 12_000
HERTZ = 440


def tone(sound: SoundFormat, seconds: float = 0.5) -> bytes:
    """Return a tone in a format."""
    rate = sound.rate
    turns = (2 * math.pi * HERTZ * place / rate for place in range(round(rate * seconds)))
    samples = b"".join(struct.pack("<h", round(LOUD * math.sin(turn))) for turn in turns)
    stream = SoundStream(SoundFormat(rate=rate), sound)
    return stream.feed(samples) + stream.end()


def samples_of(sound: bytes, form: SoundFormat) -> list[int]:
    """Return the samples of a sound in a format."""
    stream = SoundStream(form, SoundFormat(rate=form.rate))
    bare = stream.feed(sound) + stream.end()
    return [value for (value,) in struct.iter_unpack("<h", bare)]


def become(stream: SoundStream, sound: bytes, size: int) -> bytes:
    """Return what a sound becomes that comes in pieces."""
    pieces = [stream.feed(sound[at : at + size]) for at in range(0, len(sound), size)]
    return b"".join((*pieces, stream.end()))


@pytest.mark.parametrize(("source", "target"), WAYS, ids=str)
def test_sound_is_the_same_wherever_it_is_cut(source: SoundFormat, target: SoundFormat) -> None:
    """Within a sample, too; it lasts as long as before."""
    sound = tone(source)
    whole = become(SoundStream(source, target), sound, len(sound))
    assert len(whole) == target.bytes_per_second // 2
    for size in (1, 7, 160, 961):
        assert become(SoundStream(source, target), sound, size) == whole


@pytest.mark.parametrize(("source", "target"), WAYS, ids=str)
def test_a_tone_keeps_its_pitch_and_has_no_clicks(source: SoundFormat, target: SoundFormat) -> None:
    """No sample is further from the one before than the tone goes in the time between."""
    size = source.bytes_per_second // 50
    found = samples_of(become(SoundStream(source, target), tone(source), size), target)
    # Its beginning and its end are none of a tone's.
    found = found[target.rate // 50 : -target.rate // 50]
    passes = sum(a < 0 <= b for a, b in pairwise(found))
    assert passes * target.rate / len(found) == pytest.approx(HERTZ, abs=3)
    assert max(found) == pytest.approx(LOUD, rel=0.05)
    # The laws have steps of up to 6 % where it is loud.
    most = LOUD * 2 * math.pi * HERTZ / target.rate
    is_by_law = "audio/pcm" not in {source.type, target.type} or source.type != target.type
    slack = LOUD * 0.07 if is_by_law else most * 0.02
    assert max(abs(b - a) for a, b in pairwise(found)) <= most + slack


def test_what_waits_is_little() -> None:
    """A listener gets a piece within two milliseconds of the one that is sent."""
    stream = SoundStream(PCM24, PCM16)
    piece = tone(PCM24, 0.02)
    heard = sum(len(stream.feed(piece)) for _ in range(10))
    assert PCM16.bytes_per_second * 0.2 - heard <= PCM16.bytes_per_second * 0.002


def test_sound_of_the_right_format_passes_as_it_is() -> None:
    """Odd bytes and all."""
    stream = SoundStream(PCM24, PCM24)
    assert not stream.converts
    assert stream.feed(b"\1\2\3") == b"\1\2\3"
    assert stream.end() == b""


def test_what_comes_behind_an_end_begins_anew() -> None:
    """As if nothing had been before."""
    stream = SoundStream(PCM24, PCM16)
    sound = tone(PCM24)
    first = become(stream, sound, 960)
    stream.feed(b"\1\2\3")
    stream.end()
    assert become(stream, sound, 960) == first
