"""What a caller may want of an agent; what it is told then, the wire cases show."""

from typing import Any

import orjson
import pytest
from tests.support.translators import said

from conduit.v1.realtime_session_pb2 import RealtimeSession
from conduit_kernel.errors import InvalidRequest, UnsupportedParameter
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.agent_settings import AgentSettings, updated
from conduit_providers.codecs.shared.sound_format import SoundFormat
from conduit_providers.operations.converse import realtime_opening


def wanting(session: dict[str, Any], *, is_strict: bool = False) -> tuple[AgentSettings, list[str]]:
    """Return the settings that a caller wants, and what of it no agent is told."""
    call = Call(realtime_opening("alias"), alias="alias", model="m", provider="Lumen")
    call.is_strict = is_strict
    event = said("session.update", session=session)
    settings = updated(AgentSettings(), event.typed.session_update.session, call)
    return settings, call.dropped


def test_what_is_not_named_stays() -> None:
    """An empty update changes nothing."""
    assert wanting({"type": "realtime"}) == (AgentSettings(), [])


def test_a_voice_goes_by_its_name_or_its_id() -> None:
    """As OpenAI has it."""
    for voice in ("Mark", {"id": "Mark"}):
        assert wanting({"audio": {"output": {"voice": voice}}})[0].voice == "Mark"


def test_what_no_agent_is_told_is_reported() -> None:
    """A strict caller gets an error."""
    session = {
        "tool_choice": "required",
        "max_output_tokens": 100,
        "include": ["x"],
        "audio": {
            "input": {
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "whisper-1", "prompt": "x"},
                "turn_detection": {"type": "semantic_vad"},
            },
            "output": {"speed": 1.5},
        },
    }
    _, dropped = wanting(session)
    assert dropped == [
        "session.include",
        "session.tool_choice",
        "session.max_output_tokens",
        "session.audio.input.noise_reduction",
        "session.audio.input.transcription.model",
        "session.audio.input.transcription.prompt",
        "session.audio.input.turn_detection.type",
        "session.audio.output.speed",
    ]
    with pytest.raises(UnsupportedParameter):
        wanting(session, is_strict=True)


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "mcp", "name": "x"}],
        [{"type": "function"}],
        {"name": "x"},
    ],
)
def test_tools_are_functions(tools: object) -> None:
    """Whatever else is refused, by its place."""
    with pytest.raises(InvalidRequest) as raised:
        wanting({"tools": tools})
    assert raised.value.metadata["field"] == "session.tools"


def test_numbers_that_no_json_of_ours_has_are_refused() -> None:
    """They could be told to nobody."""
    call = Call(realtime_opening("alias"), alias="alias", model="m", provider="Lumen")
    session = RealtimeSession(tools_json=b'[{"name":"x","parameters":{"maximum":%d}}]' % 2**70)
    with pytest.raises(InvalidRequest):
        updated(AgentSettings(), session, call)


def test_a_session_is_told_as_it_is() -> None:
    """Of silences only those that somebody named."""
    settings, _ = wanting({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}})
    sound = SoundFormat("audio/pcm", 16000)
    for given, silence in ((AgentSettings(), None), (settings, 500)):
        told = orjson.loads(orjson.dumps(given.as_json("alias", "sess_1", sound, sound)))
        assert told["audio"]["input"]["turn_detection"].get("silence_duration_ms") == silence
        assert told["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 16000}
