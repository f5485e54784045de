"""The language that Deepgram is told, and what its price depends on."""

from conduit_providers.codecs.deepgram.options import ConverseModel
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings

# Any of several languages: the parameter, and a qualifier of the price.
MULTI = ("language", "multi")
LIVE = ("mode", "live")


def language_of(settings: TranscriptionSettings, facts: ConverseModel) -> str:
    """Return the language of a session with Nova, which is told one; empty for its own choice."""
    named = settings.named_languages
    return named[0] if len(named) == 1 else facts.any_language
