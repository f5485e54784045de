"""What a caller wants of a transcription session, read from OpenAI's `session.update`.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from conduit.v1.realtime_session_pb2 import (
    RealtimeAudioInput,
    RealtimeSession,
    RealtimeTranscription,
    RealtimeTurnDetection,
)
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.sound_format import LAWS, PCM, SoundFormat
from conduit_providers.operations.converse import ConverseCall
from conduit_providers.speech import PCM_RATE, PHONE_RATE

_RATES: Mapping[str, int] = {PCM: PCM_RATE, **dict.fromkeys(LAWS, PHONE_RATE)}
_PLACE = "session.audio.input"


class TurnDetection(msgspec.Struct, frozen=True):
    """The way in which the end of a turn is found: by silence."""

    silence_ms: int = 500
    # Of being speech, in [0, 1]; None for the provider's own.
    threshold: float | None = None


class TranscriptionSettings(msgspec.Struct, frozen=True):
    """The settings of a session; those of OpenAI's where nothing is said."""

    format: str = PCM
    language: str = ""
    languages: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    # None where the caller says when a turn ends.
    turns: TurnDetection | None = TurnDetection()

    @property
    def rate(self) -> int:
        """Return the samples of a second."""
        return _RATES[self.format]

    @property
    def sound(self) -> SoundFormat:
        """Return the format of the caller's sound."""
        return SoundFormat(self.format, self.rate)

    @property
    def named_languages(self) -> tuple[str, ...]:
        """Return the languages to expect, the first one first."""
        return self.languages or ((self.language,) if self.language else ())

    def as_json(self, model: str, name: str) -> dict[str, Any]:
        """Return the session that has these settings."""
        heard: dict[str, Any] = {"model": model}
        if self.language:
            heard["language"] = self.language
        if self.languages:
            heard["languages"] = list(self.languages)
        if self.keywords:
            heard["keywords"] = list(self.keywords)
        sound = {
            "format": {"type": self.format, "rate": self.rate},
            "noise_reduction": None,
            "transcription": heard,
            "turn_detection": None if self.turns is None else turns_as_json(self.turns),
        }
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "id": name,
            "audio": {"input": sound},
        }


def turns_as_json(turns: TurnDetection) -> dict[str, Any]:
    """Return the `turn_detection` of a session."""
    found: dict[str, Any] = {"type": "server_vad", "silence_duration_ms": turns.silence_ms}
    if turns.threshold is not None:
        found["threshold"] = turns.threshold
    return found


def updated(
    settings: TranscriptionSettings, session: RealtimeSession, call: ConverseCall
) -> TranscriptionSettings:
    """Return the settings with a caller's changes; what is not named stays.

    InvalidRequest where a session cannot be like that.
    """
    if session.type != "transcription":
        said = "This model only transcribes: the session's type is transcription"
        raise InvalidRequest(said, field="session.type")
    if session.include:
        call.drop("session.include", call.provider)
    sound = session.audio.input
    if sound.HasField("noise_reduction") and not sound.noise_reduction.off:
        call.drop(f"{_PLACE}.noise_reduction", call.provider)
    if sound.HasField("format"):
        settings = replace(settings, format=_format(sound))
    if sound.HasField("transcription"):
        settings = _heard(settings, sound.transcription, call)
    if sound.HasField("turn_detection"):
        settings = replace(settings, turns=_turns(sound.turn_detection, call))
    return settings


def _format(sound: RealtimeAudioInput) -> str:
    kind = sound.format.type
    if kind not in _RATES:
        raise InvalidRequest(f"A format is one of {', '.join(_RATES)}", field=f"{_PLACE}.format")
    if sound.format.HasField("rate") and sound.format.rate != _RATES[kind]:
        raise InvalidRequest(f"{kind} has {_RATES[kind]} Hz", field=f"{_PLACE}.format.rate")
    return kind


def _heard(
    settings: TranscriptionSettings, asked: RealtimeTranscription, call: ConverseCall
) -> TranscriptionSettings:
    if asked.off:
        said = "A transcription session transcribes"
        raise InvalidRequest(said, field=f"{_PLACE}.transcription")
    if asked.HasField("model") and asked.model not in {call.alias, call.model}:
        said = f"The session's model is {call.alias}"
        raise InvalidRequest(said, field=f"{_PLACE}.transcription.model")
    if asked.prompt:
        call.drop(f"{_PLACE}.transcription.prompt", call.provider)
    language = asked.language if asked.HasField("language") else settings.language
    return replace(
        settings,
        language=language,
        languages=tuple(asked.languages) or settings.languages,
        keywords=tuple(asked.keywords) or settings.keywords,
    )


def _turns(asked: RealtimeTurnDetection, call: ConverseCall) -> TurnDetection | None:
    if asked.off:
        return None
    if asked.type not in {"", "server_vad"}:
        call.drop(f"{_PLACE}.turn_detection.type", call.provider)
    silence = asked.silence_duration_ms if asked.HasField("silence_duration_ms") else 500
    if silence <= 0:
        place = f"{_PLACE}.turn_detection.silence_duration_ms"
        raise InvalidRequest("A silence is longer than 0 ms", field=place)
    return TurnDetection(silence, asked.threshold if asked.HasField("threshold") else None)
