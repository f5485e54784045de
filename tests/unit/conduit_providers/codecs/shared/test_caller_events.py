"""What is read of a caller's events, whatever the provider."""

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.caller_events import event_id_of, sound_in


def test_sound_is_base64() -> None:
    """It may be none."""
    assert sound_in('{"type":"input_audio_buffer.append","audio":"AAEC"}') == b"\0\1\2"
    assert sound_in('{"audio":""}') == b""


@pytest.mark.parametrize("text", ['{"audio":"%"}', "{}", "[]", "{", '{"audio":[1]}'])
def test_what_is_no_sound_is_refused(text: str) -> None:
    """By the caller's own member."""
    with pytest.raises(InvalidRequest) as raised:
        sound_in(text)
    assert raised.value.metadata["field"] == "audio"


def test_an_event_has_the_callers_name_or_none() -> None:
    """What cannot be read has none."""
    assert event_id_of('{"event_id":"mine"}') == "mine"
    assert event_id_of("{}") is None
    assert event_id_of("[" * 100_000) is None
