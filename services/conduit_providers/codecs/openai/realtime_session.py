"""A realtime session: the model's name is translated both ways, and what is used is counted."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from conduit.v1.converse_requests_pb2 import (
    SESSION_END_REASON_EXPIRED,
    SESSION_END_REASON_UNSPECIFIED,
    SessionEndReason,
)
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.openai.committed_sound import CommittedSound
from conduit_providers.codecs.openai.session_events import (
    Json,
    document_of,
    member,
    said_by_caller,
    said_by_provider,
    said_document,
    usage_in,
    with_model,
)
from conduit_providers.failures import error_in_stream
from conduit_providers.operations.converse import ConverseCall, realtime_event
from conduit_providers.quantities import AUDIO_OUTPUT, OUTPUT, Quantities, counted, total
from conduit_providers.session_codec import Frame, KeepAlive, SessionEvent, Step
from conduit_providers.transcripts import AUDIO_MILLISECOND
from conduit_providers.wire import WebSocketRequest

_CREATED = "session.created"
_SESSION = frozenset({_CREATED, "session.updated"})
_WORDS = frozenset(
    {
        "response.output_text.delta",
        "response.output_audio_transcript.delta",
        "response.function_call_arguments.delta",
    }
)
_SOUND = "response.output_audio.delta"
_APPENDED = "input_audio_buffer.append"
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
_OF_SOUND: Mapping[str, Callable[[CommittedSound], object]] = MappingProxyType(
    {
        "input_audio_buffer.committed": CommittedSound.commit,
        "input_audio_buffer.cleared": CommittedSound.clear,
        "conversation.item.input_audio_transcription.failed": CommittedSound.end,
    }
)
# A token of spoken output is 50 ms; of PCM at 24 kHz, in base64, these are so many characters.
# https://platform.openai.com/docs/guides/realtime-costs
_CHARACTERS_PER_TOKEN = 3200


class RealtimeTranslator:
    """Translates one realtime session."""

    def __init__(self, call: ConverseCall, transcription: WebSocketRequest | None = None) -> None:
        """Take the call, and the handshake of sessions that only transcribe.

        None where they have none of their own, or this is one.
        """
        self.is_open = self.is_done = False
        self.end_reason: SessionEndReason.ValueType = SESSION_END_REASON_UNSPECIFIED
        self.failure: UpstreamError | None = None
        self.keep_alive: KeepAlive | None = None
        self._call = call
        self._transcription = transcription
        # Whether the caller was told of a session that another one stands for now.
        self._is_replaced = False
        self._usage: list[Quantities] = []
        self._others: dict[str, Quantities] = {}
        # The model that writes down what the caller says, while it is known.
        self._transcriber = ""
        # Of responses that are not done yet: how many, and what was handed out.
        self._begun = self._words = self._sound = 0
        # None unless the session only transcribes.
        self._committed: CommittedSound | None = None

    @property
    def usage(self) -> Quantities:
        """Return the sum of all responses."""
        return total(self._usage)

    @property
    def other_usage(self) -> Mapping[str, Quantities]:
        """Return what transcriptions used, by model."""
        return self._others

    def uncounted(self, milliseconds: int) -> Quantities | None:
        """Return about what is not counted yet, of responses or sound; None if there is nothing."""
        if self._committed is not None and (rest := self._committed.milliseconds):
            return counted(((AUDIO_MILLISECOND, rest),))
        if self._begun <= 0:
            return None
        sound = -(-self._sound // _CHARACTERS_PER_TOKEN)
        return counted(((OUTPUT, self._words), (AUDIO_OUTPUT, sound)))

    def first_steps(self) -> Sequence[Frame]:
        """Return nothing: the provider speaks first."""
        return ()

    def to_upstream(self, event: SessionEvent) -> Sequence[Step]:
        """Pass an event on; a session's model cannot change, so none but its own is named.

        A conversation cannot become a transcription, which has another connection.
        """
        kind, text = said_by_caller(event)
        if kind == "session.update":
            document = said_document(event.json)
            frame = with_model(event.json, document, self._call.model).decode()
            is_transcription = member(document, "session", "type") == "transcription"
            if self._transcription is None or not is_transcription:
                return (frame,)
            handshake, self._transcription = self._transcription, None
            self._is_replaced = True
            return (handshake, frame)
        if self._committed is not None and kind == _APPENDED:
            self._committed.append(text)
        return (text,)

    def from_upstream(self, frame: Frame) -> Sequence[SessionEvent]:
        """Pass an event on, and note what it tells."""
        kind, json = said_by_provider(frame, self._call.provider)
        self.failure = None
        if self._is_replaced and kind == _CREATED:
            # The caller's update is answered by the next one.
            self._note_session(self._read(json))
            return ()
        if kind in _WORDS:
            self._words += 1
        elif kind == _SOUND:
            self._sound += len(json)
        elif kind in _SESSION:
            document = self._read(json)
            self.is_open = True
            self._note_session(document)
            json = self._named(json, document)
        elif kind == "response.created":
            self._begun += 1
        elif kind == "response.done":
            self._note_response(self._read(json))
        elif kind == _TRANSCRIBED:
            self._note_transcription(self._read(json))
        elif self._committed is not None and kind in _OF_SOUND:
            _OF_SOUND[kind](self._committed)
        elif kind == "error":
            self._note_error(self._read(json))
        return (realtime_event(json),)

    def last_frames(self) -> Sequence[Frame]:
        """Return nothing: closing is enough."""
        return ()

    def _named(self, json: bytes, document: Json) -> bytes:
        """Return what the provider says of a session, with the caller's name of its model."""
        return with_model(json, document, self._call.alias)

    def _read(self, json: bytes) -> Json:
        return document_of(json, self._call.provider)

    def _note_session(self, event: Json) -> None:
        model = member(event, "session", "audio", "input", "transcription", "model")
        self._transcriber = model if isinstance(model, str) else ""
        if member(event, "session", "type") == "transcription":
            self._committed = self._committed or CommittedSound()
            self._committed.become(member(event, "session", "audio", "input", "format", "type"))

    def _note_response(self, event: Json) -> None:
        self._usage.append(usage_in(member(event, "response", "usage")).tokens())
        self._usage = [total(self._usage)]
        self._begun -= 1
        self._words = self._sound = 0

    def _note_transcription(self, event: Json) -> None:
        used = usage_in(event.get("usage")).transcribed()
        if self._committed is not None:
            length = self._committed.end()
            # Some models report nothing.
            used = used if used.leaves else counted(((AUDIO_MILLISECOND, length),))
        model = self._transcriber or self._call.model
        if model == self._call.model:
            self._usage = [total((*self._usage, used))]
        else:
            self._others[model] = total((self._others.get(model, Quantities()), used))

    def _note_error(self, event: Json) -> None:
        error = event.get("error")
        self.failure = error_in_stream(error, self._call.provider)
        if member(error, "code") == "session_expired":
            self.end_reason = SESSION_END_REASON_EXPIRED
