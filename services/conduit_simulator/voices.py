"""Voices, and consents to them, made and deleted: ids alone, as all voices speak the same tone."""

from collections.abc import Callable

import orjson

from conduit_simulator.errors import ApiError, bad_request
from conduit_simulator.requests import ConsentRequest, VoiceRequest


class Voices:
    """Knows the voices of each key, for as long as the process lasts."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        # By id, the key that made it.
        self._made: dict[str, str] = {}
        self._consents: dict[str, str] = {}

    def create(self, request: VoiceRequest, key: str, created: int) -> bytes:
        """Return OpenAI's answer of a new voice. ApiError 400 for want of what it is made from."""
        answer: dict[str, object] = {"object": "audio.voice", "name": request.name}
        if request.type == "prompt":
            if not request.prompt.strip():
                raise bad_request("prompt is required", "prompt")
            answer["prompt"] = request.prompt
        elif request.audio_sample is None:
            raise bad_request("audio_sample is required", "audio_sample")
        elif not request.consent:
            raise bad_request("consent is required", "consent")
        voice_id = f"voice_{self._new_id()}"
        self._made[voice_id] = key
        answer |= {"id": voice_id, "created_at": created, "type": request.type}
        return orjson.dumps(answer)

    def delete(self, voice_id: str, key: str) -> bytes:
        """Delete a voice. ApiError 404 if the key has none of this id."""
        if self._made.get(voice_id) != key:
            raise ApiError(404, "No such voice", code="voice_not_found", param="voice_id")
        del self._made[voice_id]
        told = {"id": voice_id, "object": "audio.voice.deleted", "deleted": True}
        return orjson.dumps(told)

    def store_consent(self, request: ConsentRequest, key: str, created: int) -> bytes:
        """Return OpenAI's answer of a new consent. ApiError 400 for want of what was said."""
        if not request.recording:
            raise bad_request("recording is empty", "recording")
        consent_id = f"cons_{self._new_id()}"
        self._consents[consent_id] = key
        answer = {"id": consent_id, "object": "audio.voice_consent", "created_at": created}
        return orjson.dumps(answer | {"name": request.name, "language": request.language})

    def delete_consent(self, consent_id: str, key: str) -> bytes:
        """Delete a consent. ApiError 404 if the key has none of this id."""
        if self._consents.get(consent_id) != key:
            raise ApiError(404, "No such consent", code="consent_not_found", param="consent_id")
        del self._consents[consent_id]
        told = {"id": consent_id, "object": "audio.voice_consent", "deleted": True}
        return orjson.dumps(told)
