"""A call with Ultravox: sound in frames of bytes, all else in messages of JSON.

https://docs.ultravox.ai/apps/datamessages
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import orjson

from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.agent_session import AgentSession
from conduit_providers.codecs.shared.agent_settings import AgentSettings
from conduit_providers.codecs.shared.session_messages import message
from conduit_providers.failures import malformed
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.session_codec import Frame, Step
from conduit_providers.wire import SessionCreation

Creation = Callable[[AgentSettings], SessionCreation]


class _Message(msgspec.Struct, rename="camel"):
    type: str
    # CallStarted.
    call_id: str = ""
    # State.
    state: str = ""
    # Transcript: either all of the words, or those that are new.
    role: str = ""
    medium: str = ""
    text: str | None = None
    delta: str | None = None
    final: bool = False
    ordinal: int = 0
    # ClientToolInvocation.
    tool_name: str = ""
    invocation_id: str = ""
    parameters: msgspec.Raw = msgspec.Raw(b"{}")


_READER = msgspec.json.Decoder(_Message)


class UltravoxSession(AgentSession):
    """Translates one call."""

    def __init__(self, call: ConverseCall, creation: Creation) -> None:
        super().__init__(call)
        self._creation = creation
        self._is_speaking = False
        # The place of the current utterance, -1 until its words come, and of the last one that is
        # over.
        self._ordinal = self._over = -1
        # Whether the agent was interrupted, and what comes of its words is of no use.
        self._is_cut = False

    def last_frames(self) -> Sequence[Frame]:
        """Hang up."""
        return (_written(type="hang_up"),)

    def sound(self, sound: bytes) -> Frame:
        """Send it as it is."""
        return sound

    def text(self, text: str) -> Frame:
        """Have it answered at the next opportunity."""
        return _written(type="user_text_message", text=text, urgency="soon")

    def result(self, call_id: str, output: str) -> Frame:
        """Have the agent speak of it."""
        return _written(
            type="client_tool_result",
            invocationId=call_id,
            result=output,
            agentReaction="speaks",
            responseType="tool-response",
        )

    def change(self, before: AgentSettings) -> Sequence[Step]:
        """Make another call, unless something was said in this one; there the medium can change."""
        if not self.has_begun:
            return (self._creation(self.settings),)
        told = msgspec.structs.replace(
            before, is_spoken=self.settings.is_spoken, transcribes=self.settings.transcribes
        )
        if told != self.settings:
            said = f"{self.call.provider} takes no other settings once something was said"
            raise InvalidRequest(said, field="session")
        if before.is_spoken == self.settings.is_spoken:
            return ()
        medium = "voice" if self.settings.is_spoken else "text"
        return (_written(type="set_output_medium", medium=medium),)

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in a frame; messages that are not known say nothing to the caller."""
        if isinstance(frame, bytes):
            if len(frame) % 2:
                raise malformed(self.call.provider, "sound ends within a sample")
            return tuple(self._sound(frame))
        return tuple(self._follow_agent(message(frame, _READER, self.call.provider)))

    def _follow_agent(self, found: _Message) -> Iterator[Step]:
        if found.type == "call_started":
            yield from self.opened(found.call_id)
        elif found.type == "state":
            yield from self._state(found.state)
        elif found.type == "transcript":
            yield from self._transcript(found)
        elif found.type == "client_tool_invocation":
            yield from self._end()
            arguments = bytes(found.parameters).decode()
            yield from self.calls(found.invocation_id, found.tool_name, arguments)
        elif found.type == "playback_clear_buffer":
            yield from self._clear()

    def _sound(self, sound: bytes) -> Iterator[Step]:
        if sound:
            self._is_cut = False
            yield from self.response.sound(sound)

    def _state(self, state: str) -> Iterator[Step]:
        yield from self.opened()
        was_speaking, self._is_speaking = self._is_speaking, state == "speaking"
        if state in {"thinking", "speaking"}:
            self._is_cut = False
        if was_speaking and not self._is_speaking:
            yield from self._end()

    def _clear(self) -> Iterator[Step]:
        yield from self.interrupted()
        self._pass()
        self._is_cut = True

    def _transcript(self, found: _Message) -> Iterator[Step]:
        if found.role == "agent":
            yield from self._agents_words(found)
        elif found.role == "user" and found.final and found.medium != "text":
            # What it wrote itself, the caller knows.
            self._is_cut = False
            yield from self.heard_words(found.text or found.delta or "")

    def _agents_words(self, found: _Message) -> Iterator[Step]:
        if self._is_cut or found.ordinal <= self._over:
            return
        if self._ordinal not in {-1, found.ordinal}:
            yield from self._end()
        self._ordinal = found.ordinal
        is_spoken, words = found.medium != "text", self.response.words
        if found.delta is not None:
            yield from self.response.say(found.delta, is_spoken=is_spoken)
        elif found.text is not None and found.text.startswith(words):
            yield from self.response.say(found.text[len(words) :], is_spoken=is_spoken)
        elif found.text is not None:
            self.response.correct(found.text)
        if found.final and not is_spoken:
            yield from self._end()

    def _end(self) -> Iterator[Step]:
        """End what the agent says; sound and words of it that come later begin another response."""
        if self.response.is_open:
            yield from self.response.finish()
            self._pass()

    def _pass(self) -> None:
        """Note that the current utterance is over."""
        self._over, self._ordinal = max(self._over, self._ordinal), -1


def _written(**members: object) -> Frame:
    return orjson.dumps(members).decode()
