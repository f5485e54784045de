"""Names of Google Cloud's voices, taken apart."""

import pytest

from conduit_providers.codecs.googlecloud.voice_names import parted


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("en-US-Chirp3-HD-Kore", ("en-US", "Chirp3-HD", "Kore")),
        ("cmn-CN-Wavenet-A", ("cmn-CN", "Wavenet", "A")),
        ("es-419-Standard-B", ("es-419", "Standard", "B")),
    ],
)
def test_a_whole_name_has_three_parts(name: str, parts: tuple[str, str, str]) -> None:
    """The family may have a hyphen, the voice's own name has none."""
    assert parted(name) == parts


@pytest.mark.parametrize("name", ["", "Kore", "alloy", "en-US", "en-US-Kore", "gemini-2.5-pro-tts"])
def test_another_name_has_none(name: str) -> None:
    """Such as that of a voice of Gemini's, which speaks every language."""
    assert parted(name) is None
