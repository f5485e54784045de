"""A conversation with an agent of ElevenLabs, made beforehand by its owner.

https://elevenlabs.io/docs/conversational-ai/customization/events/client-events; elevenlabs 2.78.0:
conversational_ai.conversation.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
import orjson
from msgspec.structs import replace

from conduit_kernel.errors import InvalidRequest, UpstreamError
from conduit_providers.codecs.openai.session_events import said_by_caller
from conduit_providers.codecs.shared.agent_session import AgentSession
from conduit_providers.codecs.shared.agent_settings import AgentSettings
from conduit_providers.codecs.shared.session_messages import message
from conduit_providers.codecs.shared.sound_format import PCM, SoundFormat
from conduit_providers.codecs.shared.sound_steps import load_library
from conduit_providers.failures import malformed
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.session_codec import Frame, SessionEvent, Step
from conduit_providers.wire import SessionCreation

_FORMATS: Mapping[str, SoundFormat] = MappingProxyType(
    {
        "ulaw_8000": SoundFormat("audio/pcmu", 8000),
        **{
            f"pcm_{rate}": SoundFormat(PCM, rate)
            for rate in (8000, 16000, 22050, 24000, 44100, 48000)
        },
    }
)
# Messages of an agent that greets: then they are handed on, though the caller has said nothing.
_MOST_HELD = 1000


class _Metadata(msgspec.Struct, frozen=True):
    conversation_id: str = ""
    agent_output_audio_format: str = "pcm_16000"
    user_input_audio_format: str = "pcm_16000"


class _Audio(msgspec.Struct):
    # Base64 in JSON.
    audio_base_64: bytes
    event_id: int = 0


class _Numbered(msgspec.Struct, frozen=True):
    # It is sent back as it came, and JSON of more than 64 bits cannot be written.
    event_id: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0


class _Response(msgspec.Struct, frozen=True):
    agent_response: str = ""


class _Correction(msgspec.Struct, frozen=True):
    corrected_agent_response: str = ""


class _Transcript(msgspec.Struct, frozen=True):
    user_transcript: str = ""


class _Part(msgspec.Struct, frozen=True):
    text: str = ""


class _ToolCall(msgspec.Struct):
    tool_name: str
    tool_call_id: str
    parameters: msgspec.Raw = msgspec.Raw(b"{}")


class _Message(msgspec.Struct):
    type: str
    conversation_initiation_metadata_event: _Metadata = _Metadata()
    audio_event: _Audio | None = None
    ping_event: _Numbered = _Numbered()
    interruption_event: _Numbered = _Numbered()
    agent_response_event: _Response = _Response()
    agent_response_correction_event: _Correction = _Correction()
    user_transcription_event: _Transcript = _Transcript()
    text_response_part: _Part = _Part()
    client_tool_call: _ToolCall | None = None


_READER = msgspec.json.Decoder(_Message)


class ElevenLabsAgentSession(AgentSession):
    """Translates one conversation.

    Its agent may greet, which waits for the caller's first event: that may be settings, which need
    a conversation of their own.
    """

    def __init__(self, call: ConverseCall, creation: Callable[[], SessionCreation]) -> None:
        super().__init__(call)
        # Most agents have other sound than the caller, and greet at once.
        load_library()
        self._creation = creation
        # Whether the current connection has begun the conversation.
        self._is_begun = False
        # Up to which number sound is of no use any more.
        self._cut = 0
        self._held: list[_Message] | None = []

    def first_steps(self) -> Sequence[Step]:
        """Begin the conversation."""
        return (self._initiation(),)

    def to_upstream(self, event: SessionEvent) -> Sequence[Step]:
        """Follow an event, the first one behind what the agent has said before it."""
        if self._held is None:
            return super().to_upstream(event)
        if said_by_caller(event)[0] != "session.update":
            return (*self._release(), *super().to_upstream(event))
        # A greeting is told as the settings have it, if it is of this conversation still.
        steps = super().to_upstream(event)
        return (*steps, *self._release())

    def sound(self, sound: bytes) -> Frame:
        """Send it in base64; the message has no type."""
        return _written(user_audio_chunk=b64encode(sound).decode())

    def text(self, text: str) -> Frame:
        """Send a message of the user's."""
        return _written(type="user_message", text=text)

    def result(self, call_id: str, output: str) -> Frame:
        """Tell what the function returned."""
        return _written(
            type="client_tool_result", tool_call_id=call_id, result=output, is_error=False
        )

    def change(self, before: AgentSettings) -> Sequence[Step]:
        """Begin another conversation, unless something was said in this one."""
        if self.settings.tools:
            # They are the agent's own.
            self.call.drop("session.tools", self.call.provider)
        if self.settings.turns is not None:
            self.call.drop("session.audio.input.turn_detection", self.call.provider)
        self.settings = replace(self.settings, tools=(), turns=None)
        if replace(before, transcribes=self.settings.transcribes) == self.settings:
            return ()
        if self.has_begun:
            said = f"{self.call.provider} takes no other settings once something was said"
            raise InvalidRequest(said, field="session")
        self._is_begun = False
        if self._held is not None:
            # Nobody was told of it.
            self._held = []
        cut = tuple(self.response.finish(is_interrupted=True))
        return (*cut, self._creation(), self._initiation())

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in a message; those that are not known say nothing to the caller."""
        found = message(frame, _READER, self.call.provider)
        if found.type == "ping":
            return (_written(type="pong", event_id=found.ping_event.event_id),)
        if found.type == "conversation_initiation_metadata":
            return tuple(self._begin(found.conversation_initiation_metadata_event))
        if not self._is_begun:
            # Of a conversation that was replaced.
            return ()
        if found.type == "audio" and found.audio_event is None:
            raise self._malformed("sound has no sound")
        if found.type == "client_tool_call" and found.client_tool_call is None:
            raise self._malformed("a call has no function")
        if self._held is None:
            return tuple(self._follow_agent(found))
        self._held.append(found)
        if len(self._held) < _MOST_HELD and found.type != "user_transcript":
            return ()
        return tuple(self._release())

    def _release(self) -> Iterator[Step]:
        """Yield what a greeting that waited comes to."""
        held, self._held = self._held or [], None
        for found in held:
            yield from self._follow_agent(found)

    def _begin(self, metadata: _Metadata) -> Iterator[Step]:
        self._is_begun, self._cut = True, 0
        heard = self._format(metadata.user_input_audio_format)
        self.speaks(heard, self._format(metadata.agent_output_audio_format))
        yield from self.opened(metadata.conversation_id)

    def _follow_agent(self, found: _Message) -> Iterator[Step]:
        kind = found.type
        if kind == "audio":
            yield from self._sound(found.audio_event)
        elif kind == "agent_chat_response_part":
            yield from self.response.say(found.text_response_part.text, is_spoken=False)
        elif kind == "agent_response":
            yield from self._words(found.agent_response_event.agent_response)
        elif kind == "agent_response_correction" and self.response.is_open:
            self.response.correct(found.agent_response_correction_event.corrected_agent_response)
        elif kind == "agent_response_complete":
            yield from self.response.finish()
        elif kind == "interruption":
            self._cut = found.interruption_event.event_id
            yield from self.interrupted()
        elif kind == "user_transcript":
            yield from self.response.finish()
            yield from self.heard_words(found.user_transcription_event.user_transcript)
        elif kind == "client_tool_call":
            yield from self._tool_call(found.client_tool_call)

    def _sound(self, found: _Audio | None) -> Iterator[Step]:
        if found is not None and found.event_id > self._cut:
            yield from self.response.sound(found.audio_base_64)

    def _words(self, words: str) -> Iterator[Step]:
        """Tell a whole answer: it comes with its first sound, or behind its parts."""
        before = self.response.words
        if self.settings.is_spoken:
            if before:
                yield from self.response.finish()
            yield from self.response.say(words, is_spoken=True)
            return
        rest = words[len(before) :] if words.startswith(before) else ""
        yield from self.response.say(rest, is_spoken=False)
        self.response.correct(words)
        yield from self.response.finish()

    def _tool_call(self, found: _ToolCall | None) -> Iterator[Step]:
        if found is not None:
            arguments = bytes(found.parameters).decode()
            yield from self.calls(found.tool_call_id, found.tool_name, arguments)

    def _initiation(self) -> Frame:
        override = dict(_overrides(self.settings))
        config = {"conversation_config_override": override} if override else {}
        return _written(type="conversation_initiation_client_data", **config)

    def _format(self, name: str) -> SoundFormat:
        found = _FORMATS.get(name)
        if found is None:
            raise self._malformed("the format of sound is not known")
        return found

    def _malformed(self, why: str) -> UpstreamError:
        return malformed(self.call.provider, why)


def _overrides(settings: AgentSettings) -> Iterator[tuple[str, Any]]:
    """Yield what is not to be as the agent's owner has it; which of it may be, the owner says."""
    agent: dict[str, Any] = {}
    if settings.instructions:
        agent["prompt"] = {"prompt": settings.instructions}
    if settings.language:
        agent["language"] = settings.language
    if agent:
        yield "agent", agent
    if settings.voice:
        yield "tts", {"voice_id": settings.voice}
    if not settings.is_spoken:
        yield "conversation", {"text_only": True}


def _written(**members: object) -> Frame:
    return orjson.dumps(members).decode()
