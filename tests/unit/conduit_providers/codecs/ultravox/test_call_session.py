"""The odd turns of calls with Ultravox; what the events of others are, the wire cases show."""

from typing import Any

import orjson
import pytest
from tests.support.translators import kinds, translator

from conduit_providers.calls import Form
from conduit_providers.session_codec import SessionTranslator

SOUND = b"\1\0" * 10


@pytest.fixture
def call() -> SessionTranslator:
    """Return a call that is under way."""
    made = translator("Ultravox", "ultravox-v0.7")
    made.from_upstream('{"type":"call_started","callId":"c"}')
    return made


def words(ordinal: int, text: str, *, final: bool = False) -> str:
    """Write what the agent has said until now."""
    told = {"role": "agent", "medium": "voice", "text": text, "final": final, "ordinal": ordinal}
    return orjson.dumps({"type": "transcript", **told}).decode()


def state(name: str) -> str:
    """Write what the agent does."""
    return orjson.dumps({"type": "state", "state": name}).decode()


def told(call: SessionTranslator, *frames: str | bytes) -> list[Any]:
    """Return the events that frames become."""
    steps = [step for frame in frames for step in call.from_upstream(frame)]
    return [orjson.loads(step.json) for step in steps if isinstance(step, Form)]


def done(events: list[Any]) -> list[str]:
    """Return the words of responses that ended."""
    responses = [e["response"] for e in events if e["type"] == "response.done"]
    return [each["output"][0]["content"][0]["transcript"] for each in responses]


def test_a_call_is_open_with_its_first_word() -> None:
    """Whichever comes first; it is told once."""
    made = translator("Ultravox", "ultravox-v0.7")
    assert kinds(made.from_upstream(state("idle"))) == ["created"]
    assert made.is_open
    assert made.from_upstream('{"type":"call_started","callId":"c"}') == ()


def test_sound_before_its_words_is_of_one_response(call: SessionTranslator) -> None:
    """Also behind another one, whose place it does not have."""
    events = told(call, state("speaking"), SOUND, words(1, "One"), state("listening"))
    events += told(call, state("speaking"), SOUND, words(3, "Two"), SOUND, state("idle"))
    assert done(events) == ["One", "Two"]


def test_words_of_what_is_over_say_nothing(call: SessionTranslator) -> None:
    """They come late."""
    told(call, state("speaking"), SOUND, words(1, "One"), state("listening"))
    assert told(call, words(1, "One.", final=True)) == []


def test_another_utterance_ends_the_one_before(call: SessionTranslator) -> None:
    """Whatever the state."""
    assert done(told(call, words(1, "One"), words(3, "Two"))) == ["One"]


def test_words_that_were_never_heard_are_taken_off_the_end(call: SessionTranslator) -> None:
    """The last transcript holds."""
    frames = (state("speaking"), words(1, "One two three"), words(1, "One two", final=True))
    assert done(told(call, *frames, state("listening"))) == ["One two"]


def test_what_comes_of_an_interrupted_answer_without_a_place_is_not_told(
    call: SessionTranslator,
) -> None:
    """Only its sound had come; the next answer is told again."""
    told(call, state("speaking"), SOUND, '{"type":"playback_clear_buffer"}')
    assert told(call, words(1, "One", final=True)) == []
    assert done(told(call, state("speaking"), SOUND, words(3, "Two"), state("idle"))) == ["Two"]


def test_arguments_pass_as_they_were_written(call: SessionTranslator) -> None:
    """Whatever their numbers."""
    frame = (
        '{"type":"client_tool_invocation","toolName":"f","invocationId":"i",'
        '"parameters":{"n":123456789012345678901234567890}}'
    )
    events = told(call, frame)
    arguments = [e["arguments"] for e in events if e["type"].endswith("arguments.done")]
    assert arguments == ['{"n":123456789012345678901234567890}']
