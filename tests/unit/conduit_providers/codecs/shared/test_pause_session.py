"""Sessions whose provider finds the ends of turns."""

from conduit_providers.codecs.shared.pause_session import samples_of, silence_of
from conduit_providers.codecs.shared.sound_format import PCM, SoundFormat


def test_sound_is_sent_as_samples_of_its_own_rate() -> None:
    """A second of silence has two bytes for each."""
    sound = samples_of(SoundFormat("pcmu", 8000))
    assert sound == SoundFormat(PCM, 8000)
    assert silence_of(sound) == bytes(16_000)
