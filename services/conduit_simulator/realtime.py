"""A realtime session: it hears the quick brown fox, and says again what it was told last.

The events are those of openai 3.57: types.realtime. It takes no turns by itself: `commit` ends what
is heard, and `response.create` asks for an answer.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any

from conduit_simulator.requests import SpeechRequest
from conduit_simulator.speech import RATE, TOKENS_PER_SECOND, speech
from conduit_simulator.text import tokens_of
from conduit_simulator.transcription import WORDS

Json = dict[str, Any]

BYTES_PER_SECOND = RATE * 2
SESSION_SECONDS = 3600
# Of sound that is heard.
_HEARD_PER_SECOND = 10


class RealtimeSession:
    """Answers a caller's events; one for each session."""

    is_over = False

    def __init__(self, model: str, new_id: Callable[[], str], now: int) -> None:
        """Take the model, and the seconds since 1970."""
        self._new_id = new_id
        self._session: Json = {
            "type": "realtime",
            "object": "realtime.session",
            "id": f"sess_{new_id()}",
            "model": model,
            "output_modalities": ["audio"],
            "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": RATE}, "turn_detection": None},
                "output": {"format": {"type": "audio/pcm", "rate": RATE}, "voice": "alloy"},
            },
            "expires_at": now + SESSION_SECONDS,
        }
        self._heard = 0
        self._last_item: str | None = None
        self._last_text = "Hello."
        # Of what was put into the conversation since the last answer.
        self._text_tokens = self._audio_tokens = 0

    def opening(self) -> Iterator[Json]:
        """Yield what begins the session."""
        yield self._event("session.created", session=self._session)

    def hear(self, event: Json) -> Iterator[Json]:
        """Yield what answers an event."""
        match event.get("type"):
            case "session.update":
                self._update(event.get("session"))
                yield self._event("session.updated", session=self._session)
            case "input_audio_buffer.append":
                yield from self._append(event)
            case "input_audio_buffer.clear":
                self._heard = 0
                yield self._event("input_audio_buffer.cleared")
            case "input_audio_buffer.commit":
                yield from self._commit(event)
            case "conversation.item.create":
                yield from self._item(event.get("item"))
            case "response.create":
                yield from self._respond(event.get("response"))
            case "response.cancel":
                # Answers come whole, so that none is under way.
                yield self._error(
                    "There is no active response", event, "response_cancel_not_active"
                )
            case kind:
                yield self._error(f"Invalid value: {kind!r}", event, "invalid_value")

    def _update(self, wish: object) -> None:
        if isinstance(wish, dict):
            own = {"id", "object", "expires_at", "model"}
            audio = wish.get("audio")
            self._session |= {name: v for name, v in wish.items() if name not in {*own, "audio"}}
            for side, settings in (audio if isinstance(audio, dict) else {}).items():
                if isinstance(settings, dict):
                    self._session["audio"].setdefault(side, {}).update(settings)

    def _append(self, event: Json) -> Iterator[Json]:
        try:
            self._heard += len(b64decode(event.get("audio") or "", validate=True))
        except (binascii.Error, TypeError, ValueError):
            yield self._error("The audio is not base64", event, "invalid_value")

    def _commit(self, event: Json) -> Iterator[Json]:
        if not self._heard:
            code = "input_audio_buffer_commit_empty"
            yield self._error("The buffer has no sound", event, code)
            return
        seconds, self._heard = self._heard / BYTES_PER_SECOND, 0
        before, item = self._last_item, self._new_item("input_audio", transcript=WORDS)
        yield self._event(
            "input_audio_buffer.committed", item_id=item["id"], previous_item_id=before
        )
        yield from self._added(item, before)
        self._last_text = WORDS
        self._audio_tokens += round(seconds * _HEARD_PER_SECOND)
        if self._session["audio"]["input"].get("transcription"):
            yield self._event(
                "conversation.item.input_audio_transcription.completed",
                item_id=item["id"],
                content_index=0,
                transcript=WORDS,
                usage={"type": "duration", "seconds": round(seconds, 3)},
            )

    def _item(self, given: object) -> Iterator[Json]:
        told = given if isinstance(given, dict) else {}
        parts = told.get("content")
        texts = [
            each["text"]
            for each in (parts if isinstance(parts, list) else ())
            if isinstance(each, dict) and isinstance(each.get("text"), str)
        ]
        if texts:
            self._last_text = " ".join(texts)
            self._text_tokens += len(tokens_of(self._last_text))
        before = self._last_item
        item = {"id": f"item_{self._new_id()}", "object": "realtime.item", **told}
        self._last_item = item["id"]
        yield from self._added({**item, "status": "completed"}, before)

    def _added(self, item: Json, before: str | None) -> Iterator[Json]:
        for kind in ("conversation.item.added", "conversation.item.done"):
            yield self._event(kind, item=item, previous_item_id=before)

    def _respond(self, wish: object) -> Iterator[Json]:
        asked = wish.get("output_modalities") if isinstance(wish, dict) else None
        is_text = (asked or self._session.get("output_modalities")) == ["text"]
        response: Json = {"id": f"resp_{self._new_id()}", "object": "realtime.response"}
        yield self._event("response.created", response={**response, "status": "in_progress"})
        kind = "output_text" if is_text else "output_audio"
        said = {"text": self._last_text} if is_text else {"transcript": self._last_text}
        item = self._new_item(kind, role="assistant", **said)
        place: Json = {"response_id": response["id"], "output_index": 0}
        yield self._event("response.output_item.added", **place, item={**item, "content": []})
        place |= {"item_id": item["id"], "content_index": 0}
        yield from self._text(place) if is_text else self._sound(place)
        del place["item_id"], place["content_index"]
        yield self._event("response.output_item.done", **place, item=item)
        usage = self._usage(is_text=is_text)
        done = {**response, "status": "completed", "output": [item], "usage": usage}
        yield self._event("response.done", response=done)

    def _text(self, place: Json) -> Iterator[Json]:
        for token in tokens_of(self._last_text):
            yield self._event("response.output_text.delta", **place, delta=token)
        yield self._event("response.output_text.done", **place, text=self._last_text)

    def _sound(self, place: Json) -> Iterator[Json]:
        for token in tokens_of(self._last_text):
            yield self._event("response.output_audio_transcript.delta", **place, delta=token)
        for piece in tone_of(self._last_text):
            delta = b64encode(piece).decode()
            yield self._event("response.output_audio.delta", **place, delta=delta)
        yield self._event("response.output_audio.done", **place)
        text = self._last_text
        yield self._event("response.output_audio_transcript.done", **place, transcript=text)

    def _usage(self, *, is_text: bool) -> Json:
        words = len(tokens_of(self._last_text))
        length = sum(map(len, tone_of(self._last_text)))
        spoken = 0 if is_text else round(length / BYTES_PER_SECOND * TOKENS_PER_SECOND)
        read, self._text_tokens = self._text_tokens, 0
        heard, self._audio_tokens = self._audio_tokens, 0
        return {
            "total_tokens": read + heard + words + spoken,
            "input_tokens": read + heard,
            "output_tokens": words + spoken,
            "input_token_details": {"text_tokens": read, "audio_tokens": heard, "cached_tokens": 0},
            "output_token_details": {"text_tokens": words, "audio_tokens": spoken},
        }

    def _new_item(self, kind: str, *, role: str = "user", **members: object) -> Json:
        item_id = self._last_item = f"item_{self._new_id()}"
        content = [{"type": kind, **members}]
        told = {"id": item_id, "object": "realtime.item", "type": "message"}
        return {**told, "role": role, "status": "completed", "content": content}

    def _error(self, message: str, event: Json, code: str) -> Json:
        error = {"type": "invalid_request_error", "code": code, "message": message, "param": None}
        return self._event("error", error={**error, "event_id": event.get("event_id")})

    def _event(self, kind: str, **members: object) -> Json:
        return {"type": kind, "event_id": f"event_{self._new_id()}", **members}


def tone_of(text: str) -> Iterator[bytes]:
    """Return the pieces of the tone that says a text."""
    return speech(SpeechRequest(model="speech", input=text, response_format="pcm"))
