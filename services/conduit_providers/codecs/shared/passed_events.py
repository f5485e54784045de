"""The base of decoders that pass a provider's events on as they are, to the last of its answer."""

from abc import ABC, abstractmethod
from copy import copy
from typing import Any, Generic, TypeVar

import msgspec

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.shared.skipping import may_skip
from conduit_providers.codecs.shared.sse import EventBuffer, SseEvent, events_in
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.json_reading import JsonReader
from conduit_providers.quantities import Quantities
from conduit_providers.typed_events import TypedEvents

EventsT = TypeVar("EventsT", bound=TypedEvents[Any])
EventT = TypeVar("EventT", bound="EventHead")

_DONE = b"[DONE]"


class EventHead(msgspec.Struct):
    """Members that events have in common; a dialect adds those that it looks at."""

    type: str = ""
    error: object = None
    message: object = None

    def failure(self) -> object:
        """Return what a failure says of itself."""
        return self.error or self.message


class PassingDecoder(ABC, Generic[EventT, EventsT]):
    """Passes on the events of one answer; a dialect says which of them is the last."""

    def __init__(
        self,
        provider: str,
        reader: JsonReader[EventT],
        events: type[EventsT],
        *,
        most: int = MAX_EVENT_BYTES,
    ) -> None:
        """Take what reads an event, what events are, and the most bytes that one may have."""
        self.done = False
        self.emitted = 0
        self.skipped = 0
        self._provider = provider
        self._reader = reader
        self._events = events
        self._buffer = EventBuffer(provider, most)
        self._failure: UpstreamError | None = None

    @property
    @abstractmethod
    def has_finished(self) -> bool:
        """Return whether the answer is complete."""

    @property
    @abstractmethod
    def usage(self) -> Quantities | None:
        """Return what was used, as far as that was said."""

    @property
    def ending(self) -> bytes:
        """Return the events that an answer lacks which has said why it stopped; mostly none."""
        return b""

    @abstractmethod
    def _look_at(self, event: EventT) -> None:
        """Note what an event says. UpstreamError if it is malformed."""

    def feed(self, data: bytes) -> EventsT | None:
        """Take the next bytes; return the events they complete, or None.

        UpstreamError if the provider reports a failure or sends malformed; events before that are
        returned first.
        """
        if self._failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return self._pass_on(self._buffer.feed(data))

    def close(self) -> EventsT | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        if self.done:
            return None
        events = None if self.has_finished else self._pass_on_rest()
        if not self.has_finished:
            raise StreamInterrupted(
                f"{self._provider} ended the stream before the answer was complete",
                provider=self._provider,
            )
        self.done = True
        ending = self.ending
        if not ending:
            return events
        return self._events(sse=(events.sse if events is not None else b"") + ending)

    def _pass_on_rest(self) -> EventsT | None:
        # Some servers forget the blank line behind the last event.
        rest = self._buffer.held.strip(b"\n")
        try:
            return self._pass_on(rest + b"\n\n") if rest else None
        except UpstreamError as error:
            if error.metadata.get("kind") != "malformed":
                raise
            # It was cut off.
            return None

    def _pass_on(self, block: bytes) -> EventsT | None:
        kept: list[bytes] = []
        for event in events_in(block):
            if event.data.strip() == _DONE:
                self.done = self.has_finished
                if self.done and (ending := self.ending):
                    kept.append(ending)
                break
            try:
                if passed := self._looked_at(event):
                    kept.append(passed)
            except UpstreamError as error:
                if not (self.emitted + len(kept)) or not may_skip(error, b"", self.skipped):
                    self._failure = copy(error)
                    break
                self.skipped += 1
        self.emitted += len(kept)
        if self._failure is not None and not kept:
            # What was raised refers to all who were asked, and so to this.
            raise copy(self._failure)
        return self._events(sse=b"".join(kept)) if kept else None

    def _looked_at(self, event: SseEvent) -> bytes:
        """Return an event as it is passed on, empty if it is not.

        UpstreamError if it is a failure, or malformed.
        """
        data = one_line(event)
        kind = self._read(event, data).type
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data) if kind else _bare(data)

    def _read(self, event: SseEvent, data: bytes) -> EventT:
        try:
            found = self._reader.decode(data)
        except msgspec.DecodeError as error:
            raise malformed(self._provider, "an event makes no sense") from error
        if found.error is not None or "error" in {found.type, event.event.decode("latin-1")}:
            raise error_in_stream(found.failure(), self._provider)
        self._look_at(found)
        return found


def one_line(event: SseEvent) -> bytes:
    """Return an event's data, which is JSON, on a line."""
    return event.data.replace(b"\n", b" ").strip()


def _bare(data: bytes) -> bytes:
    return b"data: %b\n\n" % data
