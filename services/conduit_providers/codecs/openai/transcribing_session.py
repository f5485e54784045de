"""A realtime session of a model that only writes down what is said.

Its connection names no model: `session.update` does, as the one that transcribes.
https://developers.openai.com/api/docs/guides/realtime-transcription
"""

from collections.abc import Sequence

import orjson

from conduit_providers.codecs.openai.realtime_session import RealtimeTranslator
from conduit_providers.codecs.openai.session_events import (
    Json,
    member,
    said_by_caller,
    said_document,
)
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.session_codec import SessionEvent, Step

_UPDATE = "session.update"


class TranscribingTranslator(RealtimeTranslator):
    """Translates one session, and names its model before anything else is said."""

    def __init__(self, call: ConverseCall) -> None:
        """Take the call."""
        super().__init__(call)
        self._is_named = False

    def to_upstream(self, event: SessionEvent) -> Sequence[Step]:
        """Pass an event on, behind one that names the model, unless it does so itself."""
        if said_by_caller(event)[0] == _UPDATE:
            self._is_named = True
            return (self._named_update(event.json),)
        steps = super().to_upstream(event)
        if self._is_named:
            return steps
        self._is_named = True
        return (_update(self._call.model), *steps)

    def _named_update(self, json: bytes) -> str:
        """Return an update of the caller's whose transcriber is this model."""
        document = said_document(json)
        session = document.get("session")
        if not isinstance(session, dict):
            return json.decode()
        # A session that only transcribes has no other model.
        session.pop("model", None)
        place: object = session
        for name in ("audio", "input", "transcription"):
            if not isinstance(place, dict):
                return orjson.dumps(document).decode()
            place = place.setdefault(name, {})
        if isinstance(place, dict):
            place["model"] = self._call.model
        return orjson.dumps(document).decode()

    def _note_session(self, event: Json) -> None:
        super()._note_session(event)
        # Whatever the provider calls it, it is the session's own.
        self._transcriber = ""

    def _named(self, json: bytes, document: Json) -> bytes:
        transcription = member(document, "session", "audio", "input", "transcription")
        if isinstance(transcription, dict) and transcription.get("model") == self._call.model:
            transcription["model"] = self._call.alias
            return orjson.dumps(document)
        return json


def _update(model: str) -> str:
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": model}}}}
    return orjson.dumps({"type": _UPDATE, "session": session}).decode()
