"""The language that Deepgram is told."""

import pytest

from conduit_providers.codecs.deepgram.languages import language_of
from conduit_providers.codecs.deepgram.options import ConverseModel
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings

NOVA_3 = ConverseModel(any_language="multi")


@pytest.mark.parametrize(
    ("settings", "language"),
    [
        (TranscriptionSettings(), "multi"),
        (TranscriptionSettings(language="de"), "de"),
        (TranscriptionSettings(languages=("de",)), "de"),
        (TranscriptionSettings(languages=("de", "fr")), "multi"),
    ],
)
def test_one_language_is_told_and_any_where_there_are_several(
    settings: TranscriptionSettings, language: str
) -> None:
    """Older models, which cannot hear several, are left their own choice."""
    assert language_of(settings, NOVA_3) == language
    own = language if language == "de" else ""
    assert language_of(settings, ConverseModel()) == own
