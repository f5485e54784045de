"""Consents at OpenAI: beside the voices, wherever these are."""

import pytest
from tests.support.replays import CATALOG

from conduit.v1.form_pb2 import FormFile
from conduit.v1.voice_consent_pb2 import VoiceConsentSpec
from conduit.v1.voice_consent_requests_pb2 import CreateVoiceConsentStart
from conduit_kernel.errors import UpstreamError
from conduit_providers.codec import ConsentCodec
from conduit_providers.codecs import codec_named
from conduit_providers.consent_form import consent_form
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

ENDPOINT = CATALOG.find("OpenAI").endpoints["create_voice"]
TARGET = Target("P", "OpenAI", "https://api.openai.com/v1")


@pytest.fixture
def codec() -> ConsentCodec:
    """Return the codec of OpenAI's voices."""
    found = codec_named(ENDPOINT.codec)
    assert isinstance(found, ConsentCodec)
    return found


def test_a_consent_is_sent_without_what_is_ours(codec: ConsentCodec) -> None:
    """The alias says where it goes, and goes nowhere."""
    file = FormFile(filename="a.wav", content_type="audio/wav", content=b"RIFF")
    spec = VoiceConsentSpec(name="Ann", language="en-US", recording=file, model="tts")
    form = consent_form(CreateVoiceConsentStart(consent=spec), ())
    request = codec.consent(form, ENDPOINT, TARGET)
    assert (request.method, request.path) == ("POST", "/audio/voice_consents")
    assert [name in request.body for name in (b'"name"', b'"recording"', b"RIFF")] == [True] * 3
    assert b"tts" not in request.body


def test_it_is_deleted_by_the_id_in_its_answer(codec: ConsentCodec) -> None:
    """Whatever stands in it, it is one part of the path."""
    consent_id = codec.consent_id(HttpResponse(200, {}, b'{"id":"cons_1/2"}'), TARGET)
    request = codec.consent_deletion(consent_id, ENDPOINT, TARGET)
    assert (request.method, request.path) == ("DELETE", "/audio/voice_consents/cons_1%2F2")


@pytest.mark.parametrize("body", [b"{}", b"[]", b"", b'{"id":1}'])
def test_an_answer_without_an_id_is_none(codec: ConsentCodec, body: bytes) -> None:
    """By name of the provider."""
    with pytest.raises(UpstreamError, match="P"):
        codec.consent_id(HttpResponse(200, {}, body), TARGET)
