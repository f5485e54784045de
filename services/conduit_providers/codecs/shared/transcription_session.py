"""A transcription session of OpenAI's at a provider whose protocol is another.

Here is the caller's side: its events, the items that its sound becomes, and how much sound it was.
A dialect adds the frames.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence

from conduit.v1.charge_pb2 import UNIT_AUDIO_INPUT_MILLISECOND
from conduit.v1.converse_requests_pb2 import SESSION_END_REASON_UNSPECIFIED, SessionEndReason
from conduit_kernel.errors import ConduitError, InvalidRequest, UpstreamError
from conduit_providers.codecs.openai.session_events import said_by_caller
from conduit_providers.codecs.shared.caller_events import event_id_of, sound_in
from conduit_providers.codecs.shared.callers_sound import CallersSound
from conduit_providers.codecs.shared.realtime_events import RealtimeEvents
from conduit_providers.codecs.shared.sound_format import SoundFormat
from conduit_providers.codecs.shared.stable_words import StableWords
from conduit_providers.codecs.shared.transcription_settings import (
    TranscriptionSettings,
    updated,
)
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.quantities import KEYTERMS, Qualifiers, Quantities, counted
from conduit_providers.session_codec import Frame, KeepAlive, SessionEvent, Step
from conduit_providers.wire import GrpcStreamRequest, WebSocketRequest

_AUDIO_MILLISECOND = int(UNIT_AUDIO_INPUT_MILLISECOND)
# Of a position in the sound; providers round theirs.
MOST_MILLISECONDS = 2**31

Handshake = Callable[[TranscriptionSettings], WebSocketRequest | GrpcStreamRequest]


class TranscriptionSession(ABC):
    """Translates one session. A dialect says how sound is sent, and reads what was heard."""

    keep_alive: KeepAlive | None = None
    failure: UpstreamError | None

    def __init__(self, call: ConverseCall, handshake: Handshake) -> None:
        self.is_open = self.is_done = False
        self.end_reason: SessionEndReason.ValueType = SESSION_END_REASON_UNSPECIFIED
        self.failure = None
        self.settings = TranscriptionSettings()
        self.events = RealtimeEvents()
        self.call = call
        self._handshake = handshake
        self._name = "sess_1"
        # In milliseconds: the sound that was transcribed, and of it that of items that are done.
        self._heard = self._told = 0
        self._callers_sound = CallersSound()
        # How many items there were; the current one is the next.
        self._items = 0
        self._is_begun = self._is_committed = False
        self._words = StableWords()

    @property
    def usage(self) -> Quantities:
        """Return how much sound was transcribed."""
        return counted(((_AUDIO_MILLISECOND, self._heard),), self.qualifiers)

    @property
    def qualifiers(self) -> Qualifiers:
        """Return what the price depends on beside the length."""
        return (KEYTERMS,) if self.settings.keywords else ()

    @property
    def other_usage(self) -> Mapping[str, Quantities]:
        """Return nothing: there are no other models."""
        return {}

    @property
    def sent(self) -> int:
        """Return how many milliseconds of sound were sent."""
        return self._callers_sound.milliseconds

    @property
    def heard(self) -> int:
        """Return how many milliseconds of sound were transcribed."""
        return self._heard

    def uncounted(self, milliseconds: int) -> Quantities | None:
        """Return how much sound was sent that nothing came of yet; None if there is none."""
        rest = self.sent - self._heard
        if rest <= 0:
            return None
        return counted(((_AUDIO_MILLISECOND, rest),), self.qualifiers)

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
            return self._follow(kind, event)
        except ConduitError as error:
            return (self.events.refusal(error, event_id_of(text)),)

    # What a dialect says.

    @abstractmethod
    def sound(self, sound: bytes) -> Frame:
        """Return the frame that sends some sound."""

    @abstractmethod
    def commit(self) -> Sequence[Step]:
        """Return what ends the item that has the sound up to now."""

    @abstractmethod
    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in what the provider sent. UpstreamError if it makes no sense."""

    def check(self, settings: TranscriptionSettings) -> None:  # noqa: B027 # most can do all
        """Raise InvalidRequest for settings that the provider does not have."""

    def taken(self, sound: SoundFormat) -> SoundFormat:
        """Return the format in which the provider takes sound of the caller's format."""
        return sound

    def pieces(self, sound: bytes) -> Iterator[bytes]:
        """Yield sound as it is sent, a frame each."""
        yield sound

    def append(self, sound: bytes) -> Sequence[Step]:
        """Send sound, converted, in as many frames as that takes."""
        return [self.sound(piece) for piece in self.pieces(sound)]

    def greeting(self) -> Sequence[Frame]:
        """Return what a connection begins with that replaces another one: mostly nothing."""
        return ()

    def handshake(self) -> WebSocketRequest | GrpcStreamRequest:
        """Return what opens another connection for the session as it is set."""
        return self._handshake(self.settings)

    # What a dialect makes events of.

    def opened(self, name: str = "") -> Sequence[Step]:
        """Take in that the provider holds the session; once for each connection."""
        self._name = name or self._name
        if self.is_open:
            return ()
        self.is_open = True
        return (self._session("session.created"),)

    def heard_until(self, milliseconds: float) -> None:
        """Note how far the provider has come."""
        self._heard = max(self._heard, _whole(milliseconds))

    def speech(self, milliseconds: float) -> Iterator[Step]:
        """Yield that an item begins, unless it has."""
        if not self._is_begun:
            self._is_begun = True
            if self.settings.turns is not None and not self._is_committed:
                yield self._buffer("speech_started", audio_start_ms=_whole(milliseconds))

    def guess(self, text: str) -> Iterator[Step]:
        """Yield what is sure of a guess at the item's words."""
        yield from self._delta(self._words.guess(text))

    def finish(self, text: str, milliseconds: float) -> Iterator[Step]:
        """Yield the item's words, and that it is done."""
        yield from self.speech(milliseconds)
        if not self._is_committed:
            if self.settings.turns is not None:
                yield self._buffer("speech_stopped", audio_end_ms=_whole(milliseconds))
            yield self._committed()
        yield from self._delta(self._words.end(text))
        seconds, self._told = (self._heard - self._told) / 1000, self._heard
        yield self._transcript(
            "completed", transcript=text, usage={"type": "duration", "seconds": seconds}
        )
        self._items += 1
        self._is_begun = self._is_committed = False

    @property
    def is_committed(self) -> bool:
        """Return whether the caller has ended the current item."""
        return self._is_committed

    @property
    def is_begun(self) -> bool:
        """Return whether something was said in the current item."""
        return self._is_begun

    # The caller's events.

    def _append(self, text: str) -> Sequence[Step]:
        if not (sound := sound_in(text)):
            return ()
        sound = self._callers_sound.feed(sound)
        return self.append(sound) if sound else ()

    def _follow(self, kind: str, event: SessionEvent) -> Sequence[Step]:
        if kind == "session.update":
            return self._update(event)
        if kind == "input_audio_buffer.commit":
            return self._commit()
        said = f"A transcription session at {self.call.provider} has no {kind or 'such event'}"
        raise InvalidRequest(said, field="type")

    def _update(self, event: SessionEvent) -> Sequence[Step]:
        before = self.settings
        settings = updated(before, event.typed.session_update.session, self.call)
        self.check(settings)
        if settings != before and self._callers_sound.has_begun:
            said = f"{self.call.provider} takes no other settings once it has heard something"
            raise InvalidRequest(said, field="session")
        self.settings = settings
        self._callers_sound.become(settings.sound, self.taken(settings.sound))
        told = self._session("session.updated")
        if settings == before:
            return (told,)
        return (self.handshake(), *self.greeting(), told)

    def _commit(self) -> Sequence[Step]:
        if self._is_committed:
            return ()
        self._is_committed = True
        return (self._committed(), *self.commit())

    # Events.

    @property
    def _item(self) -> str:
        return f"item_{self._items + 1}"

    def _session(self, kind: str) -> SessionEvent:
        return self.events.write(kind, session=self.settings.as_json(self.call.alias, self._name))

    def _buffer(self, kind: str, **members: object) -> SessionEvent:
        return self.events.write(f"input_audio_buffer.{kind}", item_id=self._item, **members)

    def _committed(self) -> SessionEvent:
        previous = f"item_{self._items}" if self._items else None
        return self._buffer("committed", previous_item_id=previous)

    def _transcript(self, kind: str, **members: object) -> SessionEvent:
        name = f"conversation.item.input_audio_transcription.{kind}"
        return self.events.write(name, item_id=self._item, content_index=0, **members)

    def _delta(self, text: str) -> Iterator[Step]:
        if text:
            yield self._transcript("delta", delta=text)


def _whole(milliseconds: float) -> int:
    return int(max(0.0, min(milliseconds, MOST_MILLISECONDS)))
