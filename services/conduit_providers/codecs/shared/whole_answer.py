"""Streams out of whole answers, for providers that do not send these piece by piece."""

from abc import ABC, abstractmethod
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from conduit_providers.calls import Answer, Call
from conduit_providers.failures import too_large
from conduit_providers.quantities import Quantities
from conduit_providers.typed_events import TypedEvents, events_of
from conduit_providers.wire import HttpResponse

AnswerT = TypeVar("AnswerT", bound=Answer[Any])
EventsT = TypeVar("EventsT", bound=TypedEvents[Any])

# As the Router reads of whole answers.
MAX_ANSWER_BYTES = 64 * 1024 * 1024


class WholeAnswerDecoder(ABC, Generic[AnswerT, EventsT]):
    """Waits for the whole answer, and says it as events."""

    skipped = 0

    def __init__(
        self, call: Call[Any], events: type[EventsT], read: Callable[[HttpResponse], AnswerT]
    ) -> None:
        """Take the call, what its events are, and what reads an answer."""
        self.emitted = 0
        self.done = False
        self.has_finished = False
        self.usage: Quantities | None = None
        self._headers = call.answer_headers
        self._provider = call.provider
        self._kind_of_events = events
        self._read = read
        self._body = bytearray()

    @abstractmethod
    def _events(self, answer: AnswerT) -> Iterable[Mapping[str, object]]:
        """Return the events that say what an answer says."""

    def feed(self, data: bytes) -> EventsT | None:
        """Take the next bytes; there are no events before the last one."""
        self._body += data
        if len(self._body) > MAX_ANSWER_BYTES:
            raise too_large(self._provider, f"it has more than {MAX_ANSWER_BYTES} bytes")
        return None

    def close(self) -> EventsT | None:
        """Return the events. UpstreamError if the answer makes no sense."""
        body = bytes(self._body).removeprefix(BOM_UTF8)
        answer = self._read(HttpResponse(200, self._headers, body))
        self._body.clear()
        self.usage = answer.usage
        events = list(self._events(answer))
        self.emitted = len(events)
        self.done = self.has_finished = True
        return self._kind_of_events(sse=events_of(events))
