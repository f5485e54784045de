"""A conversation of OpenAI's realtime sessions with an agent whose protocol is another.

Here is the caller's side: its events, what it says and what it is told of the agent's words. The
agent finds turns by itself, and answers each. A dialect adds the frames.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

from conduit.v1.converse_requests_pb2 import SESSION_END_REASON_UNSPECIFIED, SessionEndReason
from conduit.v1.realtime_item_pb2 import RealtimeItem
from conduit_kernel.errors import ConduitError, InvalidRequest, UpstreamError
from conduit_providers.codecs.openai.session_events import said_by_caller
from conduit_providers.codecs.shared.agent_events import ConversationEvents, Item, ResponseEvents
from conduit_providers.codecs.shared.agent_settings import AgentSettings, updated
from conduit_providers.codecs.shared.caller_events import event_id_of, sound_in
from conduit_providers.codecs.shared.callers_sound import CallersSound
from conduit_providers.codecs.shared.realtime_events import RealtimeEvents
from conduit_providers.codecs.shared.sound_format import SoundFormat, format_of
from conduit_providers.operations.converse import SESSION_MILLISECOND, ConverseCall
from conduit_providers.quantities import Quantities, counted
from conduit_providers.session_codec import Frame, KeepAlive, SessionEvent, Step


class AgentSession(ABC):
    """Translates one session. A dialect says what is sent, and reads what the agent says."""

    keep_alive: KeepAlive | None = None
    failure: UpstreamError | None

    def __init__(self, call: ConverseCall) -> None:
        self.is_open = self.is_done = False
        self.end_reason: SessionEndReason.ValueType = SESSION_END_REASON_UNSPECIFIED
        self.failure = None
        self.call = call
        self.settings = AgentSettings()
        # The agent's formats, and the caller's.
        self.heard = self.spoken = SoundFormat()
        self._input = self._output = SoundFormat()
        self.events = RealtimeEvents()
        self.conversation = ConversationEvents(self.events)
        self.response = ResponseEvents(self.conversation)
        self.has_begun = False
        self._name = "sess_1"
        self._callers_sound = CallersSound()
        # How many milliseconds of it items have.
        self._told = 0
        # The caller's next item, if it has begun to speak.
        self._speech = ""
        # Functions that are called and have not returned.
        self._calls: set[str] = set()
        # What the caller wrote since it last asked for a response.
        self._texts: list[str] = []
        self._has_returned = False

    @property
    def usage(self) -> Quantities:
        """Return nothing: what is billed is how long the session is."""
        return Quantities()

    @property
    def other_usage(self) -> Mapping[str, Quantities]:
        """Return nothing: there are no other models."""
        return {}

    def uncounted(self, milliseconds: int) -> Quantities | None:
        """Return how long the session was: no agent tells it."""
        return counted(((SESSION_MILLISECOND, milliseconds),)) if milliseconds else None

    def first_steps(self) -> Sequence[Step]:
        """Return nothing: the provider speaks first."""
        return ()

    def last_frames(self) -> Sequence[Frame]:
        """Return nothing: closing is enough."""
        return ()

    def to_upstream(self, event: SessionEvent) -> Sequence[Step]:
        """Follow an event, or say to the caller why not: then the session goes on."""
        kind, text = said_by_caller(event)
        try:
            if kind == "input_audio_buffer.append":
                return self._append(text)
            return tuple(self._follow(kind, event))
        except ConduitError as error:
            return (self.events.refusal(error, event_id_of(text)),)

    # What a dialect says.

    @abstractmethod
    def sound(self, sound: bytes) -> Frame:
        """Return the frame that sends some sound."""

    @abstractmethod
    def text(self, text: str) -> Frame:
        """Return the frame that has the agent answer what the caller wrote."""

    @abstractmethod
    def result(self, call_id: str, output: str) -> Frame:
        """Return the frame that tells what a function returned, which the agent goes on with."""

    @abstractmethod
    def change(self, before: AgentSettings) -> Sequence[Step]:
        """Return what puts the new settings into force. InvalidRequest if it is too late."""

    @abstractmethod
    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in what the provider sent. UpstreamError if it makes no sense."""

    # What a dialect makes events of.

    def speaks(self, heard: SoundFormat, spoken: SoundFormat) -> None:
        """Take the agent's formats, where they are not OpenAI's."""
        self.heard, self.spoken = heard, spoken
        self._fit()

    def opened(self, name: str = "") -> Iterator[Step]:
        """Yield that the provider holds the session; once, whatever the connections."""
        self._name = name or self._name
        if not self.is_open:
            self.is_open = True
            yield self._session("session.created")

    def interrupted(self) -> Iterator[Step]:
        """Yield that the caller speaks, and that the agent stops for it."""
        yield from self._speech_started()
        yield from self.response.finish(is_interrupted=True)

    def heard_words(self, words: str) -> Iterator[Step]:
        """Yield what the caller has said."""
        yield from self._speech_started()
        name, self._speech = self._speech, ""
        sent = self._callers_sound.milliseconds
        told, self._told = self._told, sent
        yield self._buffer("speech_stopped", item_id=name, audio_end_ms=sent)
        yield self._buffer("committed", item_id=name, previous_item_id=self.conversation.last)
        words = words if self.settings.transcribes else ""
        content = {"type": "input_audio", "transcript": words or None}
        yield from self.conversation.whole(_user(name, content))
        if self.settings.transcribes:
            yield self.events.write(
                "conversation.item.input_audio_transcription.completed",
                item_id=name,
                content_index=0,
                transcript=words,
                # An item's sound is what was sent until its words came.
                usage={"type": "duration", "seconds": (sent - told) / 1000},
            )

    def calls(self, call_id: str, name: str, arguments: str) -> Iterator[Step]:
        """Yield that the agent calls a function, for which it stops."""
        yield from self.response.finish()
        self._calls.add(call_id)
        yield from self.response.call(call_id, name, arguments)

    # The caller's events.

    def _append(self, text: str) -> Sequence[Step]:
        if not (sound := sound_in(text)):
            return ()
        sound = self._callers_sound.feed(sound)
        self.has_begun = True
        return (self.sound(sound),) if sound else ()

    def _follow(self, kind: str, event: SessionEvent) -> Iterator[Step]:
        if kind == "session.update":
            yield from self._update(event)
        elif kind == "conversation.item.create":
            yield from self._create(event.typed.conversation_item_create.item)
        elif kind == "response.create":
            yield from self._respond(event)
        elif kind == "conversation.item.truncate":
            # The agent knows by itself how far it came.
            asked = event.typed.conversation_item_truncate
            yield self.events.write(
                "conversation.item.truncated",
                item_id=asked.item_id,
                content_index=asked.content_index,
                audio_end_ms=asked.audio_end_ms,
            )
        else:
            said = f"A session with an agent at {self.call.provider} has no {kind or 'such event'}"
            raise InvalidRequest(said, field="type")

    def _update(self, event: SessionEvent) -> Iterator[Step]:
        before, session = self.settings, event.typed.session_update.session
        given, wanted = self._input, self._output
        if session.audio.input.HasField("format"):
            given = format_of(session.audio.input.format, "session.audio.input.format")
        if session.audio.output.HasField("format"):
            wanted = format_of(session.audio.output.format, "session.audio.output.format")
        self.settings = updated(before, session, self.call)
        steps: Sequence[Step] = ()
        if self.settings != before:
            try:
                steps = self.change(before)
            except InvalidRequest:
                self.settings = before
                raise
        yield from steps
        self._input, self._output = given, wanted
        self._fit()
        yield self._session("session.updated")

    def _create(self, item: RealtimeItem) -> Iterator[Step]:
        if item.type == "function_call_output":
            if item.call_id not in self._calls:
                said = "No function is called that has not returned"
                raise InvalidRequest(said, field="item.call_id")
            self._calls.remove(item.call_id)
            self._has_returned = True
            yield from self.conversation.whole(_output(self.conversation.name(), item))
            yield self.result(item.call_id, item.output)
            return
        text = _text_of(item, self.call.provider)
        self._texts.append(text)
        self.has_begun = True
        content = {"type": "input_text", "text": text}
        yield from self.conversation.whole(_user(self.conversation.name(), content))

    def _respond(self, event: SessionEvent) -> Iterator[Step]:
        asked = event.typed.response_create.response
        if asked.instructions or asked.input or asked.output_modalities:
            for name in ("instructions", "input", "output_modalities"):
                if getattr(asked, name):
                    self.call.drop(f"response.{name}", self.call.provider)
        texts, self._texts = self._texts, []
        if texts:
            yield self.text("\n\n".join(texts))
        elif not self._has_returned:
            said = f"{self.call.provider} answers what is said to it, and nothing was"
            raise InvalidRequest(said, field="response")
        # It goes on by itself with what a function returned.
        self._has_returned = False

    # Events.

    def _fit(self) -> None:
        """Have sound converted where the caller's is not the agent's."""
        self._callers_sound.become(self._input, self.heard)
        self.response.become(self.spoken, self._output)

    def _session(self, kind: str) -> SessionEvent:
        told = self.settings.as_json(self.call.alias, self._name, self._input, self._output)
        return self.events.write(kind, session=told)

    def _speech_started(self) -> Iterator[Step]:
        if not self._speech:
            self._speech = self.conversation.name()
            yield self._buffer("speech_started", item_id=self._speech, audio_start_ms=self._told)

    def _buffer(self, kind: str, **members: object) -> SessionEvent:
        return self.events.write(f"input_audio_buffer.{kind}", **members)


def _user(name: str, content: Item) -> Item:
    return {
        "id": name,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [content],
    }


def _output(name: str, item: RealtimeItem) -> Item:
    return {
        "id": name,
        "object": "realtime.item",
        "type": "function_call_output",
        "status": "completed",
        "call_id": item.call_id,
        "output": item.output,
    }


def _text_of(item: RealtimeItem, provider: str) -> str:
    """Return what an item says. InvalidRequest unless it is a text of the caller's."""
    if item.type != "message" or item.role != "user":
        said = f"An agent at {provider} is told messages of users, and outputs of functions"
        raise InvalidRequest(said, field="item.type")
    if any(part.type != "input_text" for part in item.content):
        raise InvalidRequest("Sound is appended, and pictures are not taken", field="item.content")
    text = "\n\n".join(part.text for part in item.content if part.text)
    if not text:
        raise InvalidRequest("The message has no text", field="item.content")
    return text
