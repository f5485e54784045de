"""A live session: for each second that it hears, it hums one.

The events are those of openai 3.57: types.live. Its model is named by the first of them.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any

from conduit_simulator.behaviour import behaviour_of
from conduit_simulator.realtime import BYTES_PER_SECOND, tone_of
from conduit_simulator.speech import CHARACTERS_PER_SECOND

Json = dict[str, Any]

SESSION_SECONDS = 7200


class LiveSession:
    """Answers a caller's events; one for each session."""

    def __init__(self, new_id: Callable[[], str], clock: Callable[[], float]) -> None:
        """Take a clock of seconds since 1970."""
        self.is_over = False
        self._new_id = new_id
        self._clock = clock
        self._began = clock()
        self._session: Json = {}
        self._heard = 0

    def opening(self) -> Iterator[Json]:
        """Yield nothing: the caller begins."""
        yield from ()

    def hear(self, event: Json) -> Iterator[Json]:
        """Yield what answers an event."""
        kind = event.get("type")
        if not self._session and kind != "session.start":
            yield self._error("The session has not been started", event)
            return
        match kind:
            case "session.start":
                yield from self._start(event)
            case "session.input_audio.append":
                yield from self._append(event)
            case "session.update":
                yield self._event("session.updated", session=self._session)
            case "session.close":
                self.is_over = True
                seconds = round(self._clock() - self._began, 3)
                usage, reason = {"seconds": seconds}, "close_requested"
                yield self._event(
                    "session.closed", reason=reason, session=self._session, usage=usage
                )
            case _:
                yield self._error(f"Invalid value: {kind!r}", event)

    def _start(self, event: Json) -> Iterator[Json]:
        asked = event.get("session")
        model = asked.get("model") if isinstance(asked, dict) else None
        if self._session or not isinstance(model, str) or behaviour_of(model) is None:
            yield self._error("The session cannot be started so", event)
            return
        self._session = {
            "id": f"live_{self._new_id()}",
            "model": model,
            "status": "active",
            "expires_at": int(self._began) + SESSION_SECONDS,
        }
        named = {"client_event_id": event["event_id"]} if "event_id" in event else {}
        yield self._event("session.started", session=self._session, **named)

    def _append(self, event: Json) -> Iterator[Json]:
        try:
            self._heard += len(b64decode(event.get("audio") or "", validate=True))
        except (binascii.Error, TypeError, ValueError):
            yield self._error("The audio is not base64", event)
        while self._heard >= BYTES_PER_SECOND:
            self._heard -= BYTES_PER_SECOND
            for piece in tone_of("m" * CHARACTERS_PER_SECOND):
                delta = b64encode(piece).decode()
                yield self._event("session.output_audio.delta", delta=delta)

    def _error(self, message: str, event: Json) -> Json:
        told = {"type": "invalid_request_error", "code": "invalid_value", "message": message}
        error = {**told, "param": None, "event_id": event.get("event_id")}
        return self._event("error", error=error)

    def _event(self, kind: str, **members: object) -> Json:
        return {"type": kind, "event_id": f"event_{self._new_id()}", **members}
