"""When an item of Nova's is done; what its events are, the wire cases show."""

import orjson
import pytest
from tests.support.translators import kinds, said, translator

from conduit_providers.calls import Form

COMMIT = said("input_audio_buffer.commit")
# A second.
SOUND = said("input_audio_buffer.append", audio="AAAA" * 16000)


def result(start: float, duration: float, text: str, **flags: bool) -> str:
    """Write a result."""
    channel = {"alternatives": [{"transcript": text}]}
    members = {"start": start, "duration": duration, "channel": channel, **flags}
    return orjson.dumps({"type": "Results", **members}).decode()


def test_a_committed_item_waits_for_all_of_its_sound() -> None:
    """Guesses do not count, be they of all of it."""
    session = translator("Deepgram", "nova-3")
    session.to_upstream(SOUND)
    steps = session.to_upstream(COMMIT)
    assert steps[-1] == '{"type":"Finalize"}'
    assert kinds(session.from_upstream(result(0, 1, "a b"))) == []
    assert kinds(session.from_upstream(result(0, 0.5, "a", is_final=True)))[-1:] != ["completed"]
    assert kinds(session.from_upstream(result(0.5, 0.5, "b", is_final=True)))[-1] == "completed"


def test_an_item_whose_sound_is_all_final_is_done_at_once() -> None:
    """The provider would not answer."""
    session = translator("Deepgram", "nova-3")
    session.to_upstream(SOUND)
    session.from_upstream(result(0, 1, "a", is_final=True))
    steps = session.to_upstream(COMMIT)
    assert kinds(steps) == ["committed", "delta", "completed"]
    told = steps[-1]
    assert isinstance(told, Form)
    assert orjson.loads(told.json)["transcript"] == "a"


@pytest.mark.parametrize("text", ["", "a"])
def test_a_pause_between_words_ends_what_has_words(text: str) -> None:
    """Noise may hide the silence."""
    session = translator("Deepgram", "nova-3")
    session.from_upstream(result(0, 1, text, is_final=True))
    ended = session.from_upstream('{"type":"UtteranceEnd","channel":[0,1],"last_word_end":1}')
    assert bool(ended) == bool(text)


def test_what_is_new_is_passed_over() -> None:
    """The caller has no use for it."""
    assert translator("Deepgram", "nova-3").from_upstream('{"type":"BrandNew"}') == ()
