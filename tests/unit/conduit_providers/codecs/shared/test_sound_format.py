"""Formats that callers of sessions ask for."""

import pytest

from conduit.v1.audio_format_pb2 import AudioFormat
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.sound_format import SoundFormat, format_of


def test_a_format_has_the_rate_that_openai_gives_it() -> None:
    """Unless the caller names another that providers have."""
    assert format_of(AudioFormat(type="audio/pcm"), "p") == SoundFormat("audio/pcm", 24_000)
    assert format_of(AudioFormat(type="audio/pcmu"), "p") == SoundFormat("audio/pcmu", 8_000)
    assert format_of(AudioFormat(type="audio/pcm", rate=16_000), "p").rate == 16_000
    assert format_of(AudioFormat(type="audio/pcma", rate=8_000), "p").bytes_per_second == 8_000


@pytest.mark.parametrize(
    ("kind", "rate", "field"),
    [
        ("audio/opus", None, "p.type"),
        ("", None, "p.type"),
        ("audio/pcm", 1, "p.rate"),
        ("audio/pcma", 16_000, "p.rate"),
    ],
)
def test_what_is_no_format_is_refused(kind: str, rate: int | None, field: str) -> None:
    """With its place."""
    with pytest.raises(InvalidRequest) as refused:
        format_of(AudioFormat(type=kind, rate=rate), "p")
    assert refused.value.metadata["field"] == field
