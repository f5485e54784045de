"""The caller's sound on its way to a provider."""

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.callers_sound import CallersSound
from conduit_providers.codecs.shared.sound_format import SoundFormat

PCM, MULAW = SoundFormat(), SoundFormat("audio/pcmu", 8_000)


def test_sound_is_measured_as_the_caller_sends_it() -> None:
    """Whatever it becomes, and though its format changes on the way."""
    sound = CallersSound()
    assert not sound.has_begun
    assert sound.feed(b"\0" * 4_800) == b"\0" * 4_800
    assert sound.milliseconds == 100
    sound.become(MULAW, SoundFormat(rate=16_000))
    sound.feed(b"\xff" * 800)
    assert sound.milliseconds == 200
    sound.become(PCM, PCM)
    assert sound.has_begun
    assert sound.milliseconds == 200


def test_a_piece_that_becomes_other_sound_is_not_too_long() -> None:
    """Nobody else has a turn while it does; as it is it may be as long as an event."""
    sound = CallersSound()
    minute = bytes(PCM.bytes_per_second * 60)
    assert sound.feed(minute + b"\0\0")
    sound.become(PCM, MULAW)
    with pytest.raises(InvalidRequest):
        sound.feed(minute + b"\0\0")
    assert len(sound.feed(minute)) == pytest.approx(8_000 * 60, abs=20)
