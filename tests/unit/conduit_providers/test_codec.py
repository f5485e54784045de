"""The shapes of codecs."""

from conduit_providers.codec import StraightCodec, passes_media
from conduit_providers.codecs import codec_named


def test_what_passes_media_needs_none_of_it_fetched() -> None:
    """Google's own words pass to Google; whoever translates them says nothing of the kind."""
    assert passes_media(codec_named("gemini_content"))
    assert not passes_media(codec_named("gemini_chat"))
    assert isinstance(codec_named("gemini_content"), StraightCodec)
