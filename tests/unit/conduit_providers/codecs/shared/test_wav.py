"""WAV, read by Python's own library."""

import io
import wave

import pytest

from conduit_providers.codecs.shared.wav import wav_head


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_the_head_says_what_the_samples_are(rate: int) -> None:
    """One channel, 16 bits, at a rate; as many as follow."""
    samples = bytes(range(200))
    with wave.open(io.BytesIO(wav_head(rate) + samples)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (rate, 1, 2)
        assert sound.readframes(100) == samples
