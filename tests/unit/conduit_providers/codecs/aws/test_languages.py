"""Languages of Amazon Transcribe."""

from conduit_providers.codecs.aws.languages import language_query
from conduit_providers.codecs.aws.options import TranscribeOptions

OPTIONS = TranscribeOptions({"de": "de-DE", "en": "en-US"}, ("en-US", "es-US"))


def test_one_language_is_told_by_its_dialect() -> None:
    """However often it is named; one that is no language alone is passed on."""
    assert language_query(["DE", "DE"], OPTIONS) == [("language-code", "de-DE")]
    assert language_query(["en-GB"], OPTIONS) == [("language-code", "en-GB")]


def test_several_are_told_apart() -> None:
    """And those of the catalog, where none is named."""
    identify = ("identify-language", "true")
    assert language_query(["de", "en"], OPTIONS) == [identify, ("language-options", "de-DE,en-US")]
    assert language_query([], OPTIONS) == [identify, ("language-options", "en-US,es-US")]
