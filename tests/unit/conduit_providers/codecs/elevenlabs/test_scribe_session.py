"""Failures of ElevenLabs' sessions; what the events of others are, the wire cases show."""

import orjson
import pytest
from tests.support.translators import kinds, said, translator

from conduit_kernel.errors import (
    InsufficientFunds,
    InvalidApiKey,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRefused,
)
from conduit_providers.session_codec import SessionTranslator
from conduit_providers.wire import WebSocketRequest

SOUND = said("input_audio_buffer.append", audio="AAAA" * 16000)
COMMIT = said("input_audio_buffer.commit")


def scribe() -> SessionTranslator:
    """Return a session."""
    return translator("ElevenLabs", "scribe_v2_realtime")


def failure(kind: str) -> str:
    """Write that something went wrong."""
    return orjson.dumps({"message_type": kind, "error": "Something went wrong"}).decode()


def test_a_law_that_scribe_does_not_take_becomes_samples() -> None:
    """Of the same rate, which the handshake and each piece say."""
    session = scribe()
    asked = {"type": "transcription", "audio": {"input": {"format": {"type": "audio/pcma"}}}}
    handshake, _ = session.to_upstream(said("session.update", session=asked))
    assert isinstance(handshake, WebSocketRequest)
    assert "audio_format=pcm_8000" in handshake.path
    (chunk,) = session.to_upstream(said("input_audio_buffer.append", audio="1VU="))
    assert isinstance(chunk, str)
    told = orjson.loads(chunk)
    assert (told["audio_base_64"], told["sample_rate"]) == ("CAD4/w==", 8000)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("auth_error", InvalidApiKey),
        ("quota_exceeded", InsufficientFunds),
        ("rate_limited", UpstreamRateLimited),
        ("resource_exhausted", UpstreamRateLimited),
        ("input_error", UpstreamRefused),
        ("transcriber_error", UpstreamError),
    ],
)
def test_a_failure_is_of_the_class_that_its_type_means(
    kind: str, error: type[UpstreamError]
) -> None:
    """Before the session is open the next candidate has its chance."""
    session = scribe()
    assert kinds(session.from_upstream(failure(kind))) == ["error"]
    assert type(session.failure) is error


@pytest.mark.parametrize("kind", ["commit_throttled", "insufficient_audio_activity"])
def test_a_commit_that_fails_ends_its_item(kind: str) -> None:
    """The next one can be committed."""
    session = scribe()
    session.to_upstream(SOUND)
    assert kinds(session.to_upstream(COMMIT)) == ["committed"]
    assert kinds(session.from_upstream(failure(kind))) == ["error", "completed"]
    assert kinds(session.to_upstream(COMMIT)) == ["committed"]


def test_what_is_new_is_passed_over() -> None:
    """The caller has no use for it."""
    assert scribe().from_upstream('{"message_type":"brand_new","text":"x"}') == ()
