"""The models that events of sessions name are found wherever a server would find them."""

import pytest
from tests.support.nonsense import deep

from conduit.v1.json_limits import MAX_DEPTH
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.session_models import models_in

NAMED = '{"session":{"audio":{"input":{"transcription":{"model":"whisper"}}}}'


@pytest.mark.parametrize(
    ("text", "models"),
    [
        (NAMED + "}", {"whisper"}),
        ('{"session":{"input_audio_transcription":{"model":"w"}}}', {"w"}),
        ('{"session":{"model":"gpt-live","delegation":{"type":"responses","model":"m"}}}', {"m"}),
        # The session's own model is admitted or replaced; other members mean something else.
        ('{"session":{"model":"gpt-realtime"}}', set()),
        ('{"session":{"prompt":{"variables":{"model":"T"}}},"model":"x"}', set()),
        # Of names that are twice in an object some servers take the first, others the last.
        (NAMED + ',"session":{}}', {"whisper"}),
        ('{"session":{"delegation":{"model":"a","model":"b"}}}', {"a", "b"}),
        # Names may be spelt with escapes.
        ('{"session":{"deleg\\u0061tion":{"m\\u006fdel":"m"}}}', {"m"}),
        # What is no name is left to the provider.
        ('{"session":{"delegation":{"model":7}}}', set()),
        ('["model"]', set()),
    ],
)
def test_models_are_found_where_sessions_have_them(text: str, models: set[str]) -> None:
    """Whoever writes down, and whoever work is delegated to."""
    assert models_in(text.encode()) == models


def test_sound_is_not_looked_into() -> None:
    """Most events are that; this one would be refused if it were read."""
    assert models_in(b'{"type":"input_audio_buffer.append","audio":"AAAA"') == set()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b'{"session":{"model"', MalformedJson),
        (b'{"model":"\xff"}', MalformedJson),
        (b'{"model":%b}' % deep(MAX_DEPTH), InvalidRequest),
    ],
)
def test_what_cannot_be_read_brings_in_no_model(text: bytes, error: type[Exception]) -> None:
    """A server that reads it otherwise never gets it."""
    with pytest.raises(error):
        models_in(text)
