"""A live session: its first event names the model, and what is billed is its length."""

from collections.abc import Mapping, Sequence

from conduit.v1.converse_requests_pb2 import (
    SESSION_END_REASON_CALLER,
    SESSION_END_REASON_EXPIRED,
    SESSION_END_REASON_PROVIDER,
    SESSION_END_REASON_UNSPECIFIED,
    SessionEndReason,
)
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.openai.session_events import (
    Json,
    document_of,
    for_provider,
    member,
    said_by_caller,
    said_by_provider,
    usage_in,
    with_model,
)
from conduit_providers.failures import error_in_stream
from conduit_providers.operations.converse import SESSION_MILLISECOND, ConverseCall, live_event
from conduit_providers.quantities import Quantities, counted, total
from conduit_providers.session_codec import Frame, KeepAlive, SessionEvent

_SESSION = frozenset({"session.started", "session.updated", "session.closed"})
_REASONS: Mapping[str, SessionEndReason.ValueType] = {
    "close_requested": SESSION_END_REASON_CALLER,
    "expired": SESSION_END_REASON_EXPIRED,
}
# A provider may put anything there, also what no set can be asked for.
_ENDS = ("response.completed", "response.incomplete", "response.failed")


class LiveTranslator:
    """Translates one live session."""

    def __init__(self, call: ConverseCall) -> None:
        self.is_open = self.is_done = False
        self.end_reason: SessionEndReason.ValueType = SESSION_END_REASON_UNSPECIFIED
        self.failure: UpstreamError | None = None
        self.keep_alive: KeepAlive | None = None
        self._call = call
        # Since the session began, so that only the last one counts.
        self._lasted: Quantities | None = None
        self._others: dict[str, Quantities] = {}

    @property
    def usage(self) -> Quantities:
        """Return how long it lasted, as far as the provider reported."""
        return self._lasted or Quantities()

    @property
    def other_usage(self) -> Mapping[str, Quantities]:
        """Return what the models used that work is delegated to."""
        return self._others

    def uncounted(self, milliseconds: int) -> Quantities | None:
        """Return how much longer it lasted than reported; None once the provider counted all."""
        if self.is_done and self._lasted is not None:
            return None
        told = self.usage.count(SESSION_MILLISECOND)
        return counted(((SESSION_MILLISECOND, max(0, milliseconds - told)),))

    def first_steps(self) -> Sequence[Frame]:
        """Return the caller's first event, with the provider's name of the model."""
        return (for_provider(self._call.request.json, self._call.model),)

    def to_upstream(self, event: SessionEvent) -> Sequence[Frame]:
        """Pass an event on."""
        kind, text = said_by_caller(event)
        if kind in {"session.start", "session.update"}:
            return (for_provider(event.json, self._call.model),)
        return (text,)

    def from_upstream(self, frame: Frame) -> Sequence[SessionEvent]:
        """Pass an event on, and note what it tells."""
        kind, json = said_by_provider(frame, self._call.provider)
        self.failure = None
        if kind in _SESSION:
            document = self._read(json)
            self.is_open = True
            if kind == "session.closed":
                self._note_end(document)
            json = with_model(json, document, self._call.alias)
        elif kind == "session.usage.updated":
            self._note_length(self._read(json))
        elif kind == "response.event":
            self._note_response(self._read(json))
        elif kind == "error":
            self.failure = error_in_stream(self._read(json).get("error"), self._call.provider)
        return (live_event(json),)

    def last_frames(self) -> Sequence[Frame]:
        """Return nothing: closing is enough."""
        return ()

    def _read(self, json: bytes) -> Json:
        return document_of(json, self._call.provider)

    def _note_end(self, event: Json) -> None:
        self.is_done = True
        self.end_reason = _REASONS.get(str(event.get("reason")), SESSION_END_REASON_PROVIDER)
        self._note_length(event)

    def _note_length(self, event: Json) -> None:
        self._lasted = usage_in(event.get("usage")).lasted() or self._lasted

    def _note_response(self, event: Json) -> None:
        response = member(event, "event", "response")
        usage, model = member(response, "usage"), member(response, "model")
        is_end = member(event, "event", "type") in _ENDS
        if usage and isinstance(model, str) and is_end:
            used = usage_in(usage).tokens()
            self._others[model] = total((self._others.get(model, Quantities()), used))
