"""The settings of transcription sessions."""

from typing import Any

import orjson
import pytest

from conduit.v1.realtime_client_event_json import realtime_client_event_from_json
from conduit.v1.realtime_session_pb2 import RealtimeSession
from conduit_kernel.errors import InvalidRequest, UnsupportedParameter
from conduit_providers.calls import Call
from conduit_providers.codecs.shared.transcription_settings import (
    TranscriptionSettings,
    TurnDetection,
    updated,
)
from conduit_providers.operations.converse import ConverseCall, realtime_opening

DEFAULT = TranscriptionSettings()


def call(*, is_strict: bool = False) -> ConverseCall:
    """Return the call of a session."""
    return Call(
        realtime_opening("alias"),
        alias="alias",
        model="nova-3",
        provider="Lumen",
        is_strict=is_strict,
        dropped=[],
    )


def asked(kind: str = "transcription", /, **sound: Any) -> RealtimeSession:  # noqa: ANN401 # JSON
    """Return a session as a caller writes it."""
    session = {"type": kind, "audio": {"input": sound}}
    event = orjson.loads(orjson.dumps({"type": "session.update", "session": session}))
    return realtime_client_event_from_json(event).session_update.session


@pytest.mark.parametrize(
    ("sound", "settings"),
    [
        ({}, DEFAULT),
        ({"format": {"type": "audio/pcma"}}, TranscriptionSettings(format="audio/pcma")),
        ({"format": {"type": "audio/pcm", "rate": 24000}}, DEFAULT),
        ({"turn_detection": None}, TranscriptionSettings(turns=None)),
        ({"turn_detection": {"type": "server_vad"}}, DEFAULT),
        (
            {"turn_detection": {"type": "server_vad", "threshold": 0.3, "silence_duration_ms": 9}},
            TranscriptionSettings(turns=TurnDetection(9, 0.3)),
        ),
        (
            {"transcription": {"model": "alias", "language": "de", "keywords": ["a"]}},
            TranscriptionSettings(language="de", keywords=("a",)),
        ),
        ({"transcription": {"languages": ["a", "b"]}}, TranscriptionSettings(languages=("a", "b"))),
    ],
)
def test_what_is_named_changes(sound: dict[str, Any], settings: TranscriptionSettings) -> None:
    """And what is not stays."""
    assert updated(DEFAULT, asked(**sound), call()) == settings
    assert updated(settings, asked(), call()) == settings


@pytest.mark.parametrize(
    ("sound", "field"),
    [
        ({"format": {"type": "audio/mp3"}}, "session.audio.input.format"),
        ({"format": {"type": "audio/pcm", "rate": 16000}}, "session.audio.input.format.rate"),
        ({"transcription": None}, "session.audio.input.transcription"),
        ({"transcription": {"model": "other"}}, "session.audio.input.transcription.model"),
        (
            {"turn_detection": {"type": "server_vad", "silence_duration_ms": 0}},
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
    ],
)
def test_what_no_session_can_be_is_refused(sound: dict[str, Any], field: str) -> None:
    """With the member at fault."""
    with pytest.raises(InvalidRequest) as refused:
        updated(DEFAULT, asked(**sound), call())
    assert refused.value.metadata["field"] == field


def test_a_session_that_speaks_is_refused() -> None:
    """The model only transcribes."""
    with pytest.raises(InvalidRequest, match="only transcribes"):
        updated(DEFAULT, asked("realtime"), call())


@pytest.mark.parametrize(
    ("sound", "dropped"),
    [
        ({"noise_reduction": {"type": "far_field"}}, "session.audio.input.noise_reduction"),
        ({"transcription": {"prompt": "x"}}, "session.audio.input.transcription.prompt"),
        ({"turn_detection": {"type": "semantic_vad"}}, "session.audio.input.turn_detection.type"),
    ],
)
def test_what_is_not_taken_is_dropped_unless_the_caller_is_strict(
    sound: dict[str, Any], dropped: str
) -> None:
    """Noise that is not to be taken out is no wish."""
    mine = call()
    assert updated(DEFAULT, asked(**sound, format={"type": "audio/pcm"}), mine) == DEFAULT
    assert mine.dropped == [dropped]
    with pytest.raises(UnsupportedParameter):
        updated(DEFAULT, asked(**sound), call(is_strict=True))
    assert updated(DEFAULT, asked(noise_reduction=None), call(is_strict=True)) == DEFAULT
