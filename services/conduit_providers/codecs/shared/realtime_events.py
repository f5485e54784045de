"""Writes OpenAI's realtime events, for providers whose sessions speak otherwise.

https://platform.openai.com/docs/api-reference/realtime-server-events
"""

import orjson

from conduit_kernel.errors import ConduitError
from conduit_providers.operations.converse import realtime_event
from conduit_providers.session_codec import SessionEvent


class RealtimeEvents:
    """Writes the events of one session, whose names count up."""

    def __init__(self) -> None:
        self._count = 0

    def write(self, kind: str, /, **members: object) -> SessionEvent:
        """Write an event."""
        self._count += 1
        event = {"type": kind, "event_id": f"event_{self._count}", **members}
        return realtime_event(orjson.dumps(event))

    def refusal(self, error: ConduitError, cause: str | None = None) -> SessionEvent:
        """Write that a caller's event is not followed; the session goes on."""
        param = error.metadata.get("field") or error.metadata.get("parameter")
        return self.failure("invalid_request_error", "invalid_value", error.message, param, cause)

    def failure(
        self,
        kind: str,
        code: str,
        message: str,
        param: str | None = None,
        cause: str | None = None,
    ) -> SessionEvent:
        """Write that something went wrong; `cause` names the caller's event."""
        told = {"type": kind, "code": code, "message": message, "param": param, "event_id": cause}
        return self.write("error", error=told)
