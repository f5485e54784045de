"""What a caller wants of a conversation with an agent, read from OpenAI's `session.update`.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

from typing import Any

import msgspec
import orjson
from msgspec.structs import replace

from conduit.v1.realtime_session_pb2 import (
    RealtimeAudioInput,
    RealtimeAudioOutput,
    RealtimeSession,
    RealtimeTurnDetection,
)
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.sound_format import SoundFormat
from conduit_providers.codecs.shared.transcription_settings import TurnDetection, turns_as_json
from conduit_providers.json_reading import JsonReader
from conduit_providers.operations.converse import ConverseCall

_INPUT = "session.audio.input"
_OUTPUT = "session.audio.output"


class AgentTool(msgspec.Struct, frozen=True):
    """A function that the agent may call."""

    name: str
    type: str = "function"
    description: str = ""
    # A JSON Schema of an object.
    parameters: dict[str, Any] = {}


class AgentSettings(msgspec.Struct, frozen=True):
    """The settings of a conversation; what is empty is left to the agent."""

    instructions: str = ""
    voice: str = ""
    tools: tuple[AgentTool, ...] = ()
    # Whether the agent speaks, or writes.
    is_spoken: bool = True
    # Whether the caller is told its own words.
    transcribes: bool = True
    language: str = ""
    # None where the agent's own hold.
    turns: TurnDetection | None = None

    def as_json(
        self, model: str, name: str, heard: SoundFormat, spoken: SoundFormat
    ) -> dict[str, Any]:
        """Return the session that has these settings."""
        detection = turns_as_json(self.turns or TurnDetection())
        if self.turns is None:
            del detection["silence_duration_ms"]
        detection |= {"create_response": True, "interrupt_response": True}
        transcription: dict[str, Any] = {"model": model}
        if self.language:
            transcription["language"] = self.language
        sound = {
            "format": heard.as_json(),
            "noise_reduction": None,
            "transcription": transcription if self.transcribes else None,
            "turn_detection": detection,
        }
        output = {"format": spoken.as_json(), "voice": self.voice or None}
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": name,
            "model": model,
            "instructions": self.instructions,
            "output_modalities": ["audio" if self.is_spoken else "text"],
            "tools": msgspec.to_builtins(self.tools),
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "audio": {"input": sound, "output": output},
        }


_read_tools = JsonReader(tuple[AgentTool, ...]).decode
_read_choice = JsonReader(object).decode


def updated(settings: AgentSettings, session: RealtimeSession, call: ConverseCall) -> AgentSettings:
    """Return the settings with a caller's changes; what is not named stays.

    InvalidRequest where a session cannot be like that.
    """
    if session.type not in {"", "realtime"}:
        said = "This model converses: the session's type is realtime"
        raise InvalidRequest(said, field="session.type")
    if session.HasField("model") and session.model not in {call.alias, call.model}:
        raise InvalidRequest(f"The session's model is {call.alias}", field="session.model")
    _drop_others(session, call)
    if session.HasField("instructions"):
        settings = replace(settings, instructions=session.instructions)
    if session.output_modalities:
        settings = replace(settings, is_spoken=_is_spoken(session))
    if session.tools_json:
        settings = replace(settings, tools=_tools(session.tools_json))
    settings = _heard(settings, session.audio.input, call)
    return _spoken(settings, session.audio.output, call)


def _drop_others(session: RealtimeSession, call: ConverseCall) -> None:
    """Note what no agent is told."""
    if session.include:
        call.drop("session.include", call.provider)
    if session.tool_choice_json and _choice(session.tool_choice_json) != "auto":
        call.drop("session.tool_choice", call.provider)
    if session.max_output_tokens_json and _choice(session.max_output_tokens_json) != "inf":
        call.drop("session.max_output_tokens", call.provider)


def _choice(json: bytes) -> object:
    try:
        return _read_choice(json)
    except msgspec.DecodeError as error:
        raise InvalidRequest("It cannot be read", field="session") from error


def _is_spoken(session: RealtimeSession) -> bool:
    named = set(session.output_modalities)
    if named not in ({"audio"}, {"text"}):
        said = "The modality is audio or text"
        raise InvalidRequest(said, field="session.output_modalities")
    return named == {"audio"}


def _tools(json: bytes) -> tuple[AgentTool, ...]:
    try:
        tools = _read_tools(json)
        # What no provider's JSON can say.
        orjson.dumps(tools, default=msgspec.to_builtins)
    except (msgspec.DecodeError, orjson.JSONEncodeError) as error:
        raise InvalidRequest(f"tools are functions: {error}", field="session.tools") from error
    if others := {tool.type for tool in tools} - {"function"}:
        said = f"Tools are functions here, and no {', '.join(sorted(others))}"
        raise InvalidRequest(said, field="session.tools")
    return tools


def _heard(settings: AgentSettings, sound: RealtimeAudioInput, call: ConverseCall) -> AgentSettings:
    if sound.HasField("noise_reduction") and not sound.noise_reduction.off:
        call.drop(f"{_INPUT}.noise_reduction", call.provider)
    if sound.HasField("transcription"):
        asked = sound.transcription
        if asked.HasField("model") and asked.model not in {call.alias, call.model}:
            call.drop(f"{_INPUT}.transcription.model", call.provider)
        if asked.prompt or asked.keywords:
            call.drop(f"{_INPUT}.transcription.prompt", call.provider)
        settings = replace(settings, transcribes=not asked.off)
        if asked.HasField("language"):
            settings = replace(settings, language=asked.language)
    if sound.HasField("turn_detection"):
        settings = replace(settings, turns=_turns(sound.turn_detection, call))
    return settings


def _turns(asked: RealtimeTurnDetection, call: ConverseCall) -> TurnDetection:
    place = f"{_INPUT}.turn_detection"
    if asked.off:
        said = f"{call.provider} finds the end of a turn by itself"
        raise InvalidRequest(said, field=place)
    if asked.type not in {"", "server_vad"}:
        call.drop(f"{place}.type", call.provider)
    for name in ("create_response", "interrupt_response"):
        if asked.HasField(name) and not getattr(asked, name):
            said = f"{call.provider} answers each turn, and stops for whoever speaks"
            raise InvalidRequest(said, field=f"{place}.{name}")
    silence = asked.silence_duration_ms if asked.HasField("silence_duration_ms") else 500
    if silence <= 0:
        said = "A silence is longer than 0 ms"
        raise InvalidRequest(said, field=f"{place}.silence_duration_ms")
    return TurnDetection(silence, asked.threshold if asked.HasField("threshold") else None)


def _spoken(
    settings: AgentSettings, sound: RealtimeAudioOutput, call: ConverseCall
) -> AgentSettings:
    if sound.HasField("speed") and sound.speed != 1.0:
        call.drop(f"{_OUTPUT}.speed", call.provider)
    if not sound.HasField("voice"):
        return settings
    choice = sound.voice
    named = choice.name if choice.WhichOneof("voice") == "name" else choice.reference.id
    return replace(settings, voice=named)
